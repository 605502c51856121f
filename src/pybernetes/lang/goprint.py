"""JSON trees as Go prints them in messages."""

from __future__ import annotations

from typing import Any


def go_value(value: Any) -> str:
    """A value as Go prints it with `%v`: `map[spec:map[replicas:3]]`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"map[{' '.join(f'{key}:{go_value(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(go_value, value))}]"
        case _:
            return str(value)

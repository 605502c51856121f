"""Trees as YAML, in the style of upstream's writer: double quotes, blocks for texts of several lines, no folding."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from pybernetes.api.meta import Obj

_Writer: Any = yaml.SafeDumper
UNFOLDED = 2**31 - 1
"""A width that no line reaches."""


class _GoStyle(_Writer):  # type: ignore[misc]
    def choose_scalar_style(self) -> Any:
        style = super().choose_scalar_style()
        return '"' if style == "'" else style


def _text(writer: Any, value: str) -> Any:
    block = "|" if "\n" in value else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=block)


_GoStyle.add_representer(str, _text)


def write(tree: Obj) -> bytes:
    """The document; keys are sorted."""
    plain = orjson.loads(orjson.dumps(tree))
    text: str = yaml.dump(
        plain, Dumper=_GoStyle, sort_keys=True, default_flow_style=False, width=UNFOLDED, allow_unicode=True
    )
    return text.encode()

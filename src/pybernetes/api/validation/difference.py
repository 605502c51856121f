"""What differs between two trees, for messages about fields that may not change."""

from __future__ import annotations

import json

from ..meta import Obj


def difference(before: Obj, after: Obj) -> str:
    """The top fields that differ, a line with `-` for the old value and one with `+` for the new."""
    lines = []
    for field in sorted({*before, *after}):
        for sign, tree in (("-", before), ("+", after)):
            if before.get(field) != after.get(field) and tree.get(field) is not None:
                lines.append(f"{sign} {field}: {json.dumps(tree[field], sort_keys=True, default=str)}")
    return "\n".join(lines)

"""JSON Merge Patch (RFC 7386)."""

from __future__ import annotations

from typing import Any


def apply(original: Any, patch: Any) -> Any:
    """The patched tree. Neither input is changed; what the patch does not touch is shared with `original`."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = apply(merged.get(key), value)
        else:
            merged[key] = value
    return merged

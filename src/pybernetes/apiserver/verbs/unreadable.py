"""What upstream says of a body that is no object, or an object of another kind."""

from __future__ import annotations

from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import by_kind
from pybernetes.lang.patch_json import json_kind

_TYPE_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
"""What upstream's decoder reads first of all."""
SUMMARY = 30
"""Bytes of a body that upstream shows of one that it cannot read."""


def unrecognized(kind: Kind, why: str, data: bytes) -> BadRequest:
    """A body that does not even say what it is."""
    if not data:
        shown = "<empty>"
    else:
        first = data[:SUMMARY]
        shown = first.decode(errors="replace") if data[:1] == b"{" else first.hex()
        shown += " ..." if len(data) > SUMMARY else ""
    return BadRequest(f"the object provided is unrecognized (must be of type {kind.kind}): {why} ({shown})")


def other_kind(kind: Kind, api_version: str, kind_name: str) -> str:
    """What upstream says of an object that is not of the kind that the URL asks for."""
    _, _, version = api_version.rpartition("/")
    known = kind.own_schema is not None or by_kind(api_version, kind_name) is not None
    sentence = f'{kind_name} in version "{version}" cannot be handled as a {kind.kind}: '
    if not known:
        scheme = "pkg/api/legacyscheme/scheme.go:30"
        return (
            f'{sentence}no kind "{kind_name}" is registered for version "{api_version}" in scheme "{scheme}"'
        )
    if kind_name != kind.kind:
        internal = kind.group.partition(".")[0] or "core"
        return f"{sentence}converting ({version}.{kind_name}) to ({internal}.{kind.kind}): unknown conversion"
    return f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"


def no_object(kind: Kind, tree: Any, data: bytes) -> BadRequest:
    """A body that is JSON, but a list, a text or a number."""
    return unrecognized(kind, no_type(tree), data)


def no_type(tree: Any) -> str:
    """Why a JSON value that is no object says no type."""
    why = f"json: cannot unmarshal {json_kind(tree)} into Go value of type {_TYPE_META}"
    return f"couldn't get version/kind; json parse error: {why}"

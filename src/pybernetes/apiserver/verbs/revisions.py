"""Reading the resourceVersion parameter of requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pybernetes.api.errors import BadRequest, Cause, Invalid

from ..cacher import Cacher

MATCH = "resourceVersionMatch"
EXACT, NOT_OLDER = "Exact", "NotOlderThan"


def parse_revision(text: str) -> int:
    """The revision of a `resourceVersion` parameter. Raises BadRequest."""
    if not text.isdecimal() or not text.isascii():
        raise BadRequest(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def integer(text: str) -> int:
    """A parameter that must be a number. Raises BadRequest with Go's description."""
    try:
        return int(text)
    except ValueError as error:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def flag(text: str | None) -> bool:
    """A parameter that is true or false: given is true, whatever it says, but for `false` and `0`."""
    return text is not None and text.lower() not in ("false", "0")


async def at_least(cacher: Cacher, resource_version: str) -> None:
    """Returns when the caches are as fresh as the parameter asks for."""
    if not resource_version:
        await cacher.fresh()
    elif resource_version != "0":
        await cacher.wait_for(parse_revision(resource_version))
    elif not cacher.filled.is_set():
        await cacher.wait_for(cacher.revision)


Problem = tuple[str, str, str]
"""(field, message, reason of the cause)."""


def forbidden(field: str, detail: str) -> Problem:
    return field, f"Forbidden: {detail}", "FieldValueForbidden"


def unsupported(field: str, value: str, supported: tuple[str, ...]) -> Problem:
    choices = ", ".join(json.dumps(each) for each in supported)
    return (
        field,
        f"Unsupported value: {json.dumps(value)}: supported values: {choices}",
        "FieldValueNotSupported",
    )


def check_list_options(query: Mapping[str, str]) -> None:
    """Raises Invalid for parameters of a list that make no sense together (`ValidateListOptions`), BadRequest for a
    `timeoutSeconds` that is no number (which has no other meaning for a list)."""
    if seconds := query.get("timeoutSeconds"):
        integer(seconds)
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    found: list[Problem] = []
    if match:
        if not version:
            found.append(
                forbidden(MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided")
            )
        if query.get("continue"):
            found.append(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER):
            found.append(unsupported(MATCH, match, (EXACT, NOT_OLDER, "")))
        if match == EXACT and version == "0":
            found.append(
                forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
            )
    if "sendInitialEvents" in query:
        found.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _raise(found)


def check_watch_options(query: Mapping[str, str]) -> None:
    """The same of a watch."""
    match, initial = query.get("resourceVersionMatch", ""), "sendInitialEvents" in query
    found: list[Problem] = []
    if initial and match != NOT_OLDER:
        found.append(
            forbidden(MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        )
    if match:
        if not initial:
            found.append(
                forbidden(
                    MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
                )
            )
        if match != NOT_OLDER:
            found.append(unsupported(MATCH, match, (NOT_OLDER,)))
        if query.get("continue"):
            found.append(forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    _raise(found)


def _raise(found: Sequence[Problem]) -> None:
    if not found:
        return
    lines = [f"{field}: {message}" for field, message, _ in found]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    raise Invalid(
        f'ListOptions.meta.k8s.io "" is invalid: {text}',
        group="meta.k8s.io",
        kind="ListOptions",
        causes=[Cause(reason, message, field) for field, message, reason in found],
    )

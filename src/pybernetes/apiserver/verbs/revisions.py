"""Reading the resourceVersion parameter of requests."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest, Cause, Invalid

from ..cacher import Cacher


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


def invalid_list_options(field: str, detail: str, *, reason: str = "FieldValueForbidden") -> Invalid:
    """The error of a parameter that makes no sense beside the others."""
    what = "Forbidden" if reason == "FieldValueForbidden" else "Unsupported value"
    message = f"{what}: {detail}"
    return Invalid(
        f'ListOptions.meta.k8s.io "" is invalid: {field}: {message}',
        group="meta.k8s.io",
        kind="ListOptions",
        causes=[Cause(reason, message, field)],
    )

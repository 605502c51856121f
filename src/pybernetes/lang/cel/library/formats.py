"""Named formats: `format.dns1123Label().validate(name)`, `format.named('uuid')`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date
from typing import ClassVar

from ... import names, timestamps
from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import STRING, list_of, opaque, optional_of
from ..values import NONE, Optional
from .urls import OVERLOADS as _URL_FUNCTIONS

Check = Callable[[str], list[str]]


class Format:
    __slots__ = ("check", "name")
    CEL_TYPE: ClassVar[str] = "kubernetes.NamedFormat"

    def __init__(self, name: str, check: Check) -> None:
        self.name = name
        self.check = check

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_URL = next(overload.run for overload in _URL_FUNCTIONS if overload.name == "url")


def _prefix(check: Check) -> Check:
    """A name that something will be appended to may end in what it may not end in itself."""
    return lambda text: check(f"{text[:-1]}a" if text.endswith("-") else text)


def _uri(text: str) -> list[str]:
    try:
        _URL(text)
    except CelError as error:
        return [str(error)]
    return []


def _uuid(text: str) -> list[str]:
    return [] if _UUID.fullmatch(text) else ["does not match the UUID format"]


def _byte(text: str) -> list[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ["invalid base64"]
    return []


def _date(text: str) -> list[str]:
    try:
        if len(text) != 10:
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        return ["invalid date"]
    return []


def _datetime(text: str) -> list[str]:
    try:
        timestamps.parse(text)
    except timestamps.TimestampError:
        return ["invalid datetime"]
    return []


_FORMATS = {
    name: Format(name, check)
    for name, check in (
        ("dns1123Label", names.dns1123_label),
        ("dns1123Subdomain", names.dns1123_subdomain),
        ("dns1035Label", names.dns1035_label),
        ("qualifiedName", names.qualified_name),
        ("dns1123LabelPrefix", _prefix(names.dns1123_label)),
        ("dns1123SubdomainPrefix", _prefix(names.dns1123_subdomain)),
        ("dns1035LabelPrefix", _prefix(names.dns1035_label)),
        ("labelValue", names.label_value),
        ("uri", _uri),
        ("uuid", _uuid),
        ("byte", _byte),
        ("date", _date),
        ("datetime", _datetime),
    )
}


def _named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return NONE if found is None else Optional(True, found)


def _validate(form: Format, text: str) -> Optional:
    """The complaints, or none."""
    problems = form.check(text)
    return Optional(True, problems) if problems else NONE


def _getter(form: Format) -> Callable[[], Format]:
    return lambda: form


FORMAT = opaque("kubernetes.NamedFormat", Format)
TYPES = (FORMAT,)
OVERLOADS: tuple[Overload, ...] = (
    function("format.named", STRING, to=optional_of(FORMAT), run=_named),
    method("validate", FORMAT, STRING, to=optional_of(list_of(STRING)), run=_validate, heavy=True),
    *(function(f"format.{name}", to=FORMAT, run=_getter(form)) for name, form in _FORMATS.items()),
)

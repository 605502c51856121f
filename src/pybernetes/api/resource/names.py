"""Names of drivers, pools, devices, attributes and requests; lists and maps of bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

LONGEST_DRIVER, LONGEST_POOL, LONGEST_IDENTIFIER = 63, 253, 32
LONGEST_LABEL, LONGEST_QUALIFIED = 63, LONGEST_DRIVER + 1 + LONGEST_IDENTIFIER
LONGEST_EXPRESSION = LONGEST_PARAMETERS = 10 * 1024
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTIFIER = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
    "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
    "'[A-Za-z_][A-Za-z0-9_]*')"
)


def driver_name(value: str, errors: FieldErrors) -> None:
    """As CSI drivers are named: a domain of at most 63 characters."""
    if not value:
        errors.required()
        return
    if len(value) > LONGEST_DRIVER:
        errors.too_long(LONGEST_DRIVER)
    for message in names.dns1123_subdomain(value.lower()):
        errors.invalid(value, message)


def pool_name(value: str, errors: FieldErrors) -> None:
    """Domains joined by slashes."""
    if not value:
        errors.required()
        return
    if len(value) > LONGEST_POOL:
        errors.too_long(LONGEST_POOL)
    for part in value.split("/"):
        for message in names.dns1123_subdomain(part):
            errors.invalid(part, message)


def label_name(value: str, errors: FieldErrors) -> None:
    """A device, a request, a counter."""
    for message in names.dns1123_label(value):
        errors.invalid(value, message)


def class_name(value: str, errors: FieldErrors) -> None:
    if not value:
        errors.required()
    for message in names.dns1123_subdomain(value) if value else ():
        errors.invalid(value, message)


def node_name(value: str, errors: FieldErrors) -> None:
    for message in names.dns1123_subdomain(value):
        errors.invalid(value, message)


def share_id(value: str, errors: FieldErrors) -> None:
    if not _UID.fullmatch(value.lower()):
        errors.invalid(value, f"error validating uid: invalid UUID length: {len(value)}")
    elif not _UID.fullmatch(value):
        errors.invalid(
            value,
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase "
            "hexadecimal characters",
        )


def qualified(value: str, errors: FieldErrors) -> None:
    """`model` or `example.com/model`: an attribute or a capacity."""
    parts = value.split("/")
    if len(parts) > 2:
        errors.invalid(value, "must not contain more than one slash")
        return
    if len(parts) == 2:
        if parts[0]:
            driver_name(parts[0], errors)
        else:
            errors.invalid("", "the domain must not be empty")
    if len(parts) == 2 and not parts[1]:
        errors.invalid("", "the name must not be empty")
        return
    if len(parts[-1]) > LONGEST_IDENTIFIER:
        errors.too_long(LONGEST_IDENTIFIER)
    if not names.c_identifier(parts[-1]):
        errors.invalid(parts[-1], _IDENTIFIER)


def fully_qualified(value: str, errors: FieldErrors) -> None:
    qualified(value, errors)
    if "/" not in value:
        errors.invalid(value, "a fully qualified name must be a domain and a name separated by a slash")


def items(
    values: Sequence[Any], most: int, check: Callable[[Any, FieldErrors], None], errors: FieldErrors
) -> bool:
    """Checks each item of a list that is not too long; False where it is."""
    if len(values) > most:
        errors.too_many(len(values), most)
        return False
    for index, value in enumerate(values):
        check(value, errors.at(index))
    return True


def unique(
    values: Sequence[Any],
    most: int,
    check: Callable[[Any, FieldErrors], None],
    key: Callable[[Any], Any],
    errors: FieldErrors,
) -> None:
    """The same for a list whose keys must differ."""
    if not items(values, most, check, errors):
        return
    seen: set[Any] = set()
    for index, value in enumerate(values):
        found = key(value)
        if found in seen:
            errors.at(index).duplicate(found)
        seen.add(found)


def entries(
    values: Mapping[str, Any],
    most: int,
    check_key: Callable[[str, FieldErrors], None],
    check: Callable[[Any, FieldErrors], None],
    errors: FieldErrors,
    longest_key: int = LONGEST_LABEL,
) -> None:
    """Checks keys and values of a map that is not too large. Paths show longer keys without their middle."""
    if len(values) > most:
        errors.too_many(len(values), most)
        return
    for name, value in values.items():
        at = errors.at_key(_shortened(name, longest_key))
        check_key(name, at)
        check(value, at)


def _shortened(key: str, longest: int) -> str:
    if len(key) <= longest:
        return key
    kept = longest - 3
    return f"{key[: (kept + 1) // 2]}...{key[len(key) - kept // 2 :]}"


def opaque(config: Obj, errors: FieldErrors) -> None:
    """The configuration of a device that only its driver understands."""
    found, at = config.get("opaque"), errors.at("opaque")
    if found is None:
        at.required()
        return
    driver_name(found.get("driver") or "", at.at("driver"))
    raw(found.get("parameters"), LONGEST_PARAMETERS, at.at("parameters"))


def raw(value: Any, longest: int, errors: FieldErrors) -> None:
    """An embedded object of whatever form."""
    if value is None:
        errors.required()
    elif len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()) > longest:
        errors.too_long(longest)
    elif not isinstance(value, dict):
        errors.invalid("<value omitted>", "must be a valid JSON object")


def selector(value: Obj, errors: FieldErrors) -> None:
    """A device selector, whose expression must compile."""
    cel, at = value.get("cel"), errors.at("cel")
    if cel is None:
        at.required()
        return
    expression = cel.get("expression") or ""
    if len(expression.encode()) > LONGEST_EXPRESSION:
        at.too_long(LONGEST_EXPRESSION, "expression")
    elif not expression.strip():
        at.required("expression")
    else:
        from .devicecel import SelectorError, compile_selector

        try:
            compile_selector(expression)
        except SelectorError as error:
            at.invalid(expression, str(error), "expression")

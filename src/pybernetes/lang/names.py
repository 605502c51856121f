"""What names, labels and keys may look like; each check returns upstream's messages (empty: the value is good).

Rules and texts follow `apimachinery/pkg/util/validation`.
"""

from __future__ import annotations

import ipaddress
import re

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_C_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_PORT_NAME = r"[-a-z0-9]+"

_RE_LABEL = re.compile(_LABEL)
_RE_SUBDOMAIN = re.compile(_SUBDOMAIN)
_RE_LABEL_1035 = re.compile(_LABEL_1035)
_RE_QUALIFIED = re.compile(_QUALIFIED)
_RE_LABEL_VALUE = re.compile(_LABEL_VALUE)
_RE_CONFIG_KEY = re.compile(_CONFIG_KEY)
_RE_C_IDENTIFIER = re.compile(_C_IDENTIFIER)
_RE_PORT_NAME = re.compile(_PORT_NAME)
_RE_ENV_NAME = re.compile(r"[ -<>-~]+")


def _pattern_error(message: str, pattern: str, *examples: str) -> str:
    """Upstream's `RegexError`, its double blank before "or" included."""
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_ERROR = _pattern_error(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_ERROR = _pattern_error(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_LABEL_1035_ERROR = _pattern_error(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character",
    _LABEL_1035,
    "my-name",
    "abc-123",
)
_QUALIFIED_TEXT = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_LABEL_VALUE_ERROR = _pattern_error(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_ERROR = _pattern_error(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)


def _too_long(value: str, most: int) -> list[str]:
    return [f"must be no more than {most} bytes"] if len(value.encode()) > most else []


def dns1123_label(value: str) -> list[str]:
    """A namespace, a container: at most 63 of `a-z0-9-`."""
    return _too_long(value, 63) + ([] if _RE_LABEL.fullmatch(value) else [_LABEL_ERROR])


def dns1123_subdomain(value: str) -> list[str]:
    """The name of most objects: labels joined by dots, at most 253."""
    return _too_long(value, 253) + ([] if _RE_SUBDOMAIN.fullmatch(value) else [_SUBDOMAIN_ERROR])


def dns1035_label(value: str) -> list[str]:
    """A Service: as a DNS label, but beginning with a letter."""
    return _too_long(value, 63) + ([] if _RE_LABEL_1035.fullmatch(value) else [_LABEL_1035_ERROR])


def path_segment(value: str) -> list[str]:
    """A name that needs only be a part of a URL path (RBAC roles and bindings)."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{char}'" for char in ("/", "%") if char in value]


def qualified_name(value: str) -> list[str]:
    """A label key, an annotation key, a resource name: `[prefix/]name`."""
    errors: list[str] = []
    *prefixes, name = value.split("/")
    if len(prefixes) > 1:
        shape = _pattern_error(
            f"a qualified name {_QUALIFIED_TEXT}", _QUALIFIED, "MyName", "my.name", "123-abc"
        )
        return [f"{shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    if prefixes:
        prefix = prefixes[0]
        found = dns1123_subdomain(prefix) if prefix else ["must be non-empty"]
        errors += [f"prefix part {message}" for message in found]
    if not name:
        errors.append("name part must be non-empty")
    else:
        errors += [f"name part {message}" for message in _too_long(name, 63)]
    if not _RE_QUALIFIED.fullmatch(name):
        message = _pattern_error(_QUALIFIED_TEXT, _QUALIFIED, "MyName", "my.name", "123-abc")
        errors.append(f"name part {message}")
    return errors


def label_value(value: str) -> list[str]:
    return _too_long(value, 63) + ([] if _RE_LABEL_VALUE.fullmatch(value) else [_LABEL_VALUE_ERROR])


def config_map_key(value: str) -> list[str]:
    """A key of a ConfigMap or a Secret; it becomes a file name, so `..` may not lead."""
    errors = _too_long(value, 253)
    if not _RE_CONFIG_KEY.fullmatch(value):
        errors.append(_CONFIG_KEY_ERROR)
    if value == ".":
        errors.append("must not be '.'")
    elif value == "..":
        errors.append("must not be '..'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def env_var_name(value: str) -> list[str]:
    """An environment variable: printable ASCII without `=`."""
    if not _RE_ENV_NAME.fullmatch(value):
        return [
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        ]
    return []


def c_identifier(value: str) -> bool:
    return _RE_C_IDENTIFIER.fullmatch(value) is not None


def port_name(value: str) -> list[str]:
    """The name of a container or service port (an IANA service name)."""
    errors = _too_long(value, 15)
    if not _RE_PORT_NAME.fullmatch(value):
        errors.append("must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def ip_address(value: str) -> list[str]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []

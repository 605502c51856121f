"""CEL's functions: the standard ones and those that Kubernetes adds, one module each. A module exports `OVERLOADS` (and
`TYPES`, where it brings types that expressions can name)."""

from __future__ import annotations

from functools import lru_cache

from ..overloads import Functions
from ..types import Type
from . import (
    authz,
    conversions,
    formats,
    formatting,
    ip,
    jsonpatch,
    lists,
    operators,
    optionals,
    quantities,
    regex,
    semver,
    sets,
    strings,
    times,
    urls,
)

_MODULES = (
    operators,
    conversions,
    times,
    strings,
    formatting,
    regex,
    lists,
    sets,
    optionals,
    quantities,
    ip,
    urls,
    formats,
    semver,
    authz,
    jsonpatch,
)


@lru_cache(maxsize=1)
def functions() -> Functions:
    """All of them."""
    return Functions(overload for module in _MODULES for overload in module.OVERLOADS)


@lru_cache(maxsize=1)
def names() -> dict[str, Type]:
    """The types that expressions can name, besides the language's own."""
    return {
        type_.name: type_
        for module in (quantities, ip, urls, formats, semver, authz)
        for type_ in module.TYPES
    }

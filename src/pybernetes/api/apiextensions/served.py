"""What a CustomResourceDefinition serves, as clients need to know it: kinds without schemas."""

from __future__ import annotations

import re

from ..kind import Kind
from ..meta import Obj
from .conditions import is_true

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGES = {None: 2, "beta": 1, "alpha": 0}


def priority(version: str) -> tuple[int, int, int, int, str]:
    """A sort key for upstream's order of versions: v10, v2, v1, v11beta2, v10beta3, v3beta1, v12alpha1, foo1, foo10."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (1, 0, 0, 0, version)
    major, stage, minor = found.groups()
    return (0, -_STAGES[stage], -int(major), -int(minor or 0), version)


def served_kinds(crd: Obj) -> tuple[Kind, ...]:
    """A row per served version, the preferred one first; none where the definition is not established."""
    if not is_true(crd, "Established"):
        return ()
    spec = crd["spec"]
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    versions = sorted((v["name"] for v in spec["versions"] if v.get("served")), key=priority)
    return tuple(
        Kind(
            group=spec["group"],
            version=version,
            kind=names["kind"],
            plural=names["plural"],
            namespaced=spec["scope"] == "Namespaced",
            singular=names.get("singular", ""),
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            storage_prefix=f"{spec['group']}/{names['plural']}",
        )
        for version in versions
    )

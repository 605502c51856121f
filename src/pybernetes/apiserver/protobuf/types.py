"""Which definition an `apiVersion` and a `kind` stand for, in bodies and in answers."""

from __future__ import annotations

from functools import lru_cache

from pybernetes.api import kinds
from pybernetes.api.schema import definition

from .fields import numbers

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
JSON_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
OF_ALL_GROUPS = frozenset({"DeleteOptions", "Status", "WatchEvent"})
"""Types that any group and version may name as its own."""
OF_DISCOVERY = frozenset({"APIGroup", "APIGroupList", "APIResourceList", "APIVersions"})
PARTIAL = "PartialObjectMetadata"
OTHER_TYPES = {
    ("autoscaling/v1", "Scale"): "io.k8s.api.autoscaling.v1.Scale",
    ("policy/v1", "Eviction"): "io.k8s.api.policy.v1.Eviction",
    ("authentication.k8s.io/v1", "TokenRequest"): "io.k8s.api.authentication.v1.TokenRequest",
    ("v1", "Binding"): "io.k8s.api.core.v1.Binding",
}
"""Types of subresources, which are no resources of their own."""


@lru_cache(maxsize=512)
def definition_of(api_version: str, kind: str) -> str:
    """The name of the definition; "" where there is none with a protobuf form."""
    if kind in OF_ALL_GROUPS or (kind in OF_DISCOVERY and api_version in ("", "v1")):
        return f"{META}.{kind}"
    known = kinds.by_kind(api_version, kind)
    if known is not None:
        return speaking(known.schema)
    other = OTHER_TYPES.get((api_version, kind), "")
    if other or not kind.endswith("List"):
        return other
    item = kinds.by_kind(api_version, kind.removesuffix("List"))
    return speaking(f"{item.schema}List") if item is not None else ""


@lru_cache(maxsize=512)
def speaking(name: str) -> str:
    """The definition's name if it has a protobuf form (custom resources have none), else ""."""
    return name if name and definition(name) is not None and numbers(name) else ""

"""The aggregated discovery document (`apidiscovery.k8s.io`) as protobuf. Its field numbers stand here, since none of its
kinds is in the OpenAPI definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang.protobufwire import BYTES, delimited, key

from .envelope import wrap

_FIELDS: Mapping[str, tuple[tuple[int, str, str], ...]] = {
    "APIGroupDiscoveryList": ((1, "metadata", "ListMeta"), (2, "items", "APIGroupDiscovery*")),
    "APIGroupDiscovery": ((1, "metadata", "ObjectMeta"), (2, "versions", "APIVersionDiscovery*")),
    "APIVersionDiscovery": (
        (1, "version", "string"),
        (2, "resources", "APIResourceDiscovery*"),
        (3, "freshness", "string"),
    ),
    "APIResourceDiscovery": (
        (1, "resource", "string"),
        (2, "responseKind", "GroupVersionKind"),
        (3, "scope", "string"),
        (4, "singularResource", "string"),
        (5, "verbs", "string*"),
        (6, "shortNames", "string*"),
        (7, "categories", "string*"),
        (8, "subresources", "APISubresourceDiscovery*"),
    ),
    "APISubresourceDiscovery": (
        (1, "subresource", "string"),
        (2, "responseKind", "GroupVersionKind"),
        (3, "acceptedTypes", "GroupVersionKind*"),
        (4, "verbs", "string*"),
    ),
    "GroupVersionKind": ((1, "group", "string"), (2, "version", "string"), (3, "kind", "string")),
    "ListMeta": ((2, "resourceVersion", "string"),),
    "ObjectMeta": ((1, "name", "string"),),
}
"""Message -> (number, JSON name, type; `*` behind a type that is repeated)."""


def encode_discovery(document: Obj) -> bytes:
    """The body that says what the JSON document says."""
    return wrap(document["apiVersion"], document["kind"], _message("APIGroupDiscoveryList", document))


def _message(name: str, tree: Obj) -> bytes:
    parts = []
    for number, field, type_ in _FIELDS[name]:
        value = tree.get(field)
        if value is None:
            continue
        one = type_.removesuffix("*")
        values: list[Any] = value if type_.endswith("*") else [value]
        before = key(number, BYTES)
        parts += [
            delimited(before, each.encode() if one == "string" else _message(one, each)) for each in values
        ]
    return b"".join(parts)

"""The schema of a custom resource as OpenAPI documents show it: `kubectl explain` and client-side validation read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_V3_ONLY = ("oneOf", "anyOf", "not", "nullable", "default", "x-kubernetes-validations")
_DESCRIPTIONS = {
    "apiVersion": "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    "kind": "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    "metadata": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
}


def schema_name(group: str, version: str, kind: str) -> str:
    """`com.example.stable.v1.CronTab`."""
    return f"{'.'.join(reversed(group.split('.')))}.{version}.{kind}"


def whole(raw: Mapping[str, Any], dialect: int, gvk: tuple[str, str, str]) -> dict[str, Any]:
    """The schema with what every object has. `dialect` is 2 or 3."""
    tree = _converted(raw, dialect)
    tree["properties"] = {**(tree.get("properties") or {})}
    for field in ("apiVersion", "kind"):
        tree["properties"][field] = {"type": "string", "description": _DESCRIPTIONS[field]}
    prefix = "#/definitions/" if dialect == 2 else "#/components/schemas/"
    reference: dict[str, Any] = {"$ref": f"{prefix}{META}.ObjectMeta"}
    shown = {"allOf": [reference]} if dialect == 3 else reference
    tree["properties"]["metadata"] = {"description": _DESCRIPTIONS["metadata"], **shown}
    tree["properties"] = dict(sorted(tree["properties"].items()))
    group, version, kind = gvk
    tree["x-kubernetes-group-version-kind"] = [{"group": group, "version": version, "kind": kind}]
    return tree


def _converted(raw: Mapping[str, Any], dialect: int) -> dict[str, Any]:
    """Version 2 of OpenAPI has no oneOf, anyOf, not and nullable; a value that keeps unknown fields or may be null
    has no type there, so that old clients let it pass."""
    tree: dict[str, Any] = {k: v for k, v in raw.items() if dialect == 3 or k not in _V3_ONLY}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(tree.get(key), Mapping):
            tree[key] = _converted(tree[key], dialect)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in tree:
            tree[key] = [_converted(each, dialect) for each in tree[key]]
    if isinstance(tree.get("properties"), Mapping):
        tree["properties"] = {name: _converted(below, dialect) for name, below in tree["properties"].items()}
    if dialect == 2:
        tree.pop("allOf", None)
        if raw.get("nullable"):
            for key in ("type", "items", "properties", "additionalProperties"):
                tree.pop(key, None)
        if raw.get("x-kubernetes-preserve-unknown-fields"):
            tree.pop("items", None)
            tree.pop("additionalProperties", None)
        if raw.get("x-kubernetes-embedded-resource"):
            tree["properties"] = {
                **(tree.get("properties") or {}),
                "apiVersion": {"type": "string", "description": _DESCRIPTIONS["apiVersion"]},
                "kind": {"type": "string", "description": _DESCRIPTIONS["kind"]},
                "metadata": {
                    "$ref": f"#/definitions/{META}.ObjectMeta",
                    "description": _DESCRIPTIONS["metadata"],
                },
            }
    return tree

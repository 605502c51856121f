"""Definitions of custom resources for scenarios, and their way to being served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import gone

ANYTHING: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


def definition(
    plural: str,
    openapi: Obj = ANYTHING,
    *,
    versions: tuple[str, ...] = ("v1",),
    group: str = "conformance.example.com",
    kind: str = "",
    **spec: Any,
) -> dict[str, Any]:
    """A namespaced resource in these versions, all of one schema, stored in the first."""
    names = {"plural": plural, "singular": plural.removesuffix("s"), "kind": kind or plural.capitalize()}
    rows = [
        {"name": name, "served": True, "storage": name == versions[0], "schema": {"openAPIV3Schema": openapi}}
        for name in versions
    ]
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": rows, **spec},
    }


def kind_of(c: Cluster, crd: Obj, version: str = "") -> Kind:
    """The kind as it is served now (in the first version unless another is named)."""
    spec = crd["spec"]
    wanted = (spec["group"], version or spec["versions"][0]["name"], spec["names"]["plural"])
    [kind] = [k for k in c.kinds() if (k.group, k.version, k.plural) == wanted]
    return kind


@asynccontextmanager
async def defined(c: Cluster, crd: Obj) -> AsyncIterator[Kind]:
    """A definition that is served while the block runs; its kind in the first version."""
    name = crd["metadata"]["name"]
    await c.client.create(kinds.CUSTOMRESOURCEDEFINITION, crd)
    await c.wait(f"customresourcedefinition/{name}", "Established")
    try:
        yield kind_of(c, crd)
    finally:
        await c.client.delete(kinds.CUSTOMRESOURCEDEFINITION, name)
        await gone(c.client, kinds.CUSTOMRESOURCEDEFINITION, name)

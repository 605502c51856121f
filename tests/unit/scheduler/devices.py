"""Short ways to write the objects of resource.k8s.io."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.scheduler.dynamicresources import asked, pools
from pybernetes.scheduler.dynamicresources.inuse import InUse
from pybernetes.scheduler.dynamicresources.result import allocation
from pybernetes.scheduler.dynamicresources.search import Reach, allocate

DRIVER = "gpu.example.com"


def device(name: str, /, **rest: Any) -> dict[str, Any]:
    """Attributes by keyword (their type is the value's); what is a field of a device goes there."""
    fields = {
        "taints", "capacity", "consumesCounters", "allowMultipleAllocations", "nodeName", "allNodes", "nodeSelector",
        "bindingConditions", "bindingFailureConditions", "bindsToNode",
    }  # fmt: skip
    tree = {key: rest.pop(key) for key in [*rest] if key in fields}
    if "capacity" in tree:
        tree["capacity"] = {
            name: value if isinstance(value, dict) else {"value": value}
            for name, value in tree["capacity"].items()
        }
    kinds = {bool: "bool", int: "int", str: "string"}
    attributes = {key: {kinds[type(value)]: value} for key, value in rest.items()}
    return {"name": name, **({"attributes": attributes} if attributes else {}), **tree}


def slice_(
    name: str, *devices: dict[str, Any], node: str = "", pool: str = "", **spec: Any
) -> dict[str, Any]:
    """Of the node `node`, unless the spec says otherwise."""
    generation, count = spec.pop("generation", 1), spec.pop("count", 1)
    if node:
        spec["nodeName"] = node
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": name},
        "spec": {
            "driver": spec.pop("driver", DRIVER),
            "pool": {"name": pool or node or name, "generation": generation, "resourceSliceCount": count},
            "devices": list(devices),
            **spec,
        },
    }


def device_class(name: str = "gpu", *expressions: str, **spec: Any) -> dict[str, Any]:
    if expressions:
        spec["selectors"] = [{"cel": {"expression": each}} for each in expressions]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": spec,
    }


def exactly(name: str = "req", class_name: str = "gpu", *expressions: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "exactly": wanted(class_name, *expressions, **rest)}


def either(name: str, *alternatives: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": f"alt-{index}", **each} for index, each in enumerate(alternatives)]
    return {"name": name, "firstAvailable": named}


def wanted(class_name: str = "gpu", *expressions: str, **rest: Any) -> dict[str, Any]:
    if rest.pop("all", False):
        rest["allocationMode"] = "All"
    else:
        rest = {"allocationMode": "ExactCount", "count": 1, **rest}
    if expressions:
        rest["selectors"] = [{"cel": {"expression": each}} for each in expressions]
    return {"deviceClassName": class_name, **rest}


def claim(name: str, *requests: dict[str, Any], namespace: str = "default", **devices: Any) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "1"},
        "spec": {"devices": {"requests": list(requests or (exactly(),)), **devices}},
    }


def allocated(tree: Obj, *devices: str, pool: str = "a", **allocation: Any) -> dict[str, Any]:
    results = [
        {"request": "req", "driver": DRIVER, "pool": pool, "device": name, **allocation.get("result", {})}
        for name in devices
    ]
    rest = {key: value for key, value in allocation.items() if key != "result"}
    return {**tree, "status": {"allocation": {"devices": {"results": results}, **rest}}}


def reach(
    slices: Sequence[Obj], node: str, labels: dict[str, str] | None = None, rules: Sequence[Obj] = ()
) -> list[Reach]:
    by_pool: dict[tuple[str, str], list[Obj]] = {}
    for each in slices:
        by_pool.setdefault(pools.pool_of(each), []).append(each)
    found = []
    for pool in (pools.build(each, rules) for each in by_pool.values()):
        assert pool is not None
        seen = pool.for_node(node, labels or {})
        if seen is not None:
            found.append(Reach(pool, seen))
    found.sort(key=lambda each: (each.pool.conditional, each.pool.id))
    return found


def solve(
    claims: Sequence[Obj],
    slices: Sequence[Obj],
    classes: Sequence[Obj] = (),
    node: str = "a",
    labels: dict[str, str] | None = None,
    in_use: Sequence[Obj] = (),
    rules: Sequence[Obj] = (),
) -> list[dict[str, Any]] | None:
    """The allocation of each claim on a node, None where there is none."""
    known = {each["metadata"]["name"]: each for each in classes or (device_class(),)}
    taken = InUse()
    for each in in_use:
        taken.add(each["status"]["allocation"]["devices"]["results"])
    read = [asked.read(each, known.get) for each in claims]
    chosen = allocate(read, reach(slices, node, labels, rules), taken)
    if chosen is None:
        return None
    return [allocation(one, got, node) for one, got in zip(read, chosen, strict=True)]


def names(found: list[dict[str, Any]] | None) -> list[list[str]] | None:
    """The devices of each claim as `request=device`."""
    if found is None:
        return None
    return [
        [f"{each['request']}={each['device']}" for each in one["devices"].get("results", ())] for one in found
    ]

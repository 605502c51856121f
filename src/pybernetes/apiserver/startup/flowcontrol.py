"""The priority levels and flow schemas that every cluster has: upstream's mandatory and suggested ones.

Mandatory objects are put right whatever was done to them; suggested ones follow this table while their annotation says
so. And every FlowSchema is told whether the level that it names is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pybernetes.aio import upkeep
from pybernetes.api.cells import dig
from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.flowcontrol.mandatory import (
    ANY,
    EVERYBODY,
    EXEMPT,
    MANDATORY_LEVELS,
    MANDATORY_SCHEMAS,
    everything,
    groups,
    limited,
    paths,
    resources,
    schema,
    service_accounts,
    users,
)
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.kinds import FLOWSCHEMA, PRIORITYLEVELCONFIGURATION
from pybernetes.api.meta import MutableObj, Obj, annotations_of, evolve, name_of
from pybernetes.client.interface import Call
from pybernetes.lang import timestamps

if TYPE_CHECKING:
    from ..inprocess import InProcessTransport
    from ..registry import Registry

log = logging.getLogger(__name__)

AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
INTERVAL = 60.0
"""Seconds between looks at whether it is all still there."""

_MANAGER, _SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"
_OF_KUBE_SYSTEM = service_accounts("kube-system", "*")
_LEASES = resources(("get", "create", "update"), ("coordination.k8s.io",), ("leases",))

SUGGESTED_LEVELS: Mapping[str, Obj] = {
    "system": limited(30, 33, (64, 6, 50)),
    "node-high": limited(40, 25, (64, 6, 50)),
    "leader-election": limited(10, 0, (16, 4, 50)),
    "workload-high": limited(40, 50, (128, 6, 50)),
    "workload-low": limited(100, 90, (128, 6, 50)),
    "global-default": limited(20, 50, (128, 6, 50)),
}
SUGGESTED_SCHEMAS: Mapping[str, Obj] = {
    "system-nodes": schema("system", 500, "ByUser", everything(groups("system:nodes"))),
    "system-node-high": schema(
        "node-high",
        400,
        "ByUser",
        {
            "subjects": groups("system:nodes"),
            "resourceRules": [
                resources(ANY, ("",), ("nodes", "nodes/status"), cluster=True),
                resources(ANY, ("coordination.k8s.io",), ("leases",)),
            ],
        },
    ),
    "probes": schema(
        EXEMPT,
        2,
        "",
        {
            "subjects": list(EVERYBODY),
            "nonResourceRules": [paths(("get",), ("/healthz", "/readyz", "/livez"))],
        },
    ),
    "system-leader-election": schema(
        "leader-election",
        100,
        "ByUser",
        {"subjects": [*users(_MANAGER, _SCHEDULER), *_OF_KUBE_SYSTEM], "resourceRules": [_LEASES]},
    ),
    "workload-leader-election": schema(
        "leader-election", 200, "ByUser", {"subjects": _OF_KUBE_SYSTEM, "resourceRules": [_LEASES]}
    ),
    "endpoint-controller": schema(
        "workload-high",
        150,
        "ByUser",
        {
            "subjects": [
                *users(_MANAGER),
                *service_accounts("kube-system", "endpoint-controller", "endpointslicemirroring-controller"),
            ],
            "resourceRules": [resources(("get", "create", "update"), ("",), ("endpoints",))],
        },
    ),
    "kube-controller-manager": schema("workload-high", 800, "ByNamespace", everything(users(_MANAGER))),
    "kube-scheduler": schema("workload-high", 800, "ByNamespace", everything(users(_SCHEDULER))),
    "kube-system-service-accounts": schema("workload-high", 900, "ByNamespace", everything(_OF_KUBE_SYSTEM)),
    "service-accounts": schema("workload-low", 9000, "ByUser", everything(groups("system:serviceaccounts"))),
    "global-default": schema("global-default", 9900, "ByUser", everything(EVERYBODY)),
}


async def publish(transport: InProcessTransport, registry: Registry) -> None:
    """Writes what is missing or not as it must be: levels first, schemas name them."""
    for kind, mandatory, suggested in (
        (PRIORITYLEVELCONFIGURATION, MANDATORY_LEVELS, SUGGESTED_LEVELS),
        (FLOWSCHEMA, MANDATORY_SCHEMAS, SUGGESTED_SCHEMAS),
    ):
        async with asyncio.TaskGroup() as group:
            for name, spec in (*mandatory.items(), *suggested.items()):
                found = registry.cache(kind).get("", name)
                tree = None if found is None else found.tree()
                write = needed(kind, name, spec, tree, forced=name in mandatory)
                if write is not None:
                    group.create_task(_quietly(transport, write))


def needed(kind: Kind, name: str, spec: Obj, found: Obj | None, *, forced: bool) -> Call | None:
    """The write that makes an object what this table says, None where nothing is to be done."""
    if found is None:
        tree = new_object(kind, name, spec=spec)
        tree["metadata"]["annotations"] = {AUTO_UPDATE: "true"}
        return Call("create", kind, body=tree)
    if found.get("spec") == spec or not (forced or follows(found)):
        return None
    if name == EXEMPT and kind is PRIORITYLEVELCONFIGURATION and not follows(found):
        return None  # its `exempt` may be tuned
    return Call("update", kind, name=name, body=evolve(found, "spec", spec))


def follows(found: Obj) -> bool:
    """Whether a suggested object is kept as this table has it: said by the annotation, else until its first change."""
    said = annotations_of(found).get(AUTO_UPDATE)
    return said == "true" if said is not None else found["metadata"].get("generation") == 1


async def keep(transport: InProcessTransport, registry: Registry, now: Callable[[], float]) -> None:
    """Publishes again at intervals, and keeps the statuses of FlowSchemas true, until cancelled."""
    changed = asyncio.Event()
    changed.set()
    for kind in (FLOWSCHEMA, PRIORITYLEVELCONFIGURATION):
        registry.cache(kind).observers.append(lambda _change: changed.set())
    async with asyncio.TaskGroup() as group:
        group.create_task(_follow(transport, registry, now, changed))
        while True:
            await upkeep.pause(INTERVAL)
            await _logged(publish(transport, registry))


async def _follow(
    transport: InProcessTransport, registry: Registry, now: Callable[[], float], changed: asyncio.Event
) -> None:
    while True:
        await changed.wait()
        changed.clear()
        await _logged(tell(transport, registry, now()))


async def tell(transport: InProcessTransport, registry: Registry, now: float) -> None:
    """Writes the condition Dangling of the FlowSchemas where it is not true."""
    levels = registry.cache(PRIORITYLEVELCONFIGURATION)
    for version in registry.cache(FLOWSCHEMA).in_namespace(""):
        tree = version.tree()
        level = dig(tree, "spec", "priorityLevelConfiguration", "name") or ""
        status = with_dangling(tree, level, levels.get("", level) is not None, now)
        if status is not None:
            body = evolve(tree, "status", status)
            await _quietly(
                transport, Call("update", FLOWSCHEMA, name=name_of(tree), subresource="status", body=body)
            )


def with_dangling(tree: Obj, level: str, there: bool, now: float) -> MutableObj | None:
    """The status that says whether the level is there; None where it says so already."""
    refers = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    condition: dict[str, Any] = {
        "type": "Dangling",
        "status": "False" if there else "True",
        "lastTransitionTime": timestamps.rfc3339(now),
        "reason": "Found" if there else "NotFound",
        "message": f"{refers} and it exists" if there else f"{refers} but there is no such object",
    }
    others = []
    for each in dig(tree, "status", "conditions") or ():
        if each.get("type") != "Dangling":
            others.append(each)
        elif (each.get("status"), each.get("message")) == (condition["status"], condition["message"]):
            return None
    return {**(tree.get("status") or {}), "conditions": [*others, condition]}


async def _quietly(transport: InProcessTransport, call: Call) -> None:
    try:
        await transport.call(call)
    except (AlreadyExists, Conflict, NotFound):
        return  # another API server was faster: it does the same


async def _logged(work: Any) -> None:
    try:
        await work
    except* ApiError as errors:
        for error in errors.exceptions:
            log.warning("priority and fairness could not be written: %s", error)

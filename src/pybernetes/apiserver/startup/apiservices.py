"""The APIServices of what this server serves itself: one for each version of each group, always available.

Their priorities order the groups in discovery; who lists `apiservices` sees everything that is served here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pybernetes.aio import upkeep
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.kinds import APISERVICE, CUSTOMRESOURCEDEFINITION
from pybernetes.api.meta import MutableObj, labels_of, name_of
from pybernetes.client.interface import Call

from ..grouporder import DEFINED_PRIORITIES, PRIORITIES
from .bootstrap import ensure

if TYPE_CHECKING:
    from ..inprocess import InProcessTransport
    from ..registry import Registry

log = logging.getLogger(__name__)

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ON_START, ALWAYS = "onstart", "true"
"""Made once at start, for built-in groups; kept in step, for those of CustomResourceDefinitions."""
RETRY = 5.0
"""Seconds before what could not be written is tried again."""


async def publish(transport: InProcessTransport, registry: Registry) -> None:
    """Makes what is missing, and takes away what an older server made and this one does not serve."""
    wanted = {name_of(tree): tree for tree in services(registry.group_versions())}
    async with asyncio.TaskGroup() as group:
        for tree in wanted.values():
            group.create_task(ensure(transport, registry, APISERVICE, tree))
        for name in _managed(registry, ON_START) - wanted.keys():
            group.create_task(_remove(transport, name))


async def keep(transport: InProcessTransport, registry: Registry) -> None:
    """Follows the CustomResourceDefinitions: each version that they serve has its APIService. Until cancelled."""
    changed = asyncio.Event()
    changed.set()
    registry.cache(CUSTOMRESOURCEDEFINITION).observers.append(lambda _change: changed.set())
    while True:
        await changed.wait()
        changed.clear()
        try:
            await follow_definitions(transport, registry)
        except* ApiError as errors:
            for error in errors.exceptions:
                log.warning("an APIService of a custom resource could not be written: %s", error)
            changed.set()
            await upkeep.pause(RETRY)


async def follow_definitions(transport: InProcessTransport, registry: Registry) -> None:
    """Makes and removes what the definitions of this moment ask for."""
    wanted = {name_of(tree): tree for tree in defined_services(registry)}
    async with asyncio.TaskGroup() as group:
        for tree in wanted.values():
            group.create_task(ensure(transport, registry, APISERVICE, tree))
        for name in _managed(registry, ALWAYS) - wanted.keys():
            group.create_task(_remove(transport, name))


def defined_services(registry: Registry) -> list[MutableObj]:
    """The APIServices of the groups that CustomResourceDefinitions make."""
    served = {
        (spec.get("group", ""), version.get("name", ""))
        for found in registry.cache(CUSTOMRESOURCEDEFINITION).in_namespace("")
        for spec in [found.tree().get("spec") or {}]
        for version in spec.get("versions") or ()
        if version.get("served")
    }
    return [
        local_service(group, version, DEFINED_PRIORITIES, ALWAYS)
        for group, version in sorted(served)
        if (group, version) not in PRIORITIES
    ]


def _managed(registry: Registry, how: str) -> set[str]:
    """The names of the APIServices that servers keep in this way."""
    versions = registry.cache(APISERVICE).in_namespace("")
    return {version.name for version in versions if labels_of(version.tree()).get(MANAGED) == how}


async def _remove(transport: InProcessTransport, name: str) -> None:
    try:
        await transport.call(Call("delete", APISERVICE, name=name))
    except (Conflict, NotFound):
        return  # another API server was faster: it does the same


def services(group_versions: Iterable[tuple[str, str]]) -> list[MutableObj]:
    """The local APIServices of the built-in ones among these (group, version) pairs."""
    return [
        local_service(group, version, PRIORITIES[group, version], ON_START)
        for group, version in group_versions
        if (group, version) in PRIORITIES
    ]


def local_service(group: str, version: str, priorities: tuple[int, int], managed: str) -> MutableObj:
    """An APIService that this server answers itself."""
    of_group, of_version = priorities
    tree = new_object(APISERVICE, f"{version}.{group}")
    tree["metadata"]["labels"] = {MANAGED: managed}
    spec: MutableObj = {"version": version, "groupPriorityMinimum": of_group, "versionPriority": of_version}
    if group:
        spec["group"] = group
    return {**tree, "spec": spec}

"""`/api/v1/componentstatuses`: how the parts of the control plane are, found out at the moment of the question.

The store is asked. The scheduler and the controller manager, which this server cannot see, are known by the checks that
whoever runs them beside it has put into `Services.component_checks`, or by the Lease that a leader holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.errors import InternalError
from pybernetes.api.kind import new_object
from pybernetes.api.kinds import COMPONENTSTATUS, LEASE
from pybernetes.lang import timestamps

from .context import RequestContext
from .health import LIVE
from .replies import ListReply, Reply, TreeReply
from .selection import selection_of
from .services import Services
from .version import Version, encode

LEASES: Mapping[str, str] = {
    "scheduler": "kube-scheduler",
    "controller-manager": "kube-controller-manager",
}
"""Component -> the Lease of its leader, in kube-system."""
STORE = "etcd-0"
NAMES = (*LEASES, STORE)


async def get_component_status(ctx: RequestContext) -> Reply:
    """Raises InternalError for a component that there is not, as upstream does."""
    name = ctx.info.name
    if name not in NAMES:
        raise InternalError(f"Component not found: {name}")
    return TreeReply(await _status(ctx.services, name), 200, COMPONENTSTATUS)


async def list_component_statuses(ctx: RequestContext) -> Reply:
    selection = selection_of(COMPONENTSTATUS, "", "", ctx.query)
    revision = ctx.services.cacher.revision
    versions = []
    for name in NAMES:
        tree = await _status(ctx.services, name)
        version = Version(COMPONENTSTATUS, name, encode(tree), revision)
        if selection.matches(version):
            versions.append(version)
    return ListReply(COMPONENTSTATUS, versions, revision)


async def _status(services: Services, name: str) -> dict[str, Any]:
    problem = await _problem(services, name)
    condition = {"type": "Healthy", "status": "False" if problem else "True"}
    condition |= {"error": problem} if problem else {"message": "ok"}
    return new_object(COMPONENTSTATUS, name, conditions=[condition])


async def _problem(services: Services, name: str) -> str:
    """What is wrong with a component; "" for nothing."""
    if name == STORE:
        return await LIVE["etcd"](services)
    check = services.component_checks.get(name)
    return await check() if check is not None else _lease_problem(services, LEASES[name])


def _lease_problem(services: Services, lease: str) -> str:
    found = services.registry.cache(LEASE).get("kube-system", lease)
    spec = (found.tree().get("spec") or {}) if found is not None else {}
    if not spec.get("holderIdentity"):
        return f"nobody holds the lease kube-system/{lease}"
    renewed, seconds = spec.get("renewTime"), spec.get("leaseDurationSeconds") or 0
    if not renewed or timestamps.parse(renewed) + seconds < services.env.now():
        return f"{spec['holderIdentity']} has not renewed the lease kube-system/{lease} since {renewed}"
    return ""

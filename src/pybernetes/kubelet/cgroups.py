"""Names and limits of the cgroup tree: /kubepods, one child per QoS class (Guaranteed has none), one per pod."""

from __future__ import annotations

from pybernetes.api.meta import Obj, uid_of
from pybernetes.lang import quantity

from . import podspec
from .host import CgroupLimits, CgroupName

ROOT: CgroupName = ("kubepods",)
BURSTABLE: CgroupName = ("kubepods", "burstable")
BESTEFFORT: CgroupName = ("kubepods", "besteffort")

CPU_PERIOD = 100_000  # microseconds
LEAST_QUOTA = 1_000
LEAST_SHARES, MOST_SHARES = 2, 262_144


def shares(milli_cpu: int) -> int:
    """cpu.shares of a request."""
    return min(max(milli_cpu * 1024 // 1000, LEAST_SHARES), MOST_SHARES)


def quota(milli_cpu: int) -> int:
    """Microseconds per `CPU_PERIOD` of a limit; 0 for no limit."""
    return max(milli_cpu * CPU_PERIOD // 1000, LEAST_QUOTA) if milli_cpu else 0


def parent_of(qos: str) -> CgroupName:
    return {"Burstable": BURSTABLE, "BestEffort": BESTEFFORT}.get(qos, ROOT)


def pod_cgroup(pod: Obj) -> CgroupName:
    return (*parent_of(podspec.qos_class(pod)), f"pod{uid_of(pod)}")


def pod_limits(pod: Obj, pids_limit: int = 0) -> CgroupLimits:
    """A limit holds for the whole pod only where every container has one (upstream's `ResourceConfigForPod`)."""
    cpu_request, _ = pod_total(pod, "requests", "cpu")
    cpu_limit, cpu_limited = pod_total(pod, "limits", "cpu")
    memory, memory_limited = pod_total(pod, "limits", "memory")
    if podspec.qos_class(pod) == "BestEffort":
        return CgroupLimits(cpu_shares=LEAST_SHARES, pids=pids_limit)
    return CgroupLimits(
        cpu_shares=shares(cpu_request),
        cpu_quota=quota(cpu_limit) if cpu_limited else 0,
        cpu_period=CPU_PERIOD,
        memory=memory if memory_limited else 0,
        pids=pids_limit,
    )


def pod_total(pod: Obj, kind: str, resource: str) -> tuple[int, bool]:
    """(what the pod asks for, whether every container has it): containers and sidecars together, or the largest init
    step, plus overhead. CPU in thousandths, everything else in whole units; pod-level resources count alone."""
    own = ((pod["spec"].get("resources") or {}).get(kind) or {}).get(resource)
    overhead = _amount((pod["spec"].get("overhead") or {}).get(resource), resource)
    if own is not None:
        return _amount(own, resource) + overhead, True
    complete = True
    steady = 0
    for container in podspec.containers(pod):
        amount = container_amount(container, kind, resource)
        complete = complete and amount is not None
        steady += amount or 0
    sidecars = step = 0
    for container in podspec.init_containers(pod):
        amount = container_amount(container, kind, resource)
        complete = complete and amount is not None
        if podspec.is_sidecar(container):
            sidecars += amount or 0
            step = max(step, sidecars)
        else:
            step = max(step, sidecars + (amount or 0))
    return max(steady + sidecars, step) + overhead, complete


def container_amount(container: Obj, kind: str, resource: str) -> int | None:
    """One container's request or limit (a request defaults to the limit); None where it has none."""
    resources = container.get("resources") or {}
    value = (resources.get(kind) or {}).get(resource)
    if value is None and kind == "requests":
        value = (resources.get("limits") or {}).get(resource)
    return None if value is None else _amount(value, resource) or None


def _amount(value: str | int | None, resource: str) -> int:
    if value is None:
        return 0
    return quantity.milli(value) if resource == "cpu" else quantity.units(value)

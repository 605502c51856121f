"""PodResizeValidator: a running pod is not resized beyond what its node has at all."""

from __future__ import annotations

from pybernetes.api.kinds import NODE, POD
from pybernetes.api.podspec.resources import pod_requests
from pybernetes.lang import quantity

from .plugin import Admission, Plugin, Scope


def _validate(admission: Admission) -> None:
    if admission.kind is not POD or admission.operation != "UPDATE" or admission.subresource != "resize":
        return
    pod, old = admission.object, admission.old
    name = pod["spec"].get("nodeName")
    if not name or old is None or old["metadata"].get("generation") == pod["metadata"].get("generation"):
        return
    node = admission.find(NODE, name)
    if node is None:
        raise admission.forbidden(f'node "{name}" not found')
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    requests = pod_requests(pod["spec"])
    short = []
    for resource, count in (("cpu", quantity.milli), ("memory", quantity.units)):
        wanted, there = count(requests.get(resource, "0")), count(allocatable.get(resource, "0"))
        if wanted > there:
            short.append(f"{resource}, requested: {wanted}, allocatable: {there}")
    if short:
        raise admission.forbidden(f"Node didn't have enough allocatable resources: {'; '.join(short)}")
    system = (node["metadata"].get("labels") or {}).get("kubernetes.io/os", "")
    if system != "linux":
        raise admission.forbidden(f'pod resize is only supported on linux nodes, node "{name}" is "{system}"')


POD_RESIZE_VALIDATOR = Plugin(
    "PodResizeValidator", validate=_validate, validates=Scope(("pods",), ("UPDATE",), ("resize",))
)

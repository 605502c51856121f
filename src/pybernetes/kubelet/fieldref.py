"""The downward API: fields of the pod and resources of its containers as text, for env and volumes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of, namespace_of, uid_of
from pybernetes.lang import quantity

from . import podspec

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


class FieldError(ValueError):
    """The field path or the resource is none that the downward API knows."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What of the node a pod may ask for. `allocatable` are quantities: a container without a limit has the node's."""

    node_name: str
    host_ips: tuple[str, ...]
    allocatable: Obj


def field_value(pod: Obj, path: str, node: NodeFacts, pod_ips: tuple[str, ...] = ()) -> str:
    """`pod_ips` are the sandbox's addresses, which the API may not know yet. Raises FieldError."""
    if match := _SUBSCRIPT.fullmatch(path):
        source = labels_of(pod) if match[1] == "labels" else annotations_of(pod)
        return source.get(match[2], "")
    match path:
        case "metadata.name":
            return name_of(pod)
        case "metadata.namespace":
            return namespace_of(pod)
        case "metadata.uid":
            return uid_of(pod)
        case "metadata.labels":
            return _map_lines(labels_of(pod))
        case "metadata.annotations":
            return _map_lines(annotations_of(pod))
        case "spec.nodeName":
            return str(pod["spec"].get("nodeName") or node.node_name)
        case "spec.serviceAccountName":
            return str(pod["spec"].get("serviceAccountName", ""))
        case "status.hostIP":
            return node.host_ips[0] if node.host_ips else ""
        case "status.hostIPs":
            return ",".join(node.host_ips)
    ips = node.host_ips if podspec.is_host_network(pod) else pod_ips or _known_ips(pod)
    match path:
        case "status.podIP":
            return ips[0] if ips else ""
        case "status.podIPs":
            return ",".join(ips)
    raise FieldError(f"unsupported fieldPath: {path}")


def _known_ips(pod: Obj) -> tuple[str, ...]:
    return tuple(entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or ())


def _map_lines(values: Obj) -> str:
    """`key="value"` on lines, sorted, quoted as Go's %q does for text."""
    return "\n".join(
        f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(values.items())
    )


def resource_value(container: Obj, resource: str, divisor: str, node: NodeFacts) -> str:
    """A limit or request of a container in units of `divisor` ("" or "0": 1), rounded up. A limit that is not set is
    what the node has to give. Raises FieldError."""
    kind, _, name = resource.partition(".")
    if kind not in ("limits", "requests") or not name:
        raise FieldError(f"unsupported container resource : {resource}")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(name)
    if amount is None and kind == "limits" and name in ("cpu", "memory", "ephemeral-storage"):
        amount = node.allocatable.get(name)
    if amount is None and kind == "requests":
        amount = (resources.get("limits") or {}).get(name)
    nano = quantity.parse(amount).nano if amount is not None else 0
    unit = quantity.parse(divisor or "1").nano or 1_000_000_000
    return str(-(-nano // unit))

"""One pod as an endpoint of a Service, and the ports by which it is reached."""

from __future__ import annotations

from typing import Any

from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.controllers.pods import is_finished, is_ready

ZONE = "topology.kubernetes.io/zone"


def belongs(pod: Obj) -> bool:
    """Whether a selected pod is published at all: it has an address and will run, or is still stopping."""
    status = pod.get("status") or {}
    return bool(status.get("podIP") or status.get("podIPs")) and not is_finished(pod)


def address_types(service: Obj) -> tuple[str, ...]:
    """The address families of a Service's slices. A Service from before there were families has that of its address;
    a headless one, both."""
    spec = service["spec"]
    families = tuple(family for family in spec.get("ipFamilies") or () if family in ("IPv4", "IPv6"))
    if families:
        return families
    address = spec.get("clusterIP") or "None"
    if address == "None":
        return ("IPv4", "IPv6")
    return ("IPv6",) if ":" in address else ("IPv4",)


def addresses(pod: Obj, address_type: str) -> list[str]:
    """The pod's addresses of a family."""
    status = pod.get("status") or {}
    ips = [entry["ip"] for entry in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    return [ip for ip in ips if ip and (":" in ip) == (address_type == "IPv6")]


def endpoint(service: Obj, pod: Obj, node: Obj | None, found: list[str]) -> dict[str, Any]:
    """The endpoint of a pod at the addresses found, with upstream's meaning of ready, serving and terminating."""
    serving = is_ready(pod)
    publish_all = bool(service["spec"].get("publishNotReadyAddresses"))
    terminating = is_deleting(pod)
    tree: dict[str, Any] = {
        "addresses": found,
        "conditions": {
            "ready": publish_all or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": namespace_of(pod),
            "name": name_of(pod),
            "uid": uid_of(pod),
        },
    }
    if pod["spec"].get("nodeName"):
        tree["nodeName"] = pod["spec"]["nodeName"]
    if node is not None and labels_of(node).get(ZONE):
        tree["zone"] = labels_of(node)[ZONE]
    hostname = pod["spec"].get("hostname")
    if hostname and pod["spec"].get("subdomain") == name_of(service):
        tree["hostname"] = hostname
    return tree


def ports(service: Obj, pod: Obj) -> list[dict[str, Any]] | None:
    """The Service's ports on this pod; a named target port is looked up in its containers and left out where the pod
    has none of that name."""
    found: list[dict[str, Any]] = []
    for port in service["spec"].get("ports") or ():
        number = _target(port, pod)
        if number is not None:
            entry = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            if port.get("appProtocol"):
                entry["appProtocol"] = port["appProtocol"]
            found.append(entry)
    return found


def _target(port: Obj, pod: Obj) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target or int(port["port"])
    containers = [*(pod["spec"].get("containers") or ()), *_sidecars(pod)]
    for container in containers:
        for candidate in container.get("ports") or ():
            same_protocol = candidate.get("protocol", "TCP") == port.get("protocol", "TCP")
            if candidate.get("name") == target and same_protocol:
                return int(candidate["containerPort"])
    return None


def _sidecars(pod: Obj) -> list[Obj]:
    return [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]

"""Services: one stable address for a set of pods."""

from __future__ import annotations

from ..cells import AGE, NAME, at, dig, format_labels
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from .service_update import prepare_create, prepare_update
from .service_validation import is_external, validate_create, validate_status, validate_update
from .service_warnings import warnings

AFFINITY_SECONDS = 10800


def default(obj: MutableObj) -> None:
    """Upstream's defaults that need no allocator: type, affinity, policies, ports."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        client = {"timeoutSeconds": AFFINITY_SECONDS, **(config.get("clientIP") or {})}
        spec["sessionAffinityConfig"] = {**config, "clientIP": client}
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if is_external(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in dig(obj, "status", "loadBalancer", "ingress") or ():
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def prepare_status(new: MutableObj, _old: Obj, _now: float) -> None:
    """A load balancer that does not say how its address works has a virtual one."""
    default(new)


def external_cell(service: Obj, _now: float) -> Cell:
    spec = service["spec"]
    external = [*(spec.get("externalIPs") or ())]
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            ingress = dig(service, "status", "loadBalancer", "ingress") or ()
            found = [entry.get("ip") or entry.get("hostname") for entry in ingress] + external
            return ",".join(str(each) for each in found) or "<pending>"
        case _:
            return ",".join(external) or "<none>"


def ports_cell(service: Obj, _now: float) -> Cell:
    pieces = []
    for port in service["spec"].get("ports") or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        pieces.append(f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(pieces) or "<none>"


def cluster_ip_cell(service: Obj, _now: float) -> Cell:
    ips = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP")]
    return str(ips[0] or "<none>")


SERVICE = Kind(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    namespaced=True,
    singular="service",
    short_names=("svc",),
    categories=("all",),
    subresources=("proxy", "status"),
    storage_prefix="services/specs",
    name_rule="dns1123label",
    schema="io.k8s.api.core.v1.Service",
    create_on_update=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Type", at("spec", "type")),
        Column("Cluster-IP", cluster_ip_cell),
        Column("External-IP", external_cell),
        Column("Port(s)", ports_cell),
        AGE,
        Column("Selector", lambda service, _now: format_labels(service["spec"].get("selector")), priority=1),
    ),
)

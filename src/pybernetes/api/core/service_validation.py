"""What a Service may be: upstream's `ValidateService`, by field. Addresses and families are in `service_addresses.py`."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj, annotations_of
from ..validation.addresses import endpoint_address, legacy_address, legacy_cidr, parse_address
from ..validation.metadata import validate_labels
from ..validation.values import named, one_of, port
from .service_addresses import is_headless, validate_addresses, validate_addresses_update
from .service_warnings import HINTS, MODE

TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
PORTED = ("NodePort", "LoadBalancer")
PROTOCOLS = ["SCTP", "TCP", "UDP"]
AFFINITIES = ["ClientIP", "None"]
DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode"]
POLICIES = ["Cluster", "Local"]
IP_MODES = ["Proxy", "VIP"]
LONGEST_AFFINITY = 86400
KUBELET_PORT = 10250
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
IMMUTABLE = "field is immutable"


def validate_create(service: Obj, errors: FieldErrors) -> None:
    """Of a new Service."""
    _validate(service, None, errors)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A Service keeps its primary address and family; values that it had under older rules stay good."""
    validate_addresses_update(new, old, errors)
    at = errors.at("spec")
    after, before = new.get("spec") or {}, old.get("spec") or {}
    balanced = after.get("type") == before.get("type") == "LoadBalancer"
    if balanced and after.get("loadBalancerClass") != before.get("loadBalancerClass"):
        at.invalid(after.get("loadBalancerClass"), "may not change once set", "loadBalancerClass")
    checked = needs_health_check(after) and needs_health_check(before)
    if checked and after.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        at.forbidden(IMMUTABLE, "healthCheckNodePort")
    _validate(new, old, errors)


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What a load balancer may report."""
    at = errors.at("status", "loadBalancer", "ingress")
    ingress = _ingress(new)
    if ingress and (new.get("spec") or {}).get("type") != "LoadBalancer":
        at.forbidden("may only be used when `spec.type` is 'LoadBalancer'")
        return
    known = [each.get("ip", "") for each in _ingress(old)]
    for index, each in enumerate(ingress):
        here, ip, host = at.at(index), each.get("ip"), each.get("hostname")
        if ip:
            legacy_address(ip, here.at("ip"), known)
        if each.get("ipMode") is None:
            if ip:
                here.required("ipMode", "must be specified when `ip` is set")
        elif not ip:
            here.forbidden("may not be specified when `ip` is not set", "ipMode")
        elif each["ipMode"] not in IP_MODES:
            here.not_supported(each["ipMode"], IP_MODES, "ipMode")
        if host:
            named(each, "hostname", names.dns1123_subdomain, here)
            if parse_address(host) is not None:
                here.invalid(host, "must be a DNS name, not an IP address", "hostname")


def needs_health_check(spec: Obj) -> bool:
    """Whether load balancers ask the node if it has endpoints of the Service."""
    return bool(spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local")


def is_external(spec: Obj) -> bool:
    """Whether the Service can be reached from outside of the cluster."""
    return bool(spec.get("type") in PORTED or (spec.get("type") == "ClusterIP" and spec.get("externalIPs")))


def _ingress(service: Obj) -> Sequence[Obj]:
    return ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()


def _validate(service: Obj, old: Obj | None, errors: FieldErrors) -> None:
    spec, at = service.get("spec") or {}, errors.at("spec")
    before = (old or {}).get("spec") or {}
    _annotations(service, errors.at("metadata", "annotations"))
    kind, ports = spec.get("type"), spec.get("ports") or ()
    if not ports and not is_headless(spec) and kind != "ExternalName":
        at.required("ports")
    _type(spec, at)
    seen: set[str] = set()
    for index, each in enumerate(ports):
        _port(each, len(ports) > 1, seen, at.at("ports", index))
    validate_labels(spec.get("selector"), at.at("selector"))
    _affinity(spec, at)
    validate_addresses(spec, before, at)
    for index, text in enumerate(spec.get("externalIPs") or ()):
        here = at.at("externalIPs", index)
        if legacy_address(text, here, before.get("externalIPs") or ()):
            endpoint_address(text, here, loopback=False)
    if kind not in TYPES:
        at.not_supported(kind or "", TYPES, "type")
    _repeated_ports(spec, at)
    _source_ranges(service, old, errors)
    _load_balancer(spec, errors)
    _traffic(spec, at)


def _annotations(service: Obj, at: FieldErrors) -> None:
    given = annotations_of(service)
    if HINTS in given and MODE in given and given[HINTS] != given[MODE]:
        message = f"must match annotations[{HINTS}] when both are specified"
        at.at_key(MODE).invalid(given[MODE], message)


def _type(spec: Obj, at: FieldErrors) -> None:
    kind = spec.get("type")
    if kind == "LoadBalancer":
        for index, each in enumerate(spec.get("ports") or ()):
            if each.get("port") == KUBELET_PORT:
                why = f"may not expose port {KUBELET_PORT} externally since it is used by kubelet"
                at.at("ports", index).invalid(KUBELET_PORT, why)
    if kind in PORTED and is_headless(spec):
        at.at("clusterIPs", 0).invalid("None", f"may not be set to 'None' for {kind} services")
    if kind != "ExternalName":
        return
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            at.forbidden("may not be set for ExternalName services", field)
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        at.required("externalName")
    for message in names.dns1123_subdomain(name) if name else ():
        at.invalid(name, message, "externalName")


def _port(given: Obj, several: bool, seen: set[str], here: FieldErrors) -> None:
    name = given.get("name") or ""
    named(given, "name", names.dns1123_label, here, required=several)
    if name and name in seen:
        here.duplicate(name, "name")
    seen.add(name)
    port(given.get("port") or 0, "port", here)
    one_of(given, "protocol", PROTOCOLS, here, required=True)
    port(given.get("targetPort") or 0, "targetPort", here)
    if given.get("appProtocol") is not None:
        for message in names.qualified_name(given["appProtocol"]):
            here.invalid(given["appProtocol"], message, "appProtocol")


def _affinity(spec: Obj, at: FieldErrors) -> None:
    one_of(spec, "sessionAffinity", AFFINITIES, at, required=True)
    config, here = spec.get("sessionAffinityConfig"), at.at("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "None" and config is not None:
        here.forbidden("must not be set when session affinity is None")
    if spec.get("sessionAffinity") != "ClientIP":
        return
    why = "when session affinity type is ClientIP"
    if config is None:
        here.required(detail=why)
    elif config.get("clientIP") is None:
        here.required("clientIP", why)
    elif (seconds := config["clientIP"].get("timeoutSeconds")) is None:
        here.at("clientIP").required("timeoutSeconds", why)
    elif not 0 < seconds <= LONGEST_AFFINITY:
        why = f"must be greater than 0 and less than {LONGEST_AFFINITY}"
        here.at("clientIP").invalid(seconds, why, "timeoutSeconds")


def _repeated_ports(spec: Obj, at: FieldErrors) -> None:
    ports = spec.get("ports") or ()
    if spec.get("type") == "ClusterIP":
        for index, each in enumerate(ports):
            if each.get("nodePort"):
                at.at("ports", index).forbidden("may not be used when `type` is 'ClusterIP'", "nodePort")
    seen: set[tuple[object, object]] = set()
    for index, each in enumerate(ports):
        identity = (each.get("protocol"), each.get("nodePort"))
        if each.get("nodePort") and identity in seen:
            at.at("ports", index).duplicate(each["nodePort"], "nodePort")
        seen.add(identity)
    seen.clear()
    for index, each in enumerate(ports):
        identity = (each.get("protocol"), each.get("port"))
        if identity in seen:
            at.at("ports", index).duplicate({"protocol": identity[0], "port": identity[1]})
        seen.add(identity)


def _source_ranges(service: Obj, old: Obj | None, errors: FieldErrors) -> None:
    spec, before = service.get("spec") or {}, (old or {}).get("spec") or {}
    if ranges := spec.get("loadBalancerSourceRanges"):
        here = errors.at("spec", "LoadBalancerSourceRanges")
        known = [text.strip() for text in before.get("loadBalancerSourceRanges") or ()]
        if spec.get("type") != "LoadBalancer":
            here.forbidden(ONLY_LOAD_BALANCER)
        for index, text in enumerate(ranges):
            legacy_cidr(text.strip(), here.at(index), known)
        return
    annotation = annotations_of(service).get(SOURCE_RANGES)
    if annotation is None:
        return
    here = errors.at("metadata", "annotations").at_key(SOURCE_RANGES)
    if spec.get("type") != "LoadBalancer":
        here.forbidden(ONLY_LOAD_BALANCER)
    if old is not None and annotations_of(old).get(SOURCE_RANGES) == annotation:
        return
    for text in annotation.split(",") if annotation.strip() else ():
        legacy_cidr(text.strip(), here)


def _load_balancer(spec: Obj, errors: FieldErrors) -> None:
    """Upstream's paths, of which one is not below the spec."""
    at, balanced = errors.at("spec"), spec.get("type") == "LoadBalancer"
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        at.forbidden(ONLY_LOAD_BALANCER, "allocateLoadBalancerNodePorts")
    if spec.get("allocateLoadBalancerNodePorts") is None and balanced:
        errors.required("allocateLoadBalancerNodePorts")
    if spec.get("loadBalancerClass") is None:
        return
    if not balanced:
        at.forbidden(ONLY_LOAD_BALANCER, "loadBalancerClass")
    for message in names.qualified_name(spec["loadBalancerClass"]) if balanced else ():
        at.invalid(spec["loadBalancerClass"], message, "loadBalancerClass")


def _traffic(spec: Obj, at: FieldErrors) -> None:
    policy = spec.get("externalTrafficPolicy")
    if is_external(spec):
        one_of(spec, "externalTrafficPolicy", POLICIES, at, required=True)
    elif policy:
        at.invalid(policy, "may only be set for externally-accessible services", "externalTrafficPolicy")
    check = spec.get("healthCheckNodePort")
    if check and not needs_health_check(spec):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        at.invalid(check, why, "healthCheckNodePort")
    elif check:
        port(check, "healthCheckNodePort", at)
    if spec.get("internalTrafficPolicy") is None:
        if spec.get("type") in (*PORTED, "ClusterIP"):
            at.required("internalTrafficPolicy")
    elif spec["internalTrafficPolicy"] not in POLICIES:
        at.not_supported(spec["internalTrafficPolicy"], POLICIES, "internalTrafficPolicy")
    if (wish := spec.get("trafficDistribution")) is not None and wish not in DISTRIBUTIONS:
        at.not_supported(wish, DISTRIBUTIONS, "trafficDistribution")

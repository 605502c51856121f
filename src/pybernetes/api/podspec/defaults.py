"""What the API server fills into a pod spec; facts of `pkg/apis/core/v1/defaults.go`.

Everything here changes a tree that its caller alone holds. `default_pod_spec` is for pods and templates alike;
`default_pod` adds what only a pod gets, so that it never changes a template (and so no rollout).
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.lang import quantity

from ..meta import MutableObj, Obj
from .image import default_pull_policy
from .resources import container_requests, pod_level_resource
from .volumedefaults import default_volume

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS = ("postStart", "preStop")


def default_pod_spec(spec: MutableObj) -> None:
    """The defaults of every pod spec."""
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    _mirror_service_account(spec)
    for container in containers(spec):
        default_container(container)
    for volume in spec.get("volumes") or ():
        default_volume(volume)
    if overhead := spec.get("overhead"):
        _round_up(overhead)


def default_template(owner_spec: MutableObj, field: str = "template") -> None:
    """The defaults of a pod template in a workload's spec; an absent template stays absent."""
    template = owner_spec.get(field)
    if isinstance(template, dict):
        default_pod_spec(template.setdefault("spec", {}))


def default_pod(spec: MutableObj) -> None:
    """The defaults that a pod gets on top of those of its spec. Precondition: `default_pod_spec` was applied."""
    spec.setdefault("enableServiceLinks", True)
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        _requests_from_limits(container.get("resources") or {})
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                port["hostPort"] = port.get("hostPort") or port.get("containerPort", 0)
    _default_pod_level(spec)


def containers(spec: Obj) -> Iterator[MutableObj]:
    """Every container of a pod spec: those that run, those that run first, those added for debugging."""
    for field in ("containers", "initContainers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def default_container(container: MutableObj) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = default_pull_policy(container.get("image", ""))
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for field in PROBES:
        if container.get(field) is not None:
            _default_probe(container[field])
    for hook in HOOKS:
        http = ((container.get("lifecycle") or {}).get(hook) or {}).get("httpGet")
        if http is not None:
            _default_http_get(http)
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for amounts in (container.get("resources") or {}).values():
        if isinstance(amounts, dict):
            _round_up(amounts)


def _default_probe(probe: MutableObj) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe[field] = probe.get(field) or value
    if probe.get("httpGet") is not None:
        _default_http_get(probe["httpGet"])
    if probe.get("grpc") is not None:
        probe["grpc"].setdefault("service", "")


def _default_http_get(action: MutableObj) -> None:
    action["path"] = action.get("path") or "/"
    action["scheme"] = action.get("scheme") or "HTTP"


def _mirror_service_account(spec: MutableObj) -> None:
    """`serviceAccount` is the deprecated name of `serviceAccountName`; both are always served, equal."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _requests_from_limits(resources: MutableObj) -> None:
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _default_pod_level(spec: MutableObj) -> None:
    """Requests of the pod as a whole, where only its limits are given: the containers' sum, else the limits."""
    resources = spec.get("resources")
    limits = (resources or {}).get("limits")
    if not resources or not limits:
        return
    requests = dict(resources.get("requests") or {})
    for name, amount in container_requests(spec).items():
        if pod_level_resource(name) and not name.startswith("hugepages-"):
            requests.setdefault(name, amount)
    for name, amount in limits.items():
        if pod_level_resource(name):
            requests.setdefault(name, amount)
    if requests:
        resources["requests"] = requests


def _round_up(amounts: MutableObj) -> None:
    """Amounts are kept in thousandths at the finest: smaller fractions round up."""
    for name, amount in amounts.items():
        parsed = quantity.parse(amount)
        if parsed.nano % 1_000_000:
            nano = -(-parsed.nano // 1_000_000) * 1_000_000
            amounts[name] = quantity.format_quantity(nano, parsed.format)

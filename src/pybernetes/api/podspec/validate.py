"""What is refused in a pod spec: the fields of the pod itself; containers and volumes have their own modules.

Paths and messages are upstream's (`pkg/apis/core/validation`). `errors` stands at the spec.
"""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.metadata import validate_labels
from ..validation.values import non_negative, one_of
from .validate_affinity import validate_affinity
from .validate_containers import validate_container_list
from .validate_network import validate_dns, validate_host_aliases, validate_host_ports
from .validate_placement import validate_tolerations, validate_topology_spread
from .validate_resources import validate_amounts, validate_requirements
from .validate_security import validate_pod_security
from .validate_volumes import validate_volumes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
MAX_INT32 = 2**31 - 1


def validate_pod_spec(spec: Obj, errors: FieldErrors) -> None:
    """The rules of every pod spec, in a pod or in a template."""
    validate_volumes(spec.get("volumes") or (), errors.at("volumes"))
    validate_container_list(spec, errors)
    one_of(spec, "restartPolicy", RESTART_POLICIES, errors, required=True)
    one_of(spec, "dnsPolicy", DNS_POLICIES, errors, required=True)
    validate_labels(spec.get("nodeSelector"), errors.at("nodeSelector"))
    validate_pod_security(spec, errors)
    _validate_pull_secrets(spec.get("imagePullSecrets") or (), errors.at("imagePullSecrets"))
    validate_affinity(spec.get("affinity") or {}, errors.at("affinity"))
    validate_dns(spec, errors)
    _validate_names(spec, errors)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        errors.invalid(deadline, f"must be between 1 and {MAX_INT32}, inclusive", "activeDeadlineSeconds")
    non_negative(spec, "terminationGracePeriodSeconds", errors)
    validate_tolerations(spec.get("tolerations") or (), errors.at("tolerations"))
    validate_host_aliases(spec.get("hostAliases") or (), errors.at("hostAliases"))
    validate_host_ports(spec, errors)
    _validate_priority(spec, errors)
    _validate_gates(spec, errors)
    validate_amounts(spec.get("overhead") or {}, errors.at("overhead"))
    validate_topology_spread(
        spec.get("topologySpreadConstraints") or (), errors.at("topologySpreadConstraints")
    )
    if spec.get("os") is not None:
        one_of(spec["os"], "name", ("linux", "windows"), errors.at("os"), required=True)
    if spec.get("resources") is not None:
        validate_requirements(spec["resources"], errors.at("resources"), pod_level=True)


def _validate_names(spec: Obj, errors: FieldErrors) -> None:
    for field, rule in (
        ("serviceAccountName", names.dns1123_subdomain),
        ("nodeName", names.dns1123_subdomain),
        ("hostname", names.dns1123_label),
        ("subdomain", names.dns1123_label),
        ("runtimeClassName", names.dns1123_subdomain),
        ("priorityClassName", names.dns1123_subdomain),
        ("schedulerName", names.qualified_name),
    ):
        if value := spec.get(field):
            for message in rule(value):
                errors.invalid(value, message, field)


def _validate_pull_secrets(secrets: Any, errors: FieldErrors) -> None:
    for index, secret in enumerate(secrets):
        if set(secret) - {"name"}:
            errors.at(index).invalid(secret, "only name may be set")


def _validate_priority(spec: Obj, errors: FieldErrors) -> None:
    policy = spec.get("preemptionPolicy")
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        errors.not_supported(policy, ["PreemptLowerPriority", "Never"], "preemptionPolicy")


def _validate_gates(spec: Obj, errors: FieldErrors) -> None:
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        for message in names.qualified_name(gate.get("conditionType", "")):
            errors.at("readinessGates", index).invalid(
                gate.get("conditionType", ""), message, "conditionType"
            )
    seen: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        at, name = errors.at("schedulingGates", index), gate.get("name", "")
        for message in names.qualified_name(name):
            at.invalid(name, message)
        if name in seen:
            at.duplicate(name)
        seen.add(name)

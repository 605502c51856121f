"""What is refused in a pod spec: the fields of the pod itself; containers and volumes have their own modules.

Paths, messages and their order are upstream's (`pkg/apis/core/validation`). `errors` stands at the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.lang import names

from ..fielderrors import NIL, FieldErrors
from ..meta import Obj
from ..validation.metadata import validate_labels
from ..validation.values import named, non_negative, one_of
from .validate_affinity import validate_affinity
from .validate_containers import Surroundings, validate_container_lists, validate_image_text
from .validate_network import (
    validate_dns,
    validate_host_aliases,
    validate_host_network,
    validate_hostname_override,
)
from .validate_placement import validate_tolerations, validate_topology_spread
from .validate_resources import validate_amounts, validate_pod_resources
from .validate_security import validate_pod_security
from .validate_volumes import validate_volumes
from .validate_windows import validate_host_process, validate_system

RESTART_POLICIES = ("Always", "Never", "OnFailure")
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
MAX_INT32 = 2**31 - 1
_LISTS = ("containers", "initContainers", "ephemeralContainers")
_BOTH_CLAIMS = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
_NO_CLAIM = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"


def validate_pod_spec(spec: Obj, errors: FieldErrors, *, of_pod: bool = True, pod_name: str = "") -> None:
    """The rules of every pod spec, in a pod or (not `of_pod`) in a template."""
    volumes = validate_volumes(spec.get("volumes") or (), errors.at("volumes"), pod_name)
    claims = _validate_claims(spec.get("resourceClaims") or (), errors.at("resourceClaims"))
    validate_container_lists(Surroundings(spec, volumes, claims), errors)
    validate_pod_resources(spec, claims, errors)
    validate_host_network(spec, errors, of_pod=of_pod)
    one_of(spec, "restartPolicy", RESTART_POLICIES, errors, required=True)
    one_of(spec, "dnsPolicy", DNS_POLICIES, errors, required=True)
    validate_labels(spec.get("nodeSelector"), errors.at("nodeSelector"))
    validate_pod_security(spec, errors)
    _validate_pull_secrets(spec.get("imagePullSecrets") or (), errors.at("imagePullSecrets"))
    validate_affinity(spec.get("affinity") or {}, errors.at("affinity"))
    validate_dns(spec, errors)
    _validate_gates(spec, errors)
    validate_topology_spread(
        spec.get("topologySpreadConstraints") or (), errors.at("topologySpreadConstraints")
    )
    validate_host_process(spec, errors)
    _validate_own_users(spec, errors)
    validate_hostname_override(spec, errors)
    _validate_names(spec, errors)
    validate_tolerations(spec.get("tolerations") or (), errors.at("tolerations"))
    validate_host_aliases(spec.get("hostAliases") or (), errors.at("hostAliases"))
    named(spec, "priorityClassName", names.dns1123_subdomain, errors)
    _named_if_given(spec, "runtimeClassName", names.dns1123_subdomain, errors)
    one_of(spec, "preemptionPolicy", ("Never", "PreemptLowerPriority"), errors)
    if spec.get("overhead"):
        validate_amounts(spec["overhead"], errors.at("overhead"))
    if spec.get("os") is not None:
        validate_system(spec, errors)
    _validate_group(spec.get("schedulingGroup"), errors.at("schedulingGroup"))
    _validate_file_keys(spec, errors)
    if of_pod:
        _validate_of_pod(spec, errors)


def _validate_of_pod(spec: Obj, errors: FieldErrors) -> None:
    """What holds for pods and not for templates."""
    if not spec.get("serviceAccountName"):
        for index, volume in enumerate(spec.get("volumes") or ()):
            for number, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
                if source.get("serviceAccountToken") is not None:
                    at = errors.at("volumes", index, "projected").at("sources", number)
                    at.forbidden(
                        "must not be specified when serviceAccountName is not set", "serviceAccountToken"
                    )
    non_negative(spec, "terminationGracePeriodSeconds", errors)
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            validate_image_text(container, errors.at(field, index))


def _validate_claims(claims: Any, errors: FieldErrors) -> frozenset[str]:
    """The names of the pod's resource claims."""
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        at, name = errors.at(index), claim.get("name") or ""
        if not name:
            at.required("name")
        elif name in seen:
            at.duplicate(name, "name")
        else:
            for message in names.dns1123_label(name):
                at.invalid(name, message, "name")
            seen.add(name)
        direct, template = claim.get("resourceClaimName"), claim.get("resourceClaimTemplateName")
        if direct is not None and template is not None:
            shown = {"Name": name, "ResourceClaimName": direct, "ResourceClaimTemplateName": template}
            at.invalid(shown, _BOTH_CLAIMS)
        if direct is None and template is None:
            at.invalid(
                {"Name": name, "ResourceClaimName": None, "ResourceClaimTemplateName": None}, _NO_CLAIM
            )
        for field in ("resourceClaimName", "resourceClaimTemplateName"):
            _named_if_given(claim, field, names.dns1123_subdomain, at)
    return frozenset(seen)


def _named_if_given(tree: Obj, field: str, rule: Callable[[str], list[str]], errors: FieldErrors) -> None:
    """A name that may be absent, and not empty."""
    value = tree.get(field)
    if value is not None:
        for message in rule(value):
            errors.invalid(value, message, field)


def _validate_names(spec: Obj, errors: FieldErrors) -> None:
    named(spec, "serviceAccountName", names.dns1123_subdomain, errors)
    named(spec, "nodeName", names.dns1123_subdomain, errors)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        errors.invalid(deadline, f"must be between 1 and {MAX_INT32}, inclusive", "activeDeadlineSeconds")
    named(spec, "hostname", names.dns1123_label, errors)
    named(spec, "subdomain", names.dns1123_label, errors)


def _validate_pull_secrets(secrets: Any, errors: FieldErrors) -> None:
    for index, secret in enumerate(secrets):
        if set(secret) - {"name"}:
            errors.at(index).invalid(secret, "only name may be set")


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


def _validate_own_users(spec: Obj, errors: FieldErrors) -> None:
    """A pod with a user namespace of its own shares nothing else with the host."""
    if spec.get("hostUsers") is not False:
        return
    why = "when `hostUsers` is false"
    for field, told in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(field):
            errors.forbidden(why, told)
    for field in _LISTS:
        for index, container in enumerate(spec.get(field) or ()):
            if container.get("volumeDevices"):
                errors.at(field, index).forbidden(why, "volumeDevices")


def _validate_group(group: Mapping[str, Any] | None, errors: FieldErrors) -> None:
    if group is None:
        return
    if group.get("podGroupName") is None:
        errors.invalid(NIL, "must specify one of: `podGroupName`")
    _named_if_given(group, "podGroupName", names.dns1123_subdomain, errors)


def _validate_file_keys(spec: Obj, errors: FieldErrors) -> None:
    """A file with environment variables is in a volume that the pod's own containers write."""
    volumes = {volume.get("name"): volume for volume in spec.get("volumes") or ()}
    for field in _LISTS:
        for index, container in enumerate(spec.get(field) or ()):
            for number, variable in enumerate(container.get("env") or ()):
                reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
                if reference is None:
                    continue
                name = reference.get("volumeName") or ""
                at = errors.at(field, index).at("env", number).at("valueFrom", "fileKeyRef")
                if name not in volumes:
                    at.not_found(name, "volumeName")
                elif volumes[name].get("emptyDir") is None:
                    at.invalid(name, "referenced volume must be of type emptyDir", "volumeName")

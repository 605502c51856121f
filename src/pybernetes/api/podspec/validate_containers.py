"""The rules of containers: those that run, those that run first, those added for debugging."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.values import one_of
from .validate_env import validate_env, validate_env_from
from .validate_mounts import validate_devices, validate_mounts
from .validate_probes import validate_lifecycle, validate_probe
from .validate_resources import validate_requirements
from .validate_security import validate_security_context

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
PROTOCOLS = ("SCTP", "TCP", "UDP")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def validate_container_list(spec: Obj, errors: FieldErrors) -> None:
    """All containers of a pod spec; `errors` stands at the spec."""
    containers = spec.get("containers") or ()
    if not containers:
        errors.required("containers")
    volumes = {volume.get("name", ""): volume for volume in spec.get("volumes") or ()}
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = errors.at("containers", index)
        _validate_container(container, volumes, at)
        _validate_name_is_new(container, seen, at)
        validate_lifecycle(container.get("lifecycle"), at.at("lifecycle"))
        for probe in PROBES:
            validate_probe(container.get(probe), probe, at.at(probe))
        if container.get("restartPolicy") and container["restartPolicy"] not in (
            "Always",
            "OnFailure",
            "Never",
        ):
            at.not_supported(container["restartPolicy"], ["Always", "OnFailure", "Never"], "restartPolicy")
    for index, container in enumerate(spec.get("initContainers") or ()):
        at = errors.at("initContainers", index)
        _validate_container(container, volumes, at)
        _validate_name_is_new(container, seen, at)
        _validate_init(container, at)
    for index, container in enumerate(spec.get("ephemeralContainers") or ()):
        at = errors.at("ephemeralContainers", index)
        _validate_container(container, volumes, at)
        _validate_name_is_new(container, seen, at)
        _validate_ephemeral(container, spec, at)


def _validate_container(container: Obj, volumes: dict[str, Any], errors: FieldErrors) -> None:
    name, image = container.get("name", ""), container.get("image", "")
    if not name:
        errors.required("name")
    for message in names.dns1123_label(name) if name else ():
        errors.invalid(name, message, "name")
    if not image.strip():
        errors.required("image")
    elif image != image.strip():
        errors.invalid(image, "must not have leading or trailing whitespace", "image")
    one_of(container, "terminationMessagePolicy", MESSAGE_POLICIES, errors, required=True)
    _validate_ports(container.get("ports") or (), errors.at("ports"))
    validate_env(container.get("env") or (), errors.at("env"))
    validate_env_from(container.get("envFrom") or (), errors.at("envFrom"))
    validate_mounts(container, volumes, errors.at("volumeMounts"))
    validate_devices(container, volumes, errors.at("volumeDevices"))
    one_of(container, "imagePullPolicy", PULL_POLICIES, errors, required=True)
    validate_requirements(container.get("resources") or {}, errors.at("resources"))
    _validate_resize(container, errors)
    validate_security_context(container.get("securityContext"), errors.at("securityContext"))


def _validate_name_is_new(container: Obj, seen: set[str], errors: FieldErrors) -> None:
    name = container.get("name", "")
    if name and name in seen:
        errors.duplicate(name, "name")
    seen.add(name)


def _validate_ports(ports: Any, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at, name = errors.at(index), port.get("name", "")
        for message in names.port_name(name) if name else ():
            at.invalid(name, message, "name")
        if name and name in seen:
            at.duplicate(name, "name")
        seen.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            at.required("containerPort")
        for message in names.port_number(number) if number else ():
            at.invalid(number, message, "containerPort")
        for message in names.port_number(port["hostPort"]) if port.get("hostPort") else ():
            at.invalid(port["hostPort"], message, "hostPort")
        one_of(port, "protocol", PROTOCOLS, at, required=True)
        if address := port.get("hostIP"):
            for message in names.ip_address(address):
                at.invalid(address, message, "hostIP")


def _validate_init(container: Obj, errors: FieldErrors) -> None:
    """A container that runs before the others has no probes and hooks, unless it is a sidecar."""
    policy = container.get("restartPolicy")
    sidecar = policy == "Always"
    if policy and policy not in ("Always", "OnFailure", "Never"):
        errors.not_supported(policy, ["Always", "OnFailure", "Never"], "restartPolicy")
    if sidecar:
        validate_lifecycle(container.get("lifecycle"), errors.at("lifecycle"))
        for probe in PROBES:
            validate_probe(container.get(probe), probe, errors.at(probe))
        return
    for field in ("lifecycle", *PROBES):
        if container.get(field) is not None:
            errors.forbidden("may not be set for init containers without restartPolicy=Always", field)


_NOT_FOR_DEBUGGING = (
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resizePolicy",
    "restartPolicy",
)


def _validate_ephemeral(container: Obj, spec: Obj, errors: FieldErrors) -> None:
    for field in _NOT_FOR_DEBUGGING:
        if container.get(field):
            errors.forbidden("cannot be set for an Ephemeral Container", field)
    if container.get("resources"):
        errors.forbidden("cannot be set for an Ephemeral Container", "resources")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        for field in ("subPath", "subPathExpr"):
            if mount.get(field):
                errors.at("volumeMounts", index).forbidden("cannot be set for an Ephemeral Container", field)
    target = container.get("targetContainerName")
    running = {
        each.get("name") for field in ("containers", "initContainers") for each in spec.get(field) or ()
    }
    if target and target not in running:
        errors.not_found(target, "targetContainerName")


def _validate_resize(container: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(container.get("resizePolicy") or ()):
        at, name = errors.at("resizePolicy", index), policy.get("resourceName", "")
        if name in seen:
            at.duplicate(name)
        seen.add(name)
        one_of(policy, "resourceName", ("cpu", "memory"), at, required=True)
        one_of(policy, "restartPolicy", ("NotRequired", "RestartContainer"), at, required=True)

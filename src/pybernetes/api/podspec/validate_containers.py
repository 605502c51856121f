"""The rules of containers: those that run, those that run first, those added for debugging."""

from __future__ import annotations

from dataclasses import dataclass
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
RESIZABLE = ["cpu", "memory"]
RESIZE_POLICIES = ["NotRequired", "RestartContainer"]
RESTART_POLICIES = ["Always", "Never", "OnFailure"]
RULE_ACTIONS = ["Restart", "RestartAllContainers"]
RULE_OPERATORS = ["In", "NotIn"]
MOST_RULES, MOST_EXIT_CODES = 20, 255
_NOT_FIRST = "may not be set for init containers without restartPolicy=Always"
_NOT_FOR_DEBUGGING = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)
"""In the order of upstream's struct."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the pod the rules of its containers look at."""

    spec: Obj
    volumes: dict[str, Obj]
    """The good ones by name."""
    claims: frozenset[str]
    """The names of its resource claims."""

    @property
    def grace(self) -> int | None:
        return self.spec.get("terminationGracePeriodSeconds")


def validate_container_lists(around: Surroundings, errors: FieldErrors) -> None:
    """All containers of a pod spec; `errors` stands at the spec."""
    spec = around.spec
    containers = spec.get("containers") or ()
    if not containers:
        errors.required("containers")
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at, name = errors.at("containers", index), container.get("name", "")
        _validate_container(container, around, at)
        if name in seen:
            at.duplicate(name, "name")
        seen.add(name)
        _validate_running(container, around, at)
        _validate_restart(container, at)
    _validate_host_ports(containers, errors.at("containers"))
    _validate_first(around, errors.at("initContainers"))
    _validate_debugging(around, errors.at("ephemeralContainers"))


def _validate_first(around: Surroundings, errors: FieldErrors) -> None:
    spec = around.spec
    seen = {container.get("name", "") for container in spec.get("containers") or ()}
    for index, container in enumerate(spec.get("initContainers") or ()):
        at, name = errors.at(index), container.get("name", "")
        sidecar = container.get("restartPolicy") == "Always"
        _validate_container(container, around, at)
        _validate_restart(container, at)
        if name in seen:
            at.duplicate(name, "name")
        if name:
            seen.add(name)
        _validate_host_ports([container], errors)  # upstream counts from 0 here
        if sidecar:
            _validate_running(container, around, at)
            continue
        for field in ("lifecycle", *PROBES):
            if container.get(field) is not None:
                at.forbidden(_NOT_FIRST, field)
        for number, policy in enumerate(container.get("resizePolicy") or ()):
            if policy.get("restartPolicy") == "RestartContainer":
                why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
                at.at("resizePolicy", number).invalid("RestartContainer", why, "restartPolicy")


def _validate_running(container: Obj, around: Surroundings, at: FieldErrors) -> None:
    """What is for containers that keep running."""
    system = around.spec.get("os")
    validate_lifecycle(container.get("lifecycle"), around.grace, system, at.at("lifecycle"))
    for probe in PROBES:
        validate_probe(container.get(probe), probe, around.grace, at.at(probe))


def _validate_debugging(around: Surroundings, errors: FieldErrors) -> None:
    spec = around.spec
    if not spec.get("ephemeralContainers"):
        return
    others = {
        each.get("name") for field in ("containers", "initContainers") for each in spec.get(field) or ()
    }
    seen = set(others)
    for index, container in enumerate(spec["ephemeralContainers"]):
        at, name = errors.at(index), container.get("name", "")
        _validate_container(container, around, at)
        validate_image_text(container, at)
        if name in seen:
            at.duplicate(name, "name")
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            at.not_found(target, "targetContainerName")
        for field in _NOT_FOR_DEBUGGING:
            if container.get(field):
                at.forbidden("cannot be set for an Ephemeral Container", field)
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            for field in ("subPath", "subPathExpr"):
                if mount.get(field):
                    here = at.at("volumeMounts", number)
                    here.forbidden("cannot be set for an Ephemeral Container", field)


def _validate_container(container: Obj, around: Surroundings, errors: FieldErrors) -> None:
    """What holds for every container."""
    name = container.get("name", "")
    if not name:
        errors.required("name")
    for message in names.dns1123_label(name) if name else ():
        errors.invalid(name, message, "name")
    if not container.get("image"):
        errors.required("image")
    one_of(container, "terminationMessagePolicy", MESSAGE_POLICIES, errors, required=True)
    _validate_ports(container.get("ports") or (), errors.at("ports"))
    validate_env(container.get("env") or (), errors.at("env"))
    validate_env_from(container.get("envFrom") or (), errors.at("envFrom"))
    validate_mounts(container, around.volumes, errors.at("volumeMounts"))
    validate_devices(container, around.volumes, errors.at("volumeDevices"))
    one_of(container, "imagePullPolicy", PULL_POLICIES, errors, required=True)
    validate_requirements(container.get("resources") or {}, errors.at("resources"), around.claims)
    _validate_resize(container, around.spec, errors.at("resizePolicy"))
    context = container.get("securityContext")
    if context:
        host_users = around.spec.get("hostUsers") is not False
        validate_security_context(context, errors.at("securityContext"), host_users=host_users)


def validate_image_text(container: Obj, errors: FieldErrors) -> None:
    """Of pods only: templates may have anything as an image."""
    image = container.get("image", "")
    if image != image.strip():
        errors.invalid(image, "must not have leading or trailing whitespace", "image")


def _validate_ports(ports: Any, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at, name = errors.at(index), port.get("name", "")
        faults = names.port_name(name) if name else []
        for message in faults:
            at.invalid(name, message, "name")
        if name in seen:
            at.duplicate(name, "name")
        if name and not faults:
            seen.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            at.required("containerPort")
        for message in names.port_number(number) if number else ():
            at.invalid(number, message, "containerPort")
        for message in names.port_number(port["hostPort"]) if port.get("hostPort") else ():
            at.invalid(port["hostPort"], message, "hostPort")
        one_of(port, "protocol", PROTOCOLS, at, required=True)


def _validate_host_ports(containers: Any, errors: FieldErrors) -> None:
    """No two of these containers want the same port of the host."""
    seen: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in seen:
                errors.at(index, "ports", number).duplicate(key, "hostPort")
            seen.add(key)


def _validate_restart(container: Obj, errors: FieldErrors) -> None:
    """A container's own restart policy, and rules by exit code."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None:
        if not rules:
            return
        errors.required("restartPolicy", "must specify restartPolicy when restart rules are used")
    elif policy not in RESTART_POLICIES:
        errors.not_supported(policy, RESTART_POLICIES, "restartPolicy")
    if len(rules) > MOST_RULES:
        errors.too_many(len(rules), MOST_RULES, "restartPolicyRules")
    for index, rule in enumerate(rules):
        at, codes = errors.at("restartPolicyRules", index), rule.get("exitCodes")
        if rule.get("action") not in RULE_ACTIONS:
            at.not_supported(rule.get("action") or "", RULE_ACTIONS, "action")
        if codes is None:
            at.required("exitCodes", "must be specified")
            continue
        if codes.get("operator") not in RULE_OPERATORS:
            at.at("exitCodes").not_supported(codes.get("operator") or "", RULE_OPERATORS, "operator")
        if len(codes.get("values") or ()) > MOST_EXIT_CODES:
            at.at("exitCodes").too_many(len(codes["values"]), MOST_EXIT_CODES, "values")


def _validate_resize(container: Obj, spec: Obj, at: FieldErrors) -> None:
    """But for a resource that is named twice, upstream tells everything at the list."""
    seen: set[str] = set()
    for index, policy in enumerate(container.get("resizePolicy") or ()):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            at.at(index).duplicate(name)
        seen.add(name)
        for value, choices in ((name, RESIZABLE), (restart, RESIZE_POLICIES)):
            if not value:
                at.required()
            elif value not in choices:
                at.not_supported(value, choices)
        if spec.get("restartPolicy") == "Never" and restart != "NotRequired":
            at.invalid(restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")

"""The rules of security contexts, of the pod and of its containers."""

from __future__ import annotations

import re
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.ids import group_ids, user_id
from .validate_paths import local_descending_path
from .validate_windows import validate_windows_options

PROFILE_TYPES = ["Localhost", "RuntimeDefault", "Unconfined"]
LONGEST_PROFILE = 4095
_SYSCTL_PATTERN = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_SYSCTL = re.compile(_SYSCTL_PATTERN)
_SYSCTL_ERROR = f"must have at most 253 characters and match regex {_SYSCTL_PATTERN}"
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "fs.mqueue.")


def validate_pod_security(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the pod spec: some fields are beside the context."""
    context, at = spec.get("securityContext"), errors.at("securityContext")
    if context:
        for field in ("fsGroup", "runAsUser", "runAsGroup"):
            user_id(context, field, at)
        group_ids(context, "supplementalGroups", at)
        _validate_sysctls(context.get("sysctls") or (), spec, at.at("sysctls"))
        _one_of(context, "fsGroupChangePolicy", ["Always", "OnRootMismatch"], at)
        _validate_seccomp(context.get("seccompProfile"), at.at("seccompProfile"))
        validate_windows_options(context.get("windowsOptions"), at.at("windowsOptions"))
        validate_app_armor(context.get("appArmorProfile"), at.at("appArmorProfile"))
        _one_of(context, "supplementalGroupsPolicy", ["Merge", "Strict"], at)
        _one_of(context, "seLinuxChangePolicy", ["MountOption", "Recursive"], at)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.invalid(True, why, "shareProcessNamespace")


def validate_security_context(context: Obj, errors: FieldErrors, *, host_users: bool) -> None:
    """A container's."""
    for field in ("runAsUser", "runAsGroup"):
        user_id(context, field, errors)
    _one_of(context, "procMount", ["Default", "Unmasked"], errors)
    if host_users and context.get("procMount") == "Unmasked":
        errors.invalid("Unmasked", "`hostUsers` must be false to use `Unmasked`", "procMount")
    _validate_seccomp(context.get("seccompProfile"), errors.at("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        _validate_escalation(context, errors)
    validate_windows_options(context.get("windowsOptions"), errors.at("windowsOptions"))
    validate_app_armor(context.get("appArmorProfile"), errors.at("appArmorProfile"))


def _validate_escalation(context: Obj, errors: FieldErrors) -> None:
    from .gotypes import go_json  # with its table only needed where a context is refused

    why = "cannot set `allowPrivilegeEscalation` to false and "
    if context.get("privileged"):
        errors.invalid(go_json("SecurityContext", context), f"{why}`privileged` to true")
    for capability in (context.get("capabilities") or {}).get("add") or ():
        if capability == "CAP_SYS_ADMIN":
            errors.invalid(go_json("SecurityContext", context), f"{why}`capabilities.Add` CAP_SYS_ADMIN")


def _one_of(tree: Obj, field: str, choices: list[str], errors: FieldErrors) -> None:
    value = tree.get(field)
    if value is not None and value not in choices:
        errors.not_supported(value, choices, field)


def _validate_sysctls(sysctls: Any, spec: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        at, name = errors.at(index), sysctl.get("name", "")
        if not name:
            at.required("name")
        elif len(name) > 253 or not _SYSCTL.match(name):
            at.invalid(name, _SYSCTL_ERROR, "name")
        elif name in seen:
            at.duplicate(name, "name")
        plain = _with_dots(name)
        if spec.get("hostNetwork") and plain.startswith("net."):
            at.invalid(name, "may not be specified when 'hostNetwork' is true", "name")
        elif spec.get("hostIPC") and (plain.startswith(_IPC_SYSCTLS) or plain == "kernel.sem"):
            at.invalid(name, "may not be specified when 'hostIPC' is true", "name")
        seen.add(name)


def _with_dots(name: str) -> str:
    """A name whose first separator is a slash has slashes for dots."""
    first = next((char for char in name if char in "./"), "")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name


def _validate_seccomp(profile: Any, errors: FieldErrors) -> None:
    if profile is None:
        return
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    if not kind:
        errors.required("type", "type is required when seccompProfile is set")
    elif kind not in PROFILE_TYPES:
        errors.not_supported(kind, PROFILE_TYPES, "type")
    if kind != "Localhost":
        if local is not None:
            shown = {"Type": kind, "LocalhostProfile": local}
            errors.invalid(shown, "can only be set when seccomp type is Localhost", "localhostProfile")
    elif local is None:
        errors.required("localhostProfile", "must be set when seccomp type is Localhost")
    else:
        local_descending_path(local, "localhostProfile", errors)


def validate_app_armor(profile: Any, errors: FieldErrors) -> None:
    if profile is None:
        return
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    if kind == "Localhost":
        _validate_loaded(local, errors)
    elif kind in PROFILE_TYPES:
        if local is not None:
            errors.invalid(local, "can only be set when AppArmor type is Localhost", "localhostProfile")
    elif not kind:
        errors.required("type", "type is required when appArmorProfile is set")
    else:
        errors.not_supported(kind, PROFILE_TYPES, "type")


def _validate_loaded(local: str | None, errors: FieldErrors) -> None:
    if local is None or not local:
        errors.required("localhostProfile", "must be set when AppArmor type is Localhost")
    elif local.strip() != local:
        errors.invalid(local, "must not be padded with whitespace", "localhostProfile")
    if local is not None and len(local.encode()) > LONGEST_PROFILE:
        errors.too_long(LONGEST_PROFILE, "localhostProfile")

"""The rules of security contexts, of the pod and of its containers."""

from __future__ import annotations

import re
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj

MAX_ID = 2**31 - 1
_ID_RANGE = f"must be between 0 and {MAX_ID}, inclusive"
_SYSCTL = re.compile(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?([\./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*", re.ASCII)
_SYSCTL_PATTERN = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"


def validate_pod_security(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the pod spec: some fields are beside the context."""
    context = spec.get("securityContext") or {}
    at = errors.at("securityContext")
    if spec.get("hostUsers") is False:
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                errors.forbidden("when `hostUsers` is false", field)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        errors.invalid(
            True, "ShareProcessNamespace and HostPID cannot both be enabled", "shareProcessNamespace"
        )
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        _validate_id(context, field, at)
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        if not 0 <= group <= MAX_ID:
            at.at("supplementalGroups", index).invalid(group, _ID_RANGE)
    _validate_sysctls(context.get("sysctls") or (), at.at("sysctls"))
    _one_of(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), at)
    _one_of(context, "supplementalGroupsPolicy", ("Merge", "Strict"), at)
    _validate_profile(context.get("seccompProfile"), at.at("seccompProfile"))
    _validate_profile(context.get("appArmorProfile"), at.at("appArmorProfile"))


def validate_security_context(context: Any, errors: FieldErrors) -> None:
    """A container's."""
    if not context:
        return
    for field in ("runAsUser", "runAsGroup"):
        _validate_id(context, field, errors)
    _one_of(context, "procMount", ("Default", "Unmasked"), errors)
    _validate_profile(context.get("seccompProfile"), errors.at("seccompProfile"))
    _validate_profile(context.get("appArmorProfile"), errors.at("appArmorProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            errors.invalid(context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        for capability in (context.get("capabilities") or {}).get("add") or ():
            if capability == "CAP_SYS_ADMIN":
                errors.invalid(
                    context,
                    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
                )


def _validate_id(context: Obj, field: str, errors: FieldErrors) -> None:
    value = context.get(field)
    if value is not None and not 0 <= value <= MAX_ID:
        errors.invalid(value, _ID_RANGE, field)


def _one_of(tree: Obj, field: str, choices: tuple[str, ...], errors: FieldErrors) -> None:
    value = tree.get(field)
    if value is not None and value not in choices:
        errors.not_supported(value, list(choices), field)


def _validate_sysctls(sysctls: Any, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        at, name = errors.at(index), sysctl.get("name", "")
        if not name:
            at.required("name")
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            at.invalid(name, f"must have at most 253 characters and match regex {_SYSCTL_PATTERN}", "name")
        elif name in seen:
            at.duplicate(name, "name")
        seen.add(name)


def _validate_profile(profile: Any, errors: FieldErrors) -> None:
    """A seccomp or AppArmor profile."""
    if profile is None:
        return
    kind = profile.get("type", "")
    if not kind:
        errors.required("type", "type is required when seccompProfile is set")
    elif kind not in ("Localhost", "RuntimeDefault", "Unconfined"):
        errors.not_supported(kind, ["Localhost", "RuntimeDefault", "Unconfined"], "type")
    local = profile.get("localhostProfile")
    if kind == "Localhost" and not local:
        errors.required("localhostProfile", "must be set when seccomp type is Localhost")
    elif kind != "Localhost" and local:
        errors.invalid(local, "can only be set when seccomp type is Localhost", "localhostProfile")

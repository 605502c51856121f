"""The rules of what is for Windows only, and of what is not for Windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

LONGEST_SPEC = 64 * 1024
LONGEST_DOMAIN, LONGEST_USER = 256, 104
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NET_BIOS = re.compile(r"^[^\\/:\*\?\"<>|\.][^\\/:\*\?\"<>|]{0,14}\Z")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_BAD_USER = re.compile(r"[\"/\\:;|=,+*?<>@\[\]]")
_NOT_ON_WINDOWS = "cannot be set for a windows pod"
_POD_CONTEXT = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_POD = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
_CONTEXT = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def containers_with_paths(spec: Obj, errors: FieldErrors) -> Iterator[tuple[Obj, FieldErrors]]:
    """Every container, in upstream's order; `errors` stands at the spec."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield container, errors.at(field, index)


def validate_system(spec: Obj, errors: FieldErrors) -> None:
    """The pod's `os`, and that nothing in it is for the other one. `errors` stands at the spec."""
    system = spec.get("os")
    if system is None:
        return
    name = system.get("name") or ""
    if not name:
        errors.at("os").required("name")
    elif name == "linux":
        _validate_linux(spec, errors)
    elif name == "windows":
        _validate_windows(spec, errors)
    else:
        errors.not_supported(name, ["linux", "windows"], "os")


def _validate_linux(spec: Obj, errors: FieldErrors) -> None:
    why = "windows options cannot be set for a linux pod"
    if (spec.get("securityContext") or {}).get("windowsOptions") is not None:
        errors.at("securityContext").forbidden(why, "windowsOptions")
    for container, at in containers_with_paths(spec, errors):
        if (container.get("securityContext") or {}).get("windowsOptions") is not None:
            at.at("securityContext").forbidden(why, "windowsOptions")


def _validate_windows(spec: Obj, errors: FieldErrors) -> None:
    context = spec.get("securityContext") or {}
    for field in _POD_CONTEXT:
        if context.get(field) is not None and context[field] != []:
            errors.at("securityContext").forbidden(_NOT_ON_WINDOWS, field)
    for field in _POD:
        if spec.get(field) is not None and (spec[field] or field not in ("hostPID", "hostIPC")):
            errors.forbidden(_NOT_ON_WINDOWS, field)
    for container, at in containers_with_paths(spec, errors):
        own = container.get("securityContext") or {}
        for field in _CONTEXT:
            if own.get(field) is not None:
                at.at("securityContext").forbidden(_NOT_ON_WINDOWS, field)


def validate_host_process(spec: Obj, errors: FieldErrors) -> None:
    """Containers that are processes of a Windows host: all or none, and in the host's network."""
    of_pod = _host_process(spec)
    total = count = 0
    for container, at in containers_with_paths(spec, errors):
        total += 1
        own = _host_process(container)
        if of_pod is not None and own is not None and of_pod != own:
            why = f"pod hostProcess value must be identical if both are specified, was {str(of_pod).lower()}"
            at.at("securityContext", "windowsOptions").invalid(own, why, "hostProcess")
        count += bool(of_pod if own is None else own)
    if not count:
        return
    if count != total:
        why = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        errors.invalid("", why)
    if not spec.get("hostNetwork"):
        errors.invalid(
            False, "hostNetwork must be true if pod contains any hostProcess containers", "hostNetwork"
        )


def _host_process(holder: Obj) -> Any:
    return ((holder.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")


def validate_windows_options(options: Any, errors: FieldErrors) -> None:
    if options is None:
        return
    name, credentials = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
    user = options.get("runAsUserName")
    for message in names.dns1123_subdomain(name) if name is not None else ():
        errors.invalid(name, message, "gmsaCredentialSpecName")
    if credentials == "":
        errors.invalid("", "gmsaCredentialSpec cannot be an empty string", "gmsaCredentialSpec")
    elif credentials is not None and len(credentials.encode()) > LONGEST_SPEC:
        errors.invalid(credentials, "gmsaCredentialSpec size must be under 64 KiB", "gmsaCredentialSpec")
    for message in _user_faults(user) if user is not None else ():
        errors.invalid(user, message, "runAsUserName")


def _user_faults(text: str) -> Iterator[str]:
    """`DOMAIN\\user`, or a user alone."""
    if not text:
        yield "runAsUserName cannot be an empty string"
        return
    if _CONTROL.search(text):
        yield "runAsUserName cannot contain control characters"
        return
    if text.count("\\") > 1:
        yield "runAsUserName cannot contain more than one backslash"
        return
    domain, backslash, user = text.rpartition("\\")
    if len(domain) >= LONGEST_DOMAIN:
        yield f"runAsUserName's Domain length must be under {LONGEST_DOMAIN} characters"
    if backslash and not (_NET_BIOS.match(domain) or _DNS.fullmatch(domain)):
        yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif len(user) > LONGEST_USER:
        yield f"runAsUserName's User length must not be longer than {LONGEST_USER} characters"
    if user and not user.strip(". "):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _BAD_USER.search(user):
        yield "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"

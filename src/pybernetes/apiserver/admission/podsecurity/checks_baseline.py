"""The checks of the level `baseline`: what lets a pod out of its container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pybernetes.api.meta import Obj

from .findings import (
    Finding,
    containers,
    named,
    names_where,
    plural,
    quoted,
    security,
    setters,
    user_namespaced,
)

APP_ARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD, SECCOMP_CONTAINER = (
    "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/",
)
DEFAULT_CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
SELINUX_TYPES = frozenset(("", "container_t", "container_init_t", "container_kvm_t"))
SELINUX_TYPES_1_31 = SELINUX_TYPES | {"container_engine_t"}
SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    )
)
SYSCTLS_1_27 = SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
SYSCTLS_1_29 = SYSCTLS_1_27 | {
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
SYSCTLS_1_32 = SYSCTLS_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def app_armor_profile(metadata: Obj, spec: Obj) -> Finding | None:
    values: list[str] = []

    def bad(holder: Obj) -> bool:
        type_ = security(holder, "appArmorProfile", "type")
        if type_ is None or type_ in ("RuntimeDefault", "Localhost"):
            return False
        values.append(type_)
        return True

    who = setters(spec, bad)
    if who:
        kinds = sorted(set(values))
        reason = plural("forbidden AppArmor profile", len(kinds))
        return Finding(reason, f"{' and '.join(who)} must not set AppArmor profile type to {quoted(kinds)}")
    annotations = metadata.get("annotations") or {}
    wrong = sorted(
        f'{key}="{value}"'
        for key, value in annotations.items()
        if key.startswith(APP_ARMOR_ANNOTATION)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    )
    if not wrong:
        return None
    return Finding(plural("forbidden AppArmor profile", len(wrong)), ", ".join(wrong))


def capabilities(_metadata: Obj, spec: Obj) -> Finding | None:
    added: set[str] = set()

    def bad(container: Obj) -> bool:
        wrong = set(security(container, "capabilities", "add") or ()) - DEFAULT_CAPABILITIES
        added.update(wrong)
        return bool(wrong)

    names = names_where(spec, bad)
    if not names:
        return None
    return Finding(
        "non-default capabilities",
        f"{named('container', names)} must not include {quoted(sorted(added))} in securityContext.capabilities.add",
    )


def host_namespaces(_metadata: Obj, spec: Obj) -> Finding | None:
    set_ = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return Finding("host namespaces", ", ".join(set_)) if set_ else None


def host_path_volumes(_metadata: Obj, spec: Obj) -> Finding | None:
    names = [
        volume.get("name", "") for volume in spec.get("volumes") or () if volume.get("hostPath") is not None
    ]
    return Finding("hostPath volumes", named("volume", names)) if names else None


def host_ports(_metadata: Obj, spec: Obj) -> Finding | None:
    ports: set[str] = set()

    def bad(container: Obj) -> bool:
        own = {str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")}
        ports.update(own)
        return bool(own)

    names = names_where(spec, bad)
    if not names:
        return None
    verb = plural("uses", len(names), "use")
    return Finding(
        "hostPort",
        f"{named('container', names)} {verb} {plural('hostPort', len(ports))} {', '.join(sorted(ports))}",
    )


def host_probes_and_host_lifecycle(_metadata: Obj, spec: Obj) -> Finding | None:
    names: set[str] = set()
    hosts: set[str] = set()
    for container in containers(spec):
        own = set(_hosts(container))
        if own:
            names.add(container.get("name", ""))
            hosts |= own
    if not names:
        return None
    verb = plural("uses", len(names), "use")
    what = plural("probe or lifecycle host", len(hosts))
    return Finding(
        "probe or lifecycle host",
        f"{named('container', sorted(names))} {verb} {what} {quoted(sorted(hosts))}",
    )


def _hosts(container: Obj) -> Iterator[str]:
    lifecycle = container.get("lifecycle") or {}
    probes = [container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    for handler in (*probes, lifecycle.get("postStart"), lifecycle.get("preStop")):
        for field in ("httpGet", "tcpSocket"):
            host = ((handler or {}).get(field) or {}).get("host")
            if host:
                yield host


def privileged(_metadata: Obj, spec: Obj) -> Finding | None:
    names = names_where(spec, lambda container: bool(security(container, "privileged")))
    if not names:
        return None
    return Finding("privileged", f"{named('container', names)} must not set securityContext.privileged=true")


def proc_mount(_metadata: Obj, spec: Obj) -> Finding | None:
    types: set[str] = set()

    def bad(container: Obj) -> bool:
        type_ = security(container, "procMount")
        if type_ in (None, "Default"):
            return False
        types.add(type_)
        return True

    names = names_where(spec, bad)
    if not names:
        return None
    return Finding(
        "procMount",
        f"{named('container', names)} must not set securityContext.procMount to {quoted(sorted(types))}",
    )


def proc_mount_unless_user_namespaced(metadata: Obj, spec: Obj) -> Finding | None:
    return None if user_namespaced(spec) else proc_mount(metadata, spec)


def selinux_options(_metadata: Obj, spec: Obj) -> Finding | None:
    return _selinux(spec, SELINUX_TYPES)


def selinux_options_1_31(_metadata: Obj, spec: Obj) -> Finding | None:
    return _selinux(spec, SELINUX_TYPES_1_31)


def _selinux(spec: Obj, allowed: frozenset[str]) -> Finding | None:
    types: set[str] = set()
    fields: set[str] = set()

    def bad(holder: Obj) -> bool:
        options = security(holder, "seLinuxOptions") or {}
        wrong_type = options.get("type", "") not in allowed
        if wrong_type:
            types.add(options["type"])
        own = {field for field in ("user", "role") if options.get(field)}
        fields.update(own)
        return wrong_type or bool(own)

    who = setters(spec, bad)
    if not who:
        return None
    what = [f"{plural('type', len(types))} {quoted(sorted(types))}"] if types else []
    what += [f"{field} may not be set" for field in ("user", "role") if field in fields]
    return Finding(
        "seLinuxOptions",
        f"{' and '.join(who)} set forbidden securityContext.seLinuxOptions: {'; '.join(what)}",
    )


def seccomp_annotations(metadata: Obj, spec: Obj) -> Finding | None:
    """Before 1.19 the profile was an annotation."""
    names = {container.get("name", "") for container in containers(spec)}
    wrong = sorted(
        f'{key}="{value}"'
        for key, value in (metadata.get("annotations") or {}).items()
        if value == "unconfined"
        and (
            key == SECCOMP_POD
            or (key.startswith(SECCOMP_CONTAINER) and key[len(SECCOMP_CONTAINER) :] in names)
        )
    )
    return (
        Finding("seccompProfile", f"forbidden {plural('annotation', len(wrong))} {', '.join(wrong)}")
        if wrong
        else None
    )


def seccomp_profile(_metadata: Obj, spec: Obj) -> Finding | None:
    return seccomp_finding(spec, lambda type_: type_ in (None, "RuntimeDefault", "Localhost"))


def seccomp_finding(spec: Obj, allowed: Callable[[Any], bool]) -> Finding | None:
    """About profiles that are set and not allowed."""
    values: set[str] = set()

    def bad(holder: Obj) -> bool:
        type_ = security(holder, "seccompProfile", "type")
        if allowed(type_):
            return False
        values.add(type_)
        return True

    who = setters(spec, bad)
    if not who:
        return None
    return Finding(
        "seccompProfile",
        f"{' and '.join(who)} must not set securityContext.seccompProfile.type to {quoted(sorted(values))}",
    )


def sysctls(_metadata: Obj, spec: Obj) -> Finding | None:
    return _sysctls(spec, SYSCTLS)


def sysctls_1_27(_metadata: Obj, spec: Obj) -> Finding | None:
    return _sysctls(spec, SYSCTLS_1_27)


def sysctls_1_29(_metadata: Obj, spec: Obj) -> Finding | None:
    return _sysctls(spec, SYSCTLS_1_29)


def sysctls_1_32(_metadata: Obj, spec: Obj) -> Finding | None:
    return _sysctls(spec, SYSCTLS_1_32)


def _sysctls(spec: Obj, allowed: frozenset[str]) -> Finding | None:
    wrong = [s.get("name", "") for s in security(spec, "sysctls") or () if s.get("name", "") not in allowed]
    return Finding("forbidden sysctls", ", ".join(wrong)) if wrong else None


def windows_host_process(_metadata: Obj, spec: Obj) -> Finding | None:
    who = setters(spec, lambda holder: bool(security(holder, "windowsOptions", "hostProcess")))
    if not who:
        return None
    return Finding(
        "hostProcess", f"{' and '.join(who)} must not set securityContext.windowsOptions.hostProcess=true"
    )

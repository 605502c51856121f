"""The checks of the level `restricted`: what a hardened pod says of itself."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .checks_baseline import seccomp_finding
from .findings import Finding, named, names_where, plural, quoted, security, setters, user_namespaced, windows

VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
PROFILES = ("RuntimeDefault", "Localhost")


def allow_privilege_escalation(_metadata: Obj, spec: Obj) -> Finding | None:
    names = names_where(spec, lambda c: security(c, "allowPrivilegeEscalation") is not False)
    if not names:
        return None
    return Finding(
        "allowPrivilegeEscalation != false",
        f"{named('container', names)} must set securityContext.allowPrivilegeEscalation=false",
    )


def allow_privilege_escalation_on_linux(metadata: Obj, spec: Obj) -> Finding | None:
    return None if windows(spec) else allow_privilege_escalation(metadata, spec)


def capabilities(_metadata: Obj, spec: Obj) -> Finding | None:
    added: set[str] = set()

    def adds(container: Obj) -> bool:
        wrong = set(security(container, "capabilities", "add") or ()) - {"NET_BIND_SERVICE"}
        added.update(wrong)
        return bool(wrong)

    keeping = names_where(spec, lambda c: "ALL" not in (security(c, "capabilities", "drop") or ()))
    adding = names_where(spec, adds)
    details: list[str] = []
    if keeping:
        details.append(f'{named("container", keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        details.append(
            f"{named('container', adding)} must not include {quoted(sorted(added))} in "
            "securityContext.capabilities.add"
        )
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def capabilities_on_linux(metadata: Obj, spec: Obj) -> Finding | None:
    return None if windows(spec) else capabilities(metadata, spec)


def volumes(_metadata: Obj, spec: Obj) -> Finding | None:
    names: list[str] = []
    types: set[str] = set()
    for volume in spec.get("volumes") or ():
        sources = [field for field in volume if field != "name" and volume[field] is not None]
        if sources and not VOLUMES.intersection(sources):
            names.append(volume.get("name", ""))
            types.add(sources[0])
    if not names:
        return None
    verb, what = plural("uses", len(names), "use"), plural("restricted volume type", len(types))
    return Finding(
        "restricted volume types", f"{named('volume', names)} {verb} {what} {quoted(sorted(types))}"
    )


def run_as_non_root(_metadata: Obj, spec: Obj) -> Finding | None:
    reason = "runAsNonRoot != true"
    if who := setters(spec, lambda holder: security(holder, "runAsNonRoot") is False):
        return Finding(reason, f"{' and '.join(who)} must not set securityContext.runAsNonRoot=false")
    if security(spec, "runAsNonRoot"):
        return None
    names = names_where(spec, lambda c: security(c, "runAsNonRoot") is None)
    if not names:
        return None
    return Finding(reason, f"pod or {named('container', names)} must set securityContext.runAsNonRoot=true")


def run_as_non_root_unless_user_namespaced(metadata: Obj, spec: Obj) -> Finding | None:
    return None if user_namespaced(spec) else run_as_non_root(metadata, spec)


def run_as_user(_metadata: Obj, spec: Obj) -> Finding | None:
    who = setters(spec, lambda holder: security(holder, "runAsUser") == 0)
    return Finding("runAsUser=0", f"{' and '.join(who)} must not set runAsUser=0") if who else None


def run_as_user_unless_user_namespaced(metadata: Obj, spec: Obj) -> Finding | None:
    return None if user_namespaced(spec) else run_as_user(metadata, spec)


def seccomp_profile(_metadata: Obj, spec: Obj) -> Finding | None:
    if found := seccomp_finding(spec, lambda type_: type_ is None or type_ in PROFILES):
        return found
    if security(spec, "seccompProfile"):
        return None
    names = names_where(spec, lambda c: not security(c, "seccompProfile"))
    if not names:
        return None
    return Finding(
        "seccompProfile",
        f'pod or {named("container", names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost"',
    )


def seccomp_profile_on_linux(metadata: Obj, spec: Obj) -> Finding | None:
    return None if windows(spec) else seccomp_profile(metadata, spec)

"""What pods and pod templates may still say and should not: upstream's `pkg/api/pod/warnings.go`, its paths and words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pybernetes.lang import names, quantity

from ..cells import dig
from ..meta import Obj
from ..validation.addresses import address_warnings
from ..validation.nodelabels import deprecation, term_warnings
from . import remembered
from .overlaps import overlap_warnings
from .portwarnings import each_container, port_warnings

ANNOTATIONS = (
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        'non-functional in v1.16+; use the "priorityClassName" field instead',
    ),
    ("security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        'non-functional in v1.11+; use the "sysctls" field instead',
    ),
)
VOLUMES = (
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
)
GO_NAMES = {"storageos": "storageOS"}
"""Fields that upstream's messages spell as its Go code does."""
SECCOMP, SECCOMP_OF = (
    "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/",
)
APPARMOR_OF = "container.apparmor.security.beta.kubernetes.io/"
USE_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
NO_SELECTOR = "a null labelSelector results in matching no pod"
TERMS = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def name_warnings(pod: Obj) -> list[str]:
    """Of the name of a new pod."""
    problems = names.dns1123_label(pod["metadata"].get("name", ""))
    if not problems:
        return []
    return [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
        f"a DNS label is recommended: [{' '.join(problems)}]"
    ]


def pod_warnings(pod: Obj) -> list[str]:
    """Of a new pod: its name, and what it is made of."""
    found = name_warnings(pod)
    annotations = pod["metadata"].get("annotations") or {}
    more = remembered.without_warnings(lambda _spec: _warnings(pod, ""), pod.get("spec") or {}, annotations)
    return [*found, *more] if more else found


def template_warnings(obj: Obj, old: Obj | None, *path: str) -> list[str]:
    """Of the pod template at `path`, where the object is new or has another generation than before."""
    if old is not None and obj["metadata"].get("generation") == old["metadata"].get("generation"):
        return []
    template = dig(obj, *path)
    return _warnings(template, ".".join(path) + ".") if isinstance(template, Mapping) else []


def _warnings(template: Obj, prefix: str) -> list[str]:
    spec = template.get("spec") or {}
    return [
        *_node_labels(spec, f"{prefix}spec"),
        *_annotations(template, spec, prefix),
        *_volumes(spec, f"{prefix}spec.volumes"),
        *_repetitions(spec, f"{prefix}spec"),
        *_containers(template, spec, prefix),
        *port_warnings(spec, f"{prefix}spec"),
        *_grace(spec, f"{prefix}spec"),
        *_affinity(spec, f"{prefix}spec.affinity"),
        *_addresses(spec, f"{prefix}spec"),
    ]


def _node_labels(spec: Obj, path: str) -> Iterator[str]:
    for key in spec.get("nodeSelector") or ():
        if why := deprecation(key):
            yield f"{path}.nodeSelector[{key}]: {why}"
    affinity = dig(spec, "affinity", "nodeAffinity") or {}
    here = f"{path}.affinity.nodeAffinity"
    for index, term in enumerate(dig(affinity, TERMS, "nodeSelectorTerms") or ()):
        below = f"{here}.{TERMS}.nodeSelectorTerms[{index}].matchExpressions"
        yield from term_warnings(below, term.get("matchExpressions"))
    for index, each in enumerate(affinity.get(PREFERRED) or ()):
        below = f"{here}.{PREFERRED}[{index}].preference.matchExpressions"
        yield from term_warnings(below, dig(each, "preference", "matchExpressions"), of_values=True)
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        at, key = f"{path}.topologySpreadConstraints[{index}]", constraint.get("topologyKey", "")
        if why := deprecation(key):
            yield f"{at}.topologyKey: {key} is {why}"
        if constraint.get("labelSelector") is None:
            yield f"{at}.labelSelector: {NO_SELECTOR}"


def _annotations(template: Obj, spec: Obj, prefix: str) -> Iterator[str]:
    given = dig(template, "metadata", "annotations") or {}
    for key, message in ANNOTATIONS:
        if key in given:
            yield f"{prefix}metadata.annotations[{key}]: {message}"
    if SECCOMP in given and not dig(spec, "securityContext", "seccompProfile"):
        yield f"{prefix}metadata.annotations[{SECCOMP}]: {USE_SECCOMP}"


def _volumes(spec: Obj, path: str) -> Iterator[str]:
    volumes: Sequence[Obj] = spec.get("volumes") or ()
    for index, volume in enumerate(volumes):
        for field, message in VOLUMES:
            if volume.get(field) is not None:
                yield f"{path}[{index}].{GO_NAMES.get(field, field)}: {message}"
        claim = dig(volume, "ephemeral", "volumeClaimTemplate", "spec", "resources") or {}
        here = f"{path}[{index}].ephemeral.volumeClaimTemplate.spec.resources"
        for part in ("requests", "limits"):
            yield from _fractions(claim.get(part), f"{here}.{part}", ("storage",))
    yield from overlap_warnings(volumes)


def _repetitions(spec: Obj, path: str) -> Iterator[str]:
    yield from _again(spec.get("hostAliases") or (), "ip", f"{path}.hostAliases")
    secrets = spec.get("imagePullSecrets") or ()
    yield from _again(secrets, "name", f"{path}.imagePullSecrets")
    for index, secret in enumerate(secrets):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    yield from _fractions(spec.get("overhead"), f"{path}.overhead")


def _again(items: Iterable[Obj], field: str, path: str) -> Iterator[str]:
    seen = set()
    for index, item in enumerate(items):
        value = item.get(field, "")
        if value in seen:
            yield f"{path}[{index}].{field}: duplicate {field} {json.dumps(value)}"
        seen.add(value)


def _fractions(
    amounts: Obj | None, path: str, names_of: Sequence[str] = ("memory", "ephemeral-storage")
) -> Iterator[str]:
    for name in names_of:
        amount = (amounts or {}).get(name)
        if amount is not None and quantity.parse(amount).nano % quantity.NANO:
            yield f'{path}[{name}]: fractional byte value "{quantity.canonical(amount)}" is invalid, must be an integer'


def _containers(template: Obj, spec: Obj, prefix: str) -> Iterator[str]:
    given = dig(template, "metadata", "annotations") or {}
    whole = bool(dig(spec, "securityContext", "appArmorProfile"))
    for container, path in each_container(spec, f"{prefix}spec"):
        name, context = container.get("name", ""), container.get("securityContext") or {}
        if f"{SECCOMP_OF}{name}" in given and not context.get("seccompProfile"):
            yield f"{prefix}metadata.annotations[{SECCOMP_OF}{name}]: {USE_SECCOMP}"
        key = f"{APPARMOR_OF}{name}"
        if key in given and prefix and not whole and not context.get("appArmorProfile"):
            yield f'{prefix}metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'
        resources = container.get("resources") or {}
        yield from _fractions(resources.get("limits"), f"{path}.resources.limits")
        yield from _fractions(resources.get("requests"), f"{path}.resources.requests")
        yield from _variables(container.get("env") or (), f"{path}.env")


def _variables(variables: Iterable[Obj], path: str) -> Iterator[str]:
    seen = set()
    for index, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value") or ""
        reference = f"$({name})"
        extends = variable.get("valueFrom") is None and value != reference and reference in value
        if name in seen and not extends:
            yield (
                f"{path}[{index}]: hides previous definition of {json.dumps(name)}, "
                "which may be dropped when using apply"
            )
        seen.add(name)


def _addresses(spec: Obj, path: str) -> Iterator[str]:
    for index, text in enumerate(dig(spec, "dnsConfig", "nameservers") or ()):
        yield from address_warnings(f"{path}.dnsConfig.nameservers[{index}]", text)
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        yield from address_warnings(f"{path}.hostAliases[{index}].ip", alias.get("ip", ""))


def _grace(spec: Obj, path: str) -> Iterator[str]:
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        yield f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"


def _affinity(spec: Obj, path: str) -> Iterator[str]:
    for part in ("podAffinity", "podAntiAffinity"):
        given = dig(spec, "affinity", part) or {}
        for index, term in enumerate(given.get(TERMS) or ()):
            if term.get("labelSelector") is None:
                yield f"{path}.{part}.{TERMS}[{index}].labelSelector: {NO_SELECTOR}"
        for index, each in enumerate(given.get(PREFERRED) or ()):
            if (each.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{path}.{part}.{PREFERRED}[{index}].podAffinityTerm.labelSelector: {NO_SELECTOR}"

"""The annotations of pods and pod templates that have rules: some were fields before there were fields.

Facts of upstream's `ValidatePodSpecificAnnotations` and of what goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj, annotations_of
from ..podspec.validate_paths import local_descending_path
from ..podspec.warnings import APPARMOR_OF, SECCOMP, SECCOMP_OF

MIRROR = "kubernetes.io/config.mirror"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_COST = re.compile(r"0|-?[1-9][0-9]*|-0+[0-9]*")
_LISTS = ("initContainers", "containers", "ephemeralContainers")
_LOCAL = "localhost/"
_SECCOMP_WORDS = {
    "Unconfined": ("unconfined",),
    "RuntimeDefault": ("runtime/default", "docker/default"),
}
_APPARMOR_WORDS = {"Unconfined": ("unconfined",), "RuntimeDefault": ("runtime/default",)}


def validate_annotations(annotations: Mapping[str, str], spec: Obj, at: FieldErrors) -> None:
    """`at` stands at the annotations."""
    if MIRROR in annotations and not spec.get("nodeName"):
        at.at_key(MIRROR).invalid(
            annotations[MIRROR], "must set spec.nodeName if mirror pod annotation is set"
        )
    cost = annotations.get(DELETION_COST)
    if cost is not None and not (_COST.fullmatch(cost) and -(2**31) <= int(cost) < 2**31):
        at.at_key(DELETION_COST).invalid(cost, "must be a 32bit integer")
    for key, value in annotations.items():
        if key == SECCOMP or key.startswith(SECCOMP_OF):
            _validate_seccomp(value, at.at(key))
    containers = {container.get("name") for container in _containers(spec)}
    for key, value in annotations.items():
        if key.startswith(APPARMOR_OF):
            name = key.removeprefix(APPARMOR_OF)
            if name not in containers:
                at.at_key(key).invalid(name, "container not found")
            if value not in ("", "runtime/default", "unconfined") and not value.startswith(_LOCAL):
                at.at_key(key).invalid(value, f'invalid AppArmor profile name: "{value}"')


def validate_annotations_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What says where a pod comes from and how it is confined stays. `errors` stands at the pod."""
    after, before = annotations_of(new), annotations_of(old)
    if after == before:
        return
    at = errors.at("metadata", "annotations")
    for key, value in before.items():
        if after.get(key) == value:
            continue
        if key.startswith(APPARMOR_OF):
            at.at_key(key).forbidden("may not remove or update AppArmor annotations")
        if key == MIRROR:
            at.at_key(key).forbidden("may not remove or update mirror pod annotation")
    for key in after:
        if key in before:
            continue
        if key.startswith(APPARMOR_OF):
            at.at_key(key).forbidden("may not add AppArmor annotations")
        if key == MIRROR:
            at.at_key(key).forbidden("may not add mirror pod annotation")


def validate_profiles(annotations: Mapping[str, str], spec: Obj, at: FieldErrors) -> None:
    """What is said both by an annotation and by a field is said alike. `at` stands at the spec."""
    if not any(key == SECCOMP or key.startswith((SECCOMP_OF, APPARMOR_OF)) for key in annotations):
        return
    for holder, key in (
        (spec, SECCOMP),
        *((each, f"{SECCOMP_OF}{each.get('name')}") for each in _containers(spec)),
    ):
        profile = (holder.get("securityContext") or {}).get("seccompProfile")
        if profile is not None and key in annotations:
            # Upstream tells of the pod's field also where a container's is meant.
            here = at.at("securityContext", "seccompProfile")
            _compare(annotations[key], profile, _SECCOMP_WORDS, "seccomp", here)
    if (spec.get("os") or {}).get("name") == "windows":
        return
    general = (spec.get("securityContext") or {}).get("appArmorProfile")
    for field in _LISTS:
        for index, container in enumerate(spec.get(field) or ()):
            key = f"{APPARMOR_OF}{container.get('name')}"
            own = (container.get("securityContext") or {}).get("appArmorProfile")
            profile, here = (own, at.at(field, index)) if own is not None else (general, at)
            if profile is not None and key in annotations:
                here = here.at("securityContext", "appArmorProfile")
                _compare(annotations[key], profile, _APPARMOR_WORDS, "apparmor", here)


def move_app_armor(pod: MutableObj) -> None:
    """The strategy of creation: a profile that only an annotation names becomes the container's field."""
    spec, annotations = pod["spec"], annotations_of(pod)
    if (spec.get("os") or {}).get("name") == "windows":
        return
    general = (spec.get("securityContext") or {}).get("appArmorProfile")
    for container in _containers(spec) if any(key.startswith(APPARMOR_OF) for key in annotations) else ():
        word = annotations.get(f"{APPARMOR_OF}{container.get('name')}")
        profile = None if word is None else _app_armor_field(word)
        context = container.get("securityContext") or {}
        if profile is not None and context.get("appArmorProfile") is None and profile != general:
            container["securityContext"] = {**context, "appArmorProfile": profile}


def _app_armor_field(word: str) -> dict[str, Any] | None:
    for kind, words in _APPARMOR_WORDS.items():
        if word in words:
            return {"type": kind}
    if word.startswith(_LOCAL) and word != _LOCAL:
        return {"type": "Localhost", "localhostProfile": word.removeprefix(_LOCAL)}
    return None


def _containers(spec: Obj) -> Iterator[Any]:
    for field in _LISTS:
        yield from spec.get(field) or ()


def _validate_seccomp(profile: str, at: FieldErrors) -> None:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith(_LOCAL):
        local_descending_path(profile.removeprefix(_LOCAL), "", at)
    else:
        at.invalid(profile, "must be a valid seccomp profile")


def _compare(
    word: str, profile: Obj, words: Mapping[str, tuple[str, ...]], what: str, at: FieldErrors
) -> None:
    kind, local = str(profile.get("type")), word.startswith(_LOCAL)
    if not local if kind == "Localhost" else word not in words.get(kind, (word,)):
        at.forbidden(f"{what} type in annotation and field must match", "type")
    elif kind == "Localhost" and profile.get("localhostProfile") != word.removeprefix(_LOCAL):
        at.forbidden(f"{what} profile in annotation and field must match", "localhostProfile")

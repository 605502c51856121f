"""AlwaysPullImages: every container pulls its image anew, so that nobody uses another's without credentials (off unless
enabled)."""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.errors import Unclassified
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import POD
from pybernetes.api.meta import MutableObj, Obj

from .plugin import Admission, Plugin, Scope

FIELDS = ("initContainers", "containers", "ephemeralContainers")


def _concerned(admission: Admission) -> bool:
    """An update that brings no new image is left alone."""
    if admission.kind is not POD or admission.new is None:
        return False
    return admission.operation != "UPDATE" or not _images(admission.new) <= _images(admission.old or {})


def _images(pod: Obj) -> set[str]:
    spec = pod.get("spec") or {}
    return {c.get("image") or "" for field in FIELDS for c in spec.get(field) or ()}


def _policies(pod: Obj) -> Iterator[tuple[tuple[str | int, ...], MutableObj, str]]:
    """Whatever has an image: the path to it, itself, and its field for the policy."""
    for field in FIELDS:
        for index, container in enumerate(pod["spec"].get(field) or ()):
            yield (field, index), container, "imagePullPolicy"
    for index, volume in enumerate(pod["spec"].get("volumes") or ()):
        if volume.get("image") is not None:
            yield ("volumes", index, "image"), volume["image"], "pullPolicy"


def _mutate(admission: Admission) -> bool:
    if not _concerned(admission):
        return False
    for _, holder, field in _policies(admission.object):
        holder[field] = "Always"
    return True


def _validate(admission: Admission) -> None:
    """What changed the object since must not have changed this."""
    if not _concerned(admission):
        return
    errors = FieldErrors().at("spec")
    for path, holder, field in _policies(admission.object):
        if holder.get(field) != "Always":
            errors.at(*path).not_supported(holder.get(field) or "", ("Always",), field)
    refusals = [admission.forbidden(line) for line in errors]
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Unclassified(f"[{', '.join(refusal.message for refusal in refusals)}]")


PODS = Scope(("pods",), ("CREATE", "UPDATE"), ("", "ephemeralcontainers"))
ALWAYS_PULL_IMAGES = Plugin(
    "AlwaysPullImages", mutate=_mutate, validate=_validate, default=False, mutates=PODS, validates=PODS
)

"""AlwaysPullImages: every container pulls its image anew, so that nobody uses another's without credentials (off unless
enabled)."""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import POD
from pybernetes.api.meta import MutableObj, Obj

from .plugin import Admission, Plugin

FIELDS = ("initContainers", "containers", "ephemeralContainers")


def _concerned(admission: Admission) -> bool:
    return (
        admission.kind is POD
        and admission.new is not None
        and admission.subresource in ("", "ephemeralcontainers")
    )


def _containers(pod: Obj) -> Iterator[tuple[str, int, MutableObj]]:
    for field in FIELDS:
        for index, container in enumerate(pod["spec"].get(field) or ()):
            yield field, index, container


def _mutate(admission: Admission) -> bool:
    if not _concerned(admission):
        return False
    before = (
        {(f, c["name"]): c for f, _, c in _containers(admission.old)} if admission.old is not None else {}
    )
    for field, _, container in _containers(admission.object):
        old = before.get((field, container["name"]))
        if old is None or old.get("image") != container.get("image"):
            container["imagePullPolicy"] = "Always"
    return True


def _validate(admission: Admission) -> None:
    if not _concerned(admission) or admission.operation != "CREATE":
        return
    errors = FieldErrors()
    for field, index, container in _containers(admission.object):
        if container.get("imagePullPolicy") != "Always":
            errors.at("spec", field, index, "imagePullPolicy").not_supported(
                container.get("imagePullPolicy", ""), ("Always",)
            )
    if errors:
        raise admission.forbidden("; ".join(errors))


ALWAYS_PULL_IMAGES = Plugin("AlwaysPullImages", mutate=_mutate, validate=_validate, default=False)

"""volumeattributesclass-protection-controller: a class that a claim or a volume names is not removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Plan, Update
from pybernetes.controllers.volumes import has_finalizer, with_finalizer, without_finalizer

FINALIZER = "kubernetes.io/vac-protection"
BY_ATTRIBUTES = "attributes-class"
"""Index over claims and volumes: the classes they name, have, or are on the way to."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A class, and whether anything names it."""

    attributes: Obj
    used: bool


def observe(key: str, caches: Caches) -> Seen | None:
    attributes = caches.get(kinds.VOLUMEATTRIBUTESCLASS, key)
    if attributes is None:
        return None
    users = (kinds.PERSISTENTVOLUMECLAIM, kinds.PERSISTENTVOLUME)
    return Seen(attributes, any(caches.by_index(kind, BY_ATTRIBUTES, key) for kind in users))


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    attributes = seen.attributes
    held = has_finalizer(attributes, FINALIZER)
    if not is_deleting(attributes):
        if held:
            return Plan.nothing("protected")
        step = Update(kinds.VOLUMEATTRIBUTESCLASS, with_finalizer(attributes, FINALIZER), "it may be used")
        return Plan((step,), None, "protecting it")
    if not held or seen.used:
        return Plan.nothing("in use" if held else "not held")
    step = Update(kinds.VOLUMEATTRIBUTESCLASS, without_finalizer(attributes, FINALIZER), "nothing names it")
    return Plan((step,), None, "letting it go")


def classes_of(obj: Obj) -> Iterable[str]:
    """The classes of a claim or a volume, each once."""
    named = (
        dig(obj, "spec", "volumeAttributesClassName"),
        dig(obj, "status", "currentVolumeAttributesClassName"),
        dig(obj, "status", "modifyVolumeStatus", "targetVolumeAttributesClassName"),
    )
    return {str(name) for name in named if name}


def _classes(obj: Obj, _caches: Caches) -> Iterable[str]:
    return classes_of(obj)


CONTROLLER = ControllerDef(
    "volumeattributesclass-protection-controller",
    watches=(
        itself(kinds.VOLUMEATTRIBUTESCLASS),
        Watch(kinds.PERSISTENTVOLUMECLAIM, _classes, {BY_ATTRIBUTES: classes_of}),
        Watch(kinds.PERSISTENTVOLUME, _classes, {BY_ATTRIBUTES: classes_of}),
    ),
    observe=observe,
    plan=plan,
    account="volumeattributesclass-protection-controller",
)

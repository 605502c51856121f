"""persistentvolume-protection-controller: a volume that a claim is bound to is not removed."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Update
from pybernetes.controllers.volumes import has_finalizer, with_finalizer, without_finalizer

FINALIZER = "kubernetes.io/pv-protection"


def observe(key: str, caches: Caches) -> Obj | None:
    return caches.get(kinds.PERSISTENTVOLUME, key)


def plan(volume: Obj, _now: float, _settings: Settings) -> Plan:
    held = has_finalizer(volume, FINALIZER)
    if is_deleting(volume):
        if not held or dig(volume, "status", "phase") == "Bound":
            return Plan.nothing("in use" if held else "not held")
        step = Update(kinds.PERSISTENTVOLUME, without_finalizer(volume, FINALIZER), "no claim is bound to it")
        return Plan((step,), None, "letting it go")
    if held:
        return Plan.nothing("protected")
    step = Update(kinds.PERSISTENTVOLUME, with_finalizer(volume, FINALIZER), "a claim may be bound to it")
    return Plan((step,), None, "protecting it")


CONTROLLER = ControllerDef(
    "persistentvolume-protection-controller",
    watches=(itself(kinds.PERSISTENTVOLUME),),
    observe=observe,
    plan=plan,
    account="pv-protection-controller",
)

"""persistentvolume-expander-controller: a claim that asks for more than its volume has is left to the volume's driver.

No kind of volume is grown by Kubernetes itself any more, so all there is to do is to say who is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Report
from pybernetes.controllers.persistentvolumebinder.matching import requested
from pybernetes.lang import quantity


@dataclass(frozen=True, slots=True)
class Seen:
    """A bound claim and its volume."""

    claim: Obj
    volume: Obj


def observe(key: str, caches: Caches) -> Seen | None:
    claim = caches.get(kinds.PERSISTENTVOLUMECLAIM, key)
    if claim is None or not claim["spec"].get("volumeName"):
        return None
    volume = caches.get(kinds.PERSISTENTVOLUME, claim["spec"]["volumeName"])
    return None if volume is None else Seen(claim, volume)


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    claim, volume = seen.claim, seen.volume
    if dig(claim, "status", "phase") != "Bound" or dig(volume, "spec", "claimRef", "uid") != uid_of(claim):
        return Plan.nothing("not bound")
    amount = dig(claim, "status", "capacity", "storage")
    if amount is None or requested(claim) <= quantity.parse(amount).nano:
        return Plan.nothing("large enough")
    message = "waiting for an external controller to expand this PVC"
    return Plan((Report(claim, "Normal", "ExternalExpanding", message),), None, message)


CONTROLLER = ControllerDef(
    "persistentvolume-expander-controller",
    watches=(itself(kinds.PERSISTENTVOLUMECLAIM),),
    observe=observe,
    plan=plan,
    account="expand-controller",
    reads=(kinds.PERSISTENTVOLUME,),
    source="volume_expand",
)

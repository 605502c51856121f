"""podcertificaterequest-cleaner-controller: PodCertificateRequests that are long over are removed, however they ended."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Delete, Plan
from pybernetes.lang.timestamps import parse

KEPT = 30 * 60.0
"""Seconds from its making that a request is kept: every flow of one is over much sooner."""


def observe(key: str, caches: Caches) -> Obj | None:
    request = caches.get(kinds.PODCERTIFICATEREQUEST, key)
    return None if request is None or is_deleting(request) else request


def plan(request: Obj, now: float, _settings: Settings) -> Plan:
    left = parse(request["metadata"]["creationTimestamp"]) + KEPT - now
    if left > 0:
        return Plan.nothing("kept for its kubelet", left)
    why = "it is half an hour old"
    step = Delete(kinds.PODCERTIFICATEREQUEST, namespace_of(request), name_of(request), uid_of(request), why)
    return Plan((step,), None, why)


CONTROLLER = ControllerDef(
    "podcertificaterequest-cleaner-controller",
    watches=(itself(kinds.PODCERTIFICATEREQUEST),),
    observe=observe,
    plan=plan,
    account="podcertificaterequestcleaner",
    workers=1,
)

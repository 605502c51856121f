"""ttl-controller: tells kubelets, by an annotation on their nodes, how many seconds they may keep secrets and config maps
before they look again: the longer, the larger the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, is_deleting, name_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Patch, Plan

ANNOTATION = "node.alpha.kubernetes.io/ttl"
STEPS = (
    (0, 100, 0),
    (90, 500, 15),
    (450, 1000, 30),
    (900, 2000, 60),
    (1800, 10000, 300),
    (9000, 2**31 - 1, 600),
)
"""(fewest nodes, most nodes, seconds). They overlap, so that a cluster at a boundary does not go back and forth."""


@dataclass(frozen=True, slots=True)
class Seen:
    node: Obj
    count: int
    """Of all nodes."""


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    return Seen(node, len(caches.list(kinds.NODE))) if node is not None else None


def seconds(count: int, current: str) -> int:
    """The seconds for a cluster of so many nodes, coming from what a node says now."""
    known = [str(ttl) for _, _, ttl in STEPS]
    step = known.index(current) if current in known else 0
    while count > STEPS[step][1]:
        step += 1
    while count < STEPS[step][0]:
        step -= 1
    return STEPS[step][2]


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    node = seen.node
    current = annotations_of(node).get(ANNOTATION, "")
    wanted = str(seconds(seen.count, current))
    if wanted == current or is_deleting(node):
        return Plan.nothing("up to date")
    patch = {"metadata": {"annotations": {ANNOTATION: wanted}, "uid": uid_of(node)}}
    return Plan(
        (Patch(kinds.NODE, "", name_of(node), patch, "the size of the cluster"),), None, f"{wanted} s"
    )


CONTROLLER = ControllerDef(
    "ttl-controller", watches=(itself(kinds.NODE),), observe=observe, plan=plan, account="ttl-controller"
)

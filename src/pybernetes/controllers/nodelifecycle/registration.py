"""node-lifecycle-controller, the part of coming and going: an event when a node is seen first, and when it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Report, Steps

from .plan import SOURCE


@dataclass(frozen=True, slots=True)
class Seen:
    """A node by name, and the node itself where there is one."""

    name: str
    node: Obj | None
    memory: str | None = None
    """The uid of the node of that name that was told of."""


def observe(key: str, caches: Caches) -> Seen:
    return Seen(key, caches.get(kinds.NODE, key))


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    uid = uid_of(seen.node) if seen.node is not None else None
    steps = Steps(memory=uid)
    if uid == seen.memory:
        return steps.plan("told of")
    if seen.memory is not None:
        steps.add(
            _event(seen.name, seen.memory, "RemovingNode", f"Removing Node {seen.name} from Controller")
        )
    if uid is not None:
        steps.add(_event(seen.name, uid, "RegisteredNode", f"Registered Node {seen.name} in Controller"))
    return steps.plan("it is new" if uid is not None else "it is gone")


def _event(name: str, uid: str, reason: str, what: str) -> Report:
    about = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
    return Report(about, "Normal", reason, f"Node {name} event: {what}")


CONTROLLER = ControllerDef(
    "node-lifecycle-controller",
    watches=(itself(kinds.NODE),),
    observe=observe,
    plan=plan,
    account="node-controller",
    source=SOURCE,
    workers=1,
    remembers=True,
)

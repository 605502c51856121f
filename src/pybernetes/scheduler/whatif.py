"""Where pods would go, without a cluster: the objects of one are given, nothing is touched.

The pods are placed one after another, each counting for the next. A pod that could only go where others had to leave is
not placed: the answer tells who would have to go.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.meta import Obj, key_of, labels_of, name_of, namespace_of, uid_of

from .asked import PluginError
from .bindingcycle import NotBound, reserve
from .configuration.profiles import profiles_of
from .configuration.types import Configuration
from .cycle import Cycle
from .explain import explanation
from .gang.round import Round, in_groups
from .namespaces import NamespaceLabels
from .preemption.candidate import Victim
from .profile import Profile
from .queuedpod import QueuedPod
from .volumes.view import KINDS as VOLUME_KINDS
from .whatifinput import WhatIfError, asked_pod, by_kind, completed, flattened, is_placed, pods_of, with_uid
from .workloads import Workloads

DEVICE_KINDS = ("DeviceTaintRule", "DeviceClass", "ResourceSlice", "ResourceClaim")


@dataclass(frozen=True, slots=True)
class Placement:
    """`node` is "" where the pod has none; `message` then says why. `victims` (namespace/name) would have to leave
    `nominated` for it. `explanation` is the whole decision, node by node."""

    pod: str
    node: str
    message: str = ""
    nominated: str = ""
    victims: tuple[str, ...] = ()
    explanation: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Objects:
    """The objects of one kind, as `Workloads` asks for them."""

    def __init__(self, objects: Iterable[Obj]) -> None:
        self._objects = {key_of(obj): obj for obj in objects}

    def list(self, namespace: str = "") -> Sequence[Obj]:
        return [obj for obj in self._objects.values() if not namespace or namespace_of(obj) == namespace]

    def get(self, key: str) -> Obj | None:
        return self._objects.get(key)

    def on_event(self, handler: Any) -> None:
        """Nothing here ever changes."""


def what_if(
    cluster: Iterable[Obj],
    pods: Iterable[Obj],
    configuration: Configuration | None = None,
    *,
    seed: int = 0,
    now: float = 0.0,
) -> list[Placement]:
    """Where `pods` (Pods, or workloads, whose replicas are meant) would go in `cluster`, in the order of the queue. What else
    is among `pods` (claims, services, classes) counts as if it were in the cluster.

    `seed` breaks ties between equally good nodes; `now` is Unix time. Nothing is touched. Raises ConfigurationError;
    WhatIfError for an object that cannot be used.
    """
    there = [each for tree in cluster for each in flattened(tree)]
    wanted = [completed(each) for tree in pods for each in flattened(tree)]
    nodes = [name_of(each) for each in there if each["kind"] == "Node"]
    asked: list[Obj] = []
    for each in wanted:
        own, others = pods_of(each, nodes)
        asked += own
        there += others
    of = by_kind(there)
    cycle = _cycle(of, profiles_of(configuration, "default-scheduler"), seed, now)
    priorities = {name_of(each): each for each in of.get("PriorityClass", ())}
    complete = [asked_pod(pod, priorities) for pod in asked]
    for pod in complete:
        cycle.pod_event(None, pod, 0)
    return _place(cycle, complete)


def _cycle(of: Mapping[str, Sequence[Obj]], profiles: Sequence[Profile], seed: int, now: float) -> Cycle:
    """The scheduler's state over the objects, by kind."""
    owners = ("ReplicaSet", "StatefulSet", "ReplicationController")
    workloads = Workloads(
        Objects(of.get("Service", ())), {kind: Objects(of.get(kind, ())) for kind in owners}
    )
    cycle = Cycle(
        random.Random(seed),
        NamespaceLabels({name_of(each): labels_of(each) for each in of.get("Namespace", ())}),
        workloads.selector,
        profiles=profiles,
        clock=lambda: now,
    )

    def take(kinds: Iterable[str], event: Callable[[str, Obj], object]) -> None:
        for kind in kinds:
            for each in of.get(kind, ()):
                try:
                    event(kind, with_uid(each))
                except (KeyError, TypeError, AttributeError, ValueError) as error:
                    raise WhatIfError(f"{kind} {name_of(each)}: {type(error).__name__}: {error}") from error

    take(VOLUME_KINDS, lambda kind, each: cycle.volumes.event(kind, None, each))
    take(DEVICE_KINDS, lambda kind, each: cycle.devices.event(kind, None, each))
    take(("PodGroup",), lambda _kind, each: cycle.group_event(None, each, 0))
    take(("PodDisruptionBudget",), lambda _kind, each: cycle.budget_event(None, each, 0))
    take(("Node",), lambda _kind, each: cycle.node_event(None, each, 0))
    take(("Pod",), lambda _kind, each: cycle.pod_event(None, each, 0) if is_placed(each) else None)
    return cycle


def _place(cycle: Cycle, asked: Sequence[Obj]) -> list[Placement]:
    found: list[Placement] = []
    while popped := cycle.queue.pop(1, 0):
        for pods in in_groups(popped):
            found += _group(cycle, pods) if pods[0].group else (_one(cycle, pods[0]),)
            for queued in pods:
                cycle.queue.remove(queued.uid)
    done = {placement.pod for placement in found}
    for pod in asked:
        if key_of(pod) not in done:
            waiting = cycle.queue.get(uid_of(pod))
            name = pod["spec"].get("schedulerName")
            why = waiting.held_back if waiting is not None else f"its scheduler is {name}"
            found.append(Placement(key_of(pod), "", why))
    return found


def _one(cycle: Cycle, queued: QueuedPod) -> Placement:
    name = key_of(queued.pod)
    try:
        decision = cycle.decide(queued, 0)
    except PluginError as error:
        return Placement(name, "", str(error))
    told = explanation(decision)
    if decision.candidate is not None:
        victims = _names(cycle, decision.candidate.victims)
        return Placement(name, "", decision.message, decision.candidate.node, victims, told)
    if decision.node is None:
        return Placement(name, "", decision.message, explanation=told)
    try:
        reserve(cycle.attempt(queued, decision.node), queued.profile)
    except NotBound as error:
        cycle.unassume(queued)
        return Placement(name, "", str(error), explanation=told)
    return Placement(name, decision.node, explanation=told)


def _group(cycle: Cycle, pods: Sequence[QueuedPod]) -> Iterator[Placement]:
    """The pods of one PodGroup, all together or not at all."""
    attempt = Round(cycle, pods, cycle.attempt)
    while (queued := attempt.next()) is not None:
        try:
            attempt.decided(cycle.choose(queued, cycle.filter(queued), alone=False))
        except PluginError as error:
            attempt.failed(error)
    outcome = attempt.end()
    preemption = outcome.preemption
    for member in outcome.members:
        name, decision = key_of(member.queued.pod), member.decision
        told = explanation(decision) if decision is not None else {}
        if member.attempt is not None:
            yield Placement(name, member.attempt.node, explanation=told)
        elif preemption is not None and preemption.nodes:
            node = preemption.nodes.get(member.queued.uid, "")
            yield Placement(name, "", outcome.told, node, _names(cycle, preemption.victims), told)
        else:
            own = decision is not None and decision.node is None
            yield Placement(
                name, "", decision.message if decision and own else outcome.told, explanation=told
            )


def _names(cycle: Cycle, victims: Iterable[Victim]) -> tuple[str, ...]:
    found = (cycle.placed(victim.uid) for victim in victims)
    return tuple(key_of(victim) for victim in found if victim is not None)

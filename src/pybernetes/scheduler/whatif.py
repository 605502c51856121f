"""Where pods would go, without a cluster: the objects of one are given, nothing is touched.

The pods are placed one after another, each counting for the next. A pod that could only go where others had to leave is
not placed: the answer tells who would have to go.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.meta import Obj, key_of, labels_of, name_of, namespace_of, uid_of

from .bindingcycle import NotBound, reserve
from .configuration.profiles import profiles_of
from .configuration.types import Configuration
from .cycle import Cycle
from .decide import PluginError
from .explain import explanation
from .volumes.view import KINDS as VOLUME_KINDS
from .workloads import Workloads

TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController", "Job")


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
    """Where `pods` (Pods, or workloads, whose replicas are meant) would go in `cluster`, in the order of the queue.

    `seed` breaks ties between equally good nodes. Raises ConfigurationError.
    """
    objects = [each for tree in cluster for each in flattened(tree)]
    of: dict[str, list[Obj]] = {}
    for each in objects:
        of.setdefault(str(each.get("kind")), []).append(each)
    owners = ("ReplicaSet", "StatefulSet", "ReplicationController")
    workloads = Workloads(
        Objects(of.get("Service", ())), {kind: Objects(of.get(kind, ())) for kind in owners}
    )
    cycle = Cycle(
        random.Random(seed),
        {name_of(each): labels_of(each) for each in of.get("Namespace", ())},
        workloads.selector,
        profiles=profiles_of(configuration, "default-scheduler"),
        clock=lambda: now,
    )
    for kind in VOLUME_KINDS:
        for each in of.get(kind, ()):
            cycle.volumes.event(kind, None, each)
    for each in of.get("PodDisruptionBudget", ()):
        cycle.budget_event(None, each, 0)
    for each in of.get("Node", ()):
        cycle.node_event(None, each, 0)
    for each in of.get("Pod", ()):
        if each["spec"].get("nodeName"):
            cycle.pod_event(None, _with_uid(each), 0)
    priorities = {name_of(each): each for each in of.get("PriorityClass", ())}
    asked = [_complete(pod, priorities) for tree in pods for each in flattened(tree) for pod in _pods(each)]
    for pod in asked:
        cycle.pod_event(None, pod, 0)
    return _place(cycle, asked)


def _place(cycle: Cycle, asked: Sequence[Obj]) -> list[Placement]:
    found: list[Placement] = []
    while popped := cycle.queue.pop(1, 0):
        (queued,) = popped
        try:
            decision = cycle.decide(queued, 0)
        except PluginError as error:
            found.append(Placement(key_of(queued.pod), "", str(error)))
            cycle.queue.remove(queued.uid)
            continue
        placement = Placement(
            key_of(queued.pod), decision.node or "", decision.message, explanation=explanation(decision)
        )
        if decision.candidate is not None:
            victims = [cycle.placed(victim.uid) for victim in decision.candidate.victims]
            names = tuple(key_of(victim) for victim in victims if victim is not None)
            placement = Placement(
                placement.pod, "", decision.message, decision.candidate.node, names, placement.explanation
            )
        if decision.node is not None:
            try:
                reserve(cycle.attempt(queued, decision.node), queued.profile)
            except NotBound as error:
                placement = Placement(placement.pod, "", str(error))
        found.append(placement)
        cycle.queue.remove(queued.uid)
    done = {placement.pod for placement in found}
    for pod in asked:
        if key_of(pod) not in done:
            waiting = cycle.queue.get(uid_of(pod))
            name = pod["spec"].get("schedulerName")
            why = waiting.held_back if waiting is not None else f"its scheduler is {name}"
            found.append(Placement(key_of(pod), "", why))
    return found


def flattened(tree: Obj) -> list[Obj]:
    """The objects of a List, or the object itself."""
    if str(tree.get("kind", "")).endswith("List") and isinstance(tree.get("items"), list):
        kind = str(tree["kind"]).removesuffix("List")
        version = tree.get("apiVersion", "v1")
        found = [
            each if each.get("kind") else {"apiVersion": version, "kind": kind, **each}
            for each in tree["items"]
        ]
        return [leaf for each in found for leaf in flattened(each)]
    return [tree]


def _pods(tree: Obj) -> list[dict[str, Any]]:
    """The pods that an object stands for: itself, or as many of its template as it has replicas."""
    if tree.get("kind") == "Pod":
        return [dict(tree)]
    if tree.get("kind") not in TEMPLATED:
        return []
    spec = tree["spec"]
    count = spec.get("parallelism" if tree["kind"] == "Job" else "replicas")
    template = spec["template"]
    found = []
    for number in range(1 if count is None else int(count)):
        metadata = {
            **(template.get("metadata") or {}),
            "name": f"{name_of(tree)}-{number}",
            "namespace": namespace_of(tree) or "default",
        }
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return found


def _complete(pod: dict[str, Any], priorities: Mapping[str, Obj]) -> Obj:
    """The pod with what an API server would have given it, and without a node."""
    metadata = {"namespace": "default", **pod["metadata"]}
    if not metadata.get("name"):
        metadata["name"] = f"{metadata.get('generateName', 'pod-')}x"
    metadata["uid"] = f"asked/{metadata['namespace']}/{metadata['name']}"
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    if spec.get("priority") is None:
        named = priorities.get(spec.get("priorityClassName") or "")
        default = next((each for each in priorities.values() if each.get("globalDefault")), None)
        spec["priority"] = int((named or default or {}).get("value") or 0)
    return {**pod, "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}


def _with_uid(pod: Obj) -> Obj:
    if uid_of(pod):
        return pod
    return {**pod, "metadata": {**pod["metadata"], "uid": f"placed/{key_of(pod)}"}}

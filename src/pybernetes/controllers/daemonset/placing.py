"""What has to change so that every node has the pods it should have, whatever revision they are of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of
from pybernetes.control.plan import Report
from pybernetes.controllers.pods import available_in, is_ready, phase

from . import failing
from .nodes import fit, is_updated, node_of


@dataclass(frozen=True, slots=True)
class Daemons:
    """A DaemonSet, its nodes and its pods by node, and which revision is the current one."""

    daemon_set: Obj
    nodes: tuple[Obj, ...]
    on: dict[str, list[Obj]]
    hashed: str
    generation: str
    may_start: frozenset[str]
    """Nodes on which a pod should run."""
    may_stay: frozenset[str]
    """Nodes on which a pod that is there may go on."""

    def is_new(self, pod: Obj) -> bool:
        return is_updated(pod, self.hashed, self.generation)

    def available_in(self, pod: Obj, now: float) -> float | None:
        """Seconds until the pod is available; None while it is not ready."""
        return available_in(pod, int(self.daemon_set["spec"].get("minReadySeconds", 0)), now)


@dataclass(slots=True)
class Changes:
    """Nodes that get a pod, pods that go, what is told about it, and the failures that are known of."""

    starts: list[str] = field(default_factory=list)
    stops: list[tuple[Obj, str]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    pauses: failing.Pauses = field(default_factory=dict)
    wait: float | None = None


def look_over(
    daemon_set: Obj, nodes: Sequence[Obj], pods: Iterable[Obj], hashed: str, generation: str
) -> Daemons:
    on: dict[str, list[Obj]] = {}
    for pod in pods:
        on.setdefault(node_of(pod), []).append(pod)
    fits = {name_of(node): fit(daemon_set, node) for node in nodes}
    return Daemons(
        daemon_set,
        tuple(sorted(nodes, key=name_of)),
        on,
        hashed,
        generation,
        frozenset(name for name, (start, _) in fits.items() if start),
        frozenset(name for name, (_, stay) in fits.items() if stay),
    )


def placed(daemons: Daemons, now: float, pauses: failing.Pauses, *, surges: bool) -> Changes:
    """Pods that are missing, doubled, in the wrong place, or have ended."""
    changes = Changes(pauses=failing.still_known(pauses, now))
    known = {name_of(node) for node in daemons.nodes}
    for name in sorted(known):
        pods = daemons.on.get(name, [])
        if name in daemons.may_start and not pods:
            changes.starts.append(name)
        elif name in daemons.may_stay:
            _tidy(changes, daemons, name, pods, now, surges)
        else:
            changes.stops += [(pod, "it should not run on this node") for pod in pods if not is_deleting(pod)]
    for name in sorted(daemons.on.keys() - known):
        # Pods that are bound to a node that is gone are the pod garbage collector's.
        changes.stops += [
            (pod, "the node it was meant for is gone")
            for pod in daemons.on[name]
            if not pod["spec"].get("nodeName") and not is_deleting(pod)
        ]
    return changes


def _tidy(
    changes: Changes, daemons: Daemons, node: str, pods: Sequence[Obj], now: float, surges: bool
) -> None:
    """One running pod on a node, two while the new one of a surge is not available yet."""
    running = []
    for pod in pods:
        if is_deleting(pod):
            continue
        if phase(pod) == "Failed":
            _replace_failed(changes, daemons, node, pod, now)
        elif phase(pod) == "Succeeded":
            what = f"Found succeeded daemon pod {namespace_of(pod)}/{name_of(pod)} on node {node}, will try to delete it"
            changes.reports.append(Report(daemons.daemon_set, "Normal", "SucceededDaemonPod", what))
            changes.stops.append((pod, "it has ended"))
        else:
            running.append(pod)
    if len(running) < 2:
        return
    running.sort(key=age_order)
    if not surges:
        changes.stops += [(pod, "another pod runs on its node") for pod in running[1:]]
        return
    new = [pod for pod in running if daemons.is_new(pod)]
    old = [pod for pod in running if not daemons.is_new(pod)]
    changes.stops += [(pod, "another pod of its revision runs on its node") for pod in (*new[1:], *old[1:])]
    if new and old and (not is_ready(old[0]) or daemons.available_in(new[0], now) == 0):
        changes.stops.append((old[0], "the new pod has taken over"))


def _replace_failed(changes: Changes, daemons: Daemons, node: str, pod: Obj, now: float) -> None:
    wait = failing.left(changes.pauses, node, now)
    if wait > 0:
        changes.wait = wait if changes.wait is None else min(changes.wait, wait)
        return
    changes.pauses = failing.after_failure(changes.pauses, node, now)
    what = f"Found failed daemon pod {namespace_of(pod)}/{name_of(pod)} on node {node}, will try to kill it"
    changes.reports.append(Report(daemons.daemon_set, "Warning", "FailedDaemonPod", what))
    changes.stops.append((pod, "it has failed"))


def age_order(pod: Obj) -> tuple[bool, str, str]:
    """Sorts pods that are bound to a node first, then by age."""
    return (not pod["spec"].get("nodeName"), pod["metadata"].get("creationTimestamp", ""), name_of(pod))

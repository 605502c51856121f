"""Whether a pod that was given to this node fits on it: one that does not is told Failed and never started.

The scheduler has asked all of this already; what comes here with a `nodeName` of its own, or meets another that came at
the same time, has not been asked. Reasons and messages are upstream's (its predicate admission handler). Node affinity
and taints are not asked again: the node's labels may be newer than what a kubelet knows of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj, uid_of
from pybernetes.api.podspec.resources import pod_requests
from pybernetes.lang import quantity

from . import podspec, preemption

NANO, MILLI = 1_000_000_000, 1_000_000
ANY_ADDRESS = ("", "0.0.0.0")

Port = tuple[str, int, str]
"""Protocol, number and address on the host."""


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Room:
    """The pod is let in: others leave for it, and it begins when they have."""

    victims: tuple[str, ...]
    """Their uids."""


@dataclass(frozen=True, slots=True)
class _Share:
    """What one pod takes of the node: amounts in 10^-9, and ports."""

    uid: str
    priority: int
    qos: str
    amounts: Mapping[str, int]
    ports: tuple[Port, ...]


class Admission:
    """The node's pods that were let in, until they have ended."""

    def __init__(self, allocatable: Mapping[str, str]) -> None:
        self._capacity = {name: quantity.parse(amount).nano for name, amount in allocatable.items()}
        self._used = dict.fromkeys(self._capacity, 0)
        self._shares: dict[str, _Share] = {}

    def admit(self, pod: Obj) -> Refusal | Room | None:
        """Counts the pod in, or says why it cannot be. One that has run here before is let in whatever there is; for a
        critical one others leave, which are not counted any more from then on."""
        share = self._share(pod)
        room = None
        if not (pod.get("status") or {}).get("startTime"):
            critical = preemption.is_critical(pod)
            refusal = self._shortage(share) if not critical else None
            refusal = refusal or self._conflict(share)
            if refusal is not None:
                return refusal
            if critical and (missing := self._missing(share)):
                chosen = preemption.victims(self._candidates(share), missing)
                if chosen is None:
                    return _unable(missing)
                room = Room(tuple(chosen))
                for uid in chosen:
                    self.release(uid)
        self._count(share)
        return room

    def resize(self, pod: Obj) -> Refusal | None:
        """Counts a pod that is here with the resources that it asks for now, or says why it cannot have them: never
        (Infeasible), or not yet (Deferred)."""
        share, own = self._share(pod), self._shares.get(uid_of(pod))
        if own is None:
            return None  # it was refused, or leaves for another: it gets nothing here
        for name in ("memory", "cpu"):
            amount, capacity = share.amounts.get(name, 0), self._capacity.get(name, 0)
            if amount > capacity:
                numbers = f"requested: {_units(name, amount)}, capacity: {_units(name, capacity)}"
                return Refusal("Infeasible", f"Node didn't have enough capacity: {name}, {numbers}")
        self.release(uid_of(pod))
        shortage = self._shortage(share)
        self._count(share if shortage is None else own)
        return None if shortage is None else Refusal("Deferred", shortage.message)

    def count(self, pod: Obj) -> None:
        """Counts a pod in whatever there is: it is here already."""
        self._count(self._share(pod))

    def _count(self, share: _Share) -> None:
        self.release(share.uid)
        self._shares[share.uid] = share
        for name, amount in share.amounts.items():
            self._used[name] += amount

    def release(self, uid: str) -> None:
        """The pod has ended, or is there no more."""
        share = self._shares.pop(uid, None)
        for name, amount in share.amounts.items() if share is not None else ():
            self._used[name] -= amount

    def _share(self, pod: Obj) -> _Share:
        return _Share(
            uid_of(pod),
            preemption.priority_of(pod),
            podspec.qos_class(pod),
            self._amounts(pod),
            tuple(_ports(pod)),
        )

    def _amounts(self, pod: Obj) -> dict[str, int]:
        """What the node has nothing of is nothing to it: an extended resource is its device manager's."""
        spec, amounts = pod["spec"], {"pods": NANO}
        holders = (spec, *podspec.init_containers(pod), *podspec.containers(pod))
        if spec.get("overhead") or any(holder.get("resources") for holder in holders):
            amounts |= {name: quantity.parse(amount).nano for name, amount in pod_requests(spec).items()}
        return {name: amount for name, amount in amounts.items() if name in self._capacity}

    def _missing(self, share: _Share) -> dict[str, int]:
        """What there is too little of, and how much, in the order in which it is told."""
        missing = {
            name: lack
            for name, amount in share.amounts.items()
            if amount and (lack := self._used[name] + amount - self._capacity[name]) > 0
        }
        return dict(sorted(missing.items(), key=lambda entry: (entry[0] != "pods", entry[0])))

    def _shortage(self, share: _Share) -> Refusal | None:
        for name in self._missing(share):
            amount, used, capacity = share.amounts[name], self._used[name], self._capacity[name]
            return Refusal(
                f"OutOf{name}",
                f"Node didn't have enough resource: {name}, requested: {_units(name, amount)}, "
                f"used: {_units(name, used)}, capacity: {_units(name, capacity)}",
            )
        return None

    def _candidates(self, critical: _Share) -> Iterator[preemption.Candidate]:
        for share in self._shares.values():
            if preemption.yields_to(share.priority, critical.priority):
                yield preemption.Candidate(share.uid, share.qos, share.amounts)

    def _conflict(self, share: _Share) -> Refusal | None:
        if share.ports:
            taken = [port for other in self._shares.values() for port in other.ports]
            if any(_clash(mine, theirs) for mine in share.ports for theirs in taken):
                text = "node(s) didn't have free ports for the requested pod ports"
                return Refusal("NodePorts", f"Predicate NodePorts failed: {text}")
        return None


def _units(name: str, amount: int) -> int:
    """As they are told: thousandths of a CPU, and whole ones of everything else."""
    return amount // (MILLI if name == "cpu" else NANO)


def _unable(missing: Mapping[str, int]) -> Refusal:
    wanted = "".join(f"(res: {name}, q: {_units(name, amount)}), " for name, amount in missing.items())
    return Refusal(
        "UnexpectedAdmissionError",
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods"
        f" to preempt: no set of running pods found to reclaim resources: [{wanted}]",
    )


def _ports(pod: Obj) -> Iterator[Port]:
    sidecars = [each for each in podspec.init_containers(pod) if podspec.is_sidecar(each)]
    for container in (*sidecars, *podspec.containers(pod)):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield port.get("protocol") or "TCP", int(port["hostPort"]), port.get("hostIP") or ""


def _clash(one: Port, other: Port) -> bool:
    if one[:2] != other[:2]:
        return False
    return one[2] == other[2] or one[2] in ANY_ADDRESS or other[2] in ANY_ADDRESS

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

from . import podspec
from .resources import CRITICAL_PRIORITY

NANO, MILLI = 1_000_000_000, 1_000_000
ANY_ADDRESS = ("", "0.0.0.0")

Port = tuple[str, int, str]
"""Protocol, number and address on the host."""


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Share:
    """What one pod takes of the node: amounts in 10^-9, and ports."""

    amounts: Mapping[str, int]
    ports: tuple[Port, ...]


class Admission:
    """The node's pods that were let in, until they have ended."""

    def __init__(self, allocatable: Mapping[str, str]) -> None:
        self._capacity = {name: quantity.parse(amount).nano for name, amount in allocatable.items()}
        self._used = dict.fromkeys(self._capacity, 0)
        self._shares: dict[str, _Share] = {}

    def admit(self, pod: Obj) -> Refusal | None:
        """Counts the pod in, or says why it cannot be. One that has run here before is let in whatever there is, and
        so is a critical one as far as resources go."""
        share = _Share(self._amounts(pod), tuple(_ports(pod)))
        if not (pod.get("status") or {}).get("startTime"):
            refusal = self._shortage(pod, share) or self._conflict(share)
            if refusal is not None:
                return refusal
        self.release(uid_of(pod))
        self._shares[uid_of(pod)] = share
        for name, amount in share.amounts.items():
            self._used[name] += amount
        return None

    def release(self, uid: str) -> None:
        """The pod has ended, or is there no more."""
        share = self._shares.pop(uid, None)
        for name, amount in share.amounts.items() if share is not None else ():
            self._used[name] -= amount

    def _amounts(self, pod: Obj) -> dict[str, int]:
        """What the node has nothing of is nothing to it: an extended resource is its device manager's."""
        spec, amounts = pod["spec"], {"pods": NANO}
        holders = (spec, *podspec.init_containers(pod), *podspec.containers(pod))
        if spec.get("overhead") or any(holder.get("resources") for holder in holders):
            amounts |= {name: quantity.parse(amount).nano for name, amount in pod_requests(spec).items()}
        return {name: amount for name, amount in amounts.items() if name in self._capacity}

    def _shortage(self, pod: Obj, share: _Share) -> Refusal | None:
        if int(pod["spec"].get("priority") or 0) >= CRITICAL_PRIORITY:
            return None
        for name, amount in sorted(share.amounts.items(), key=lambda entry: (entry[0] != "pods", entry[0])):
            used, capacity = self._used[name], self._capacity[name]
            if amount and used + amount > capacity:
                unit = MILLI if name == "cpu" else NANO
                return Refusal(
                    f"OutOf{name}",
                    f"Node didn't have enough resource: {name}, requested: {amount // unit}, used: {used // unit}, "
                    f"capacity: {capacity // unit}",
                )
        return None

    def _conflict(self, share: _Share) -> Refusal | None:
        if share.ports:
            taken = [port for other in self._shares.values() for port in other.ports]
            if any(_clash(mine, theirs) for mine in share.ports for theirs in taken):
                text = "node(s) didn't have free ports for the requested pod ports"
                return Refusal("NodePorts", f"Predicate NodePorts failed: {text}")
        return None


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

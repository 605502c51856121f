"""The PodGroups, and the pods that belong to them: which have a node, which have none yet.

Groups go by `namespace/name`, pods by uid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, key_of, namespace_of, uid_of

NAME = "GangScheduling"


@dataclass(slots=True, eq=False)
class Members:
    """The pods of one group by uid. `placed` are on a node, or on the way to one."""

    unscheduled: dict[str, Obj] = field(default_factory=dict)
    placed: dict[str, Obj] = field(default_factory=dict)

    @property
    def all(self) -> int:
        return len(self.unscheduled) + len(self.placed)


class GroupView:
    def __init__(self) -> None:
        self._groups: dict[str, Obj] = {}
        self._members: dict[str, Members] = {}

    def event(self, old: Obj | None, new: Obj | None) -> None:
        """A PodGroup appeared, changed or went."""
        if old is not None:
            self._groups.pop(key_of(old), None)
        if new is not None:
            self._groups[key_of(new)] = new

    def put(self, pod: Obj) -> None:
        """A pod is there that has not ended, or it changed; one without a group is no matter."""
        key = group_of(pod)
        if not key:
            return
        members, uid = self._members.setdefault(key, Members()), uid_of(pod)
        if pod["spec"].get("nodeName") or uid in members.placed:
            members.unscheduled.pop(uid, None)
            members.placed[uid] = pod
        else:
            members.unscheduled[uid] = pod

    def assumed(self, pod: Obj, placed: bool) -> None:
        """A pod has a node from now on that is still to be written, or has it no longer."""
        members = self._members.get(group_of(pod))
        if members is not None:
            start, end = members.unscheduled, members.placed
            if not placed:
                start, end = end, start
            if start.pop(uid_of(pod), None) is not None:
                end[uid_of(pod)] = pod

    def remove(self, pod: Obj) -> None:
        """A pod is gone, has ended, or is not this scheduler's any more."""
        members = self._members.get(group_of(pod))
        if members is not None:
            members.unscheduled.pop(uid_of(pod), None)
            members.placed.pop(uid_of(pod), None)
            if not members.all:
                del self._members[group_of(pod)]

    def group(self, key: str) -> Obj | None:
        return self._groups.get(key)

    def members(self, key: str) -> Members:
        return self._members.get(key) or Members()

    def disrupted_together(self) -> Iterator[tuple[str, Mapping[str, Obj]]]:
        """The groups of which either all pods are sent away or none (`disruptionMode: {all: {}}`), with those that have
        a node."""
        for key, members in self._members.items():
            if members.placed and goes_as_a_whole(self._groups.get(key)):
                yield key, members.placed


def group_of(pod: Obj) -> str:
    """The key of a pod's group; "" without one."""
    name = (pod["spec"].get("schedulingGroup") or {}).get("podGroupName")
    return f"{namespace_of(pod)}/{name}" if name else ""


def least(group: Obj | None) -> int | None:
    """How many pods a gang needs at least; None for a group that is no gang."""
    policy = ((group or {}).get("spec") or {}).get("schedulingPolicy") or {}
    gang = policy.get("gang")
    return None if gang is None else int(gang.get("minCount") or 1)


def priority_of(group: Obj | None) -> int | None:
    """The priority that a group says for all its pods."""
    value = ((group or {}).get("spec") or {}).get("priority")
    return None if value is None else int(value)


def goes_as_a_whole(group: Obj | None) -> bool:
    mode = ((group or {}).get("spec") or {}).get("disruptionMode") or {}
    return mode.get("all") is not None

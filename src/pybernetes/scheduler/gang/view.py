"""The PodGroups and the pods that belong to them: which there are, which wait with a node at Permit, which are let go.

Groups go by `namespace/name`, pods by uid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, key_of, namespace_of, uid_of


@dataclass(slots=True, eq=False)
class Members:
    """The pods of one group. `waiting`: each has a node and waits at Permit, with what refuses it; `permitted`: let go,
    and on the way to their nodes; `assigned`: on them."""

    unscheduled: dict[str, int] = field(default_factory=dict)
    """With their priorities."""
    waiting: dict[str, Callable[[str], None]] = field(default_factory=dict)
    failed: dict[str, None] = field(default_factory=dict)
    """Those that found no node since the others began to wait."""
    permitted: dict[str, None] = field(default_factory=dict)
    assigned: dict[str, None] = field(default_factory=dict)
    since: int = 0
    """When its first pod came, counted in groups."""

    @property
    def all(self) -> int:
        return len(self.unscheduled) + len(self.assigned)

    @property
    def priority(self) -> int:
        """That of the most important one."""
        return max(self.unscheduled.values(), default=0)

    def has_node(self, uid: str) -> bool:
        return uid in self.waiting or uid in self.permitted

    @property
    def scheduled(self) -> int:
        """Those that need no node any more."""
        return len(self.permitted) + len(self.assigned)


class GroupView:
    def __init__(self) -> None:
        self._groups: dict[str, Obj] = {}
        self._members: dict[str, Members] = {}
        self._arrivals = 0
        self.activate: Callable[[str], None] = lambda _uid: None
        """Has the queue try a pod at once."""

    def event(self, old: Obj | None, new: Obj | None) -> None:
        """A PodGroup appeared, changed or went."""
        if old is not None:
            self._groups.pop(key_of(old), None)
        if new is not None:
            self._groups[key_of(new)] = new

    def put(self, pod: Obj, priority: int) -> None:
        """A pod is there that has not ended, or it changed; one without a group is no matter."""
        key = group_of(pod)
        if not key:
            return
        members = self._members.get(key)
        if members is None:
            self._arrivals += 1
            members = self._members[key] = Members(since=self._arrivals)
        uid = uid_of(pod)
        if pod["spec"].get("nodeName"):
            members.unscheduled.pop(uid, None)
            members.permitted.pop(uid, None)
            members.assigned[uid] = None
        else:
            members.unscheduled[uid] = priority

    def remove(self, pod: Obj) -> None:
        """A pod is gone, has ended, or is not this scheduler's any more."""
        members = self._members.get(group_of(pod))
        if members is None:
            return
        uid = uid_of(pod)
        members.unscheduled.pop(uid, None)
        refuse = members.waiting.pop(uid, None)
        if refuse is not None:
            refuse("the pod is gone")
        for table in (members.failed, members.permitted, members.assigned):
            table.pop(uid, None)
        if not members.all:
            del self._members[group_of(pod)]

    def group(self, key: str) -> Obj | None:
        return self._groups.get(key)

    def members(self, key: str) -> Members:
        return self._members.get(key) or Members()

    def waiting(self) -> Iterator[tuple[str, Members]]:
        """The groups of which a pod waits at Permit."""
        for key, members in self._members.items():
            if members.waiting:
                yield key, members


def group_of(pod: Obj) -> str:
    """The key of a pod's group; "" without one."""
    name = (pod["spec"].get("schedulingGroup") or {}).get("podGroupName")
    return f"{namespace_of(pod)}/{name}" if name else ""


def least(group: Obj | None) -> int | None:
    """How many pods a gang needs at least; None for a group that is no gang."""
    policy = ((group or {}).get("spec") or {}).get("schedulingPolicy") or {}
    gang = policy.get("gang")
    return None if gang is None else int(gang.get("minCount") or 1)

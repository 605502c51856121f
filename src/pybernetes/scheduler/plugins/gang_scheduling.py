"""GangScheduling: pods of a PodGroup with a gang policy get nodes together, at least `minCount` of them, or none does.

A pod waits before the queue until its group and enough of its pods are there, and at Permit until enough of them have a
node. Once one of them finds none, so that there cannot be enough, all give their nodes back at once. Where two gangs stand
in each other's way, the one of lower priority, or else the younger one, gives way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.api.errors import NotFound
from pybernetes.api.kinds import PODGROUP
from pybernetes.api.meta import Obj, key_of, name_of, namespace_of, uid_of
from pybernetes.lang.timestamps import rfc3339

from ..framework import ALLOW, Attempt, Change, Failure, Permission, Plugin, PostFilterResult, World, on
from ..gang.view import GroupView, Members, group_of, least
from ..podfacts import PodFacts

if TYPE_CHECKING:
    from pybernetes.client.interface import Client

NAME = "GangScheduling"
PERMIT_SECONDS = 300.0
CONDITION = "PodGroupInitiallyScheduled"
GAVE_WAY = "gave way to another pod group"


def _key(pod: PodFacts) -> str:
    return f"{pod.namespace}/{pod.group}"


def waits_for(pod: PodFacts, world: World) -> str:
    if not pod.group or world.groups is None:
        return ""
    group = world.groups.group(_key(pod))
    if group is None:
        return f'waiting for pod\'s pod group "{pod.group}" to appear in scheduling queue'
    wanted = least(group)
    if wanted is not None and world.groups.members(_key(pod)).all < wanted:
        return "waiting for minCount pods from a gang to appear in scheduling queue"
    return ""


def permit(attempt: Attempt) -> Permission:
    view = attempt.world.groups
    if not attempt.facts.group or view is None or attempt.waiting is None:
        return ALLOW
    wanted = least(view.group(_key(attempt.facts)))
    if wanted is None:
        return ALLOW
    members, uid = view.members(_key(attempt.facts)), uid_of(attempt.pod)
    members.failed.pop(uid, None)
    if members.scheduled + len(members.waiting) + 1 < wanted:
        members.waiting[uid] = _refuser(attempt, uid)
        for other in [each for each in members.unscheduled if not members.has_node(each)]:
            view.activate(other)
        return Permission("wait", seconds=PERMIT_SECONDS)
    for other in [*members.waiting]:
        waiting = attempt.waiting.get(other)
        if waiting is not None:
            waiting.allow(NAME)
        members.permitted[other] = None
    members.waiting.clear()
    members.permitted[uid] = None
    return ALLOW


def _refuser(attempt: Attempt, uid: str) -> Any:
    pods = attempt.waiting
    assert pods is not None

    def refuse(message: str) -> None:
        waiting = pods.get(uid)
        if waiting is not None:
            waiting.reject(NAME, message)

    return refuse


def unreserve(attempt: Attempt) -> None:
    """A pod that leaves Permit without its gang takes the others with it."""
    view, uid = attempt.world.groups, uid_of(attempt.pod)
    if not attempt.facts.group or view is None:
        return
    members = view.members(_key(attempt.facts))
    members.permitted.pop(uid, None)
    if members.waiting.pop(uid, None) is not None:
        _release(members, f"another pod of the group left: {name_of(attempt.pod)}")


def _release(members: Members, message: str) -> None:
    """Every waiting pod of a gang gives its node back."""
    waiting = [*members.waiting.values()]
    members.waiting.clear()
    members.failed.clear()
    for refuse in waiting:
        refuse(message)


def without_node(pod: PodFacts, world: World, _failure: Failure) -> PostFilterResult:
    """One of the gang has no node: whether the others may still wait."""
    view = world.groups
    if not pod.group or view is None:
        return PostFilterResult()
    group = view.group(_key(pod))
    wanted = least(group)
    if wanted is None or group is None:
        return PostFilterResult()
    members = view.members(_key(pod))
    members.failed[pod.identity[1]] = None
    scheduled = members.scheduled + len(members.waiting)
    remaining = sum(not members.has_node(uid) and uid not in members.failed for uid in members.unscheduled)
    if scheduled + remaining >= wanted:
        return PostFilterResult()
    message = f"minCount ({wanted}) cannot be satisfied: {scheduled} scheduled, {remaining} remaining"
    weaker = _weaker(view, _key(pod), pod.priority, members)
    _release(weaker or members, GAVE_WAY if weaker else message)
    return PostFilterResult(
        message=message, then=_reporting(group, "False", "Unschedulable", message, world.now)
    )


def _weaker(view: GroupView, key: str, priority: int, members: Members) -> Members | None:
    """The gang that has to give way: it holds nodes, and is less important than this one or came after it."""
    found = [
        (other.priority, -other.since, other)
        for name, other in view.waiting()
        if name != key and (other.priority, -other.since) < (priority, -members.since)
    ]
    return min(found, key=lambda each: each[:2])[2] if found else None


async def post_bind(attempt: Attempt) -> None:
    """Tells the group that it is scheduled, once."""
    view = attempt.world.groups
    if not attempt.facts.group or view is None:
        return
    group = view.group(_key(attempt.facts))
    if group is not None and _condition(group).get("status") != "True":
        assert attempt.client is not None
        assert attempt.env is not None
        await _reporting(group, "True", "Scheduled", "", attempt.env.now())(attempt.client)


def _condition(group: Obj) -> Obj:
    conditions = (group.get("status") or {}).get("conditions") or ()
    found: Obj = next((each for each in conditions if each["type"] == CONDITION), {})
    return found


def _reporting(group: Obj, status: str, reason: str, message: str, now: float) -> Any:
    """Writes the group's condition; one that is True stays so."""

    async def write(client: Client) -> None:
        before = _condition(group)
        same = (before.get("status"), before.get("reason"), before.get("message", "")) == (
            status,
            reason,
            message,
        )
        if same or before.get("status") == "True":
            return
        condition = {"type": CONDITION, "status": status, "reason": reason, "message": message}
        condition["lastTransitionTime"] = (
            before["lastTransitionTime"] if before.get("status") == status else rfc3339(now)
        )
        try:
            await client.patch(
                PODGROUP,
                name_of(group),
                namespace_of(group),
                {"metadata": {"uid": uid_of(group)}, "status": {"conditions": [condition]}},
                patch_type="strategic",
                subresource="status",
            )
        except NotFound:
            return

    return write


def same_group(pod: PodFacts, change: Change) -> bool:
    """A pod of the same group came."""
    return change.new is not None and bool(pod.group) and group_of(change.new) == _key(pod)


def group_may_help(pod: PodFacts, change: Change) -> bool:
    """The pod's group came, or needs fewer pods now."""
    if change.new is None or not pod.group or key_of(change.new) != _key(pod):
        return False
    if change.old is None:
        return True
    before, now = least(change.old), least(change.new)
    return before is not None and now is not None and now < before


PLUGIN = Plugin(
    NAME,
    waits_for=waits_for,
    post_filter=without_node,
    reserve=lambda _attempt: "",
    unreserve=unreserve,
    permit=permit,
    post_bind=post_bind,
    unblocked_by=(
        on("UnscheduledPod", "add", hint=same_group),
        on("AssignedPod", "add", hint=same_group),
        on("PodGroup", "add", "update", hint=group_may_help),
    ),
)

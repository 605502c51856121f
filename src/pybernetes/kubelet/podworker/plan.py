"""What one pod needs now: the kubelet's whole behaviour as a function. Read this first."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .actions import Notice, Plan
from .draft import Draft
from .podstatus import pod_status
from .seen import Seen
from .start import current_sandbox, plan_running
from .terminate import deadline, ending_of, plan_ending


def plan(pod: Obj, seen: Seen, now: float) -> Plan:
    """The actions to begin, the status to report, and when to ask again if nothing happens before.

    `pod` is the newest version from the API; `now` is Unix time. Performing no action and planning again gives the
    same actions: nothing is counted here but what `Plan.backoffs` returns.
    """
    draft = Draft(seen, now)
    ending = ending_of(pod, seen, now)
    if ending is None:
        plan_running(pod, draft)
        if (at := deadline(pod)) is not None:
            draft.wake(at)
    else:
        plan_ending(pod, ending, draft)
        if ending.cause == "deadline":
            draft.notices.append(Notice("Normal", ending.reason, ending.message))
        elif ending.cause == "preempted":
            draft.notices.append(Notice("Warning", ending.reason, ending.message))
        elif ending.cause == "refused" and seen.refusal is not None:
            draft.notices.append(Notice("Warning", ending.reason, seen.refusal.message))
    sandbox = current_sandbox(pod, seen)
    return Plan(
        actions=tuple(draft.actions),
        status=pod_status(pod, draft, ending, sandbox),
        wake_at=draft.wake_at,
        backoffs=draft.backoffs,
        notices=tuple(draft.notices),
        ending=ending is not None,
        done=draft.done,
    )

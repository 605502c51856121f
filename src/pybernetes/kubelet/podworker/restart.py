"""Whether and when an exited container is started again: restart policies and CrashLoopBackOff.

The first restart is immediate, then 10 s after the exit, 20 s, 40 s, … to `max_backoff`; a container that ran for
twice `max_backoff` since its last restart starts afresh (upstream).
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.meta import Obj
from pybernetes.kubelet import podspec

from .seen import Backoff, Incarnation

INITIAL_BACKOFF = 10.0


def should_restart(pod: Obj, container: Obj, exited: Incarnation) -> bool:
    """By the container's own rules and policy where it has them, else the pod's policy."""
    code = exited.status.exit_code
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        inside = code in (codes.get("values") or ())
        if inside == (codes.get("operator", "In") == "In"):
            return bool(rule.get("action") == "Restart")
    policy = container.get("restartPolicy") or podspec.restart_policy(pod)
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def should_restart_init(pod: Obj, container: Obj, exited: Incarnation) -> bool:
    """An init container runs until it succeeds; only `Never` makes its failure final."""
    if podspec.is_sidecar(container):
        return True
    policy = container.get("restartPolicy") or podspec.restart_policy(pod)
    return exited.status.exit_code != 0 and policy != "Never"


@dataclass(frozen=True, slots=True)
class Turn:
    """May the container be started now? `entry` is what to remember once it is; `until` when, if not yet."""

    allowed: bool
    entry: Backoff
    until: float = 0.0


def turn(exited: Incarnation, entry: Backoff | None, now: float, most: float) -> Turn:
    """`entry` is the container's back-off as remembered, counted on at most once for each exit."""
    finished = exited.status.finished_at or now
    if entry is None or finished - entry.at > 2 * most:
        return Turn(True, Backoff(INITIAL_BACKOFF, now, exited.id))
    if entry.exited_id == exited.id:
        return Turn(True, entry)
    if now < finished + entry.delay:
        return Turn(False, entry, finished + entry.delay)
    return Turn(True, Backoff(min(2 * entry.delay, most), now, exited.id))

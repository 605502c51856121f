"""RollingUpdate: which old pods go, and which nodes get a second pod beside the old one. Pure.

With `maxSurge` 0 an old pod is deleted and its node then gets a new one: at most `maxUnavailable` nodes are without an
available pod. With `maxSurge` a new pod is started first, on at most so many nodes, and the old one goes once it is
available. Old pods that are not available are replaced regardless of the limits.
"""

from __future__ import annotations

from pybernetes.api.meta import Obj, is_deleting
from pybernetes.lang.intorstr import scaled_value

from .placing import Changes, Daemons

WHY = "its template is not the current one"


def is_rolling(daemon_set: Obj) -> bool:
    return bool(
        (daemon_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
    )


def limits(daemon_set: Obj, desired: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in nodes; percentages of the nodes that should have a pod, rounded up."""
    if not is_rolling(daemon_set):
        return 0, 0
    rolling = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    surge = scaled_value(rolling.get("maxSurge") or 0, desired, round_up=True)
    unavailable = scaled_value(rolling.get("maxUnavailable", 1), desired, round_up=True)
    return surge, (unavailable if surge or unavailable else 1)


def rolled(daemons: Daemons, now: float) -> Changes:
    """One step of the update."""
    surge, unavailable = limits(daemons.daemon_set, len(daemons.may_start))
    return _surging(daemons, now, surge) if surge else _replacing(daemons, now, unavailable)


def _replacing(daemons: Daemons, now: float, most: int) -> Changes:
    must: list[Obj] = []
    may: list[Obj] = []
    unavailable = 0
    for node in sorted(daemons.may_start):
        pair = _pair(daemons, node)
        if pair is None or (pair[0] is None) == (pair[1] is None):
            unavailable += 1  # nothing or too much runs there: for the next look
            continue
        new, old = pair
        if new is not None:
            unavailable += daemons.available_in(new, now) != 0
        elif old is not None and daemons.available_in(old, now) != 0:
            must.append(old)
            unavailable += 1
        elif old is not None:
            may.append(old)
    chosen = [*must, *may[: max(0, most - unavailable)]]
    return Changes(stops=[(pod, WHY) for pod in chosen])


def _surging(daemons: Daemons, now: float, most: int) -> Changes:
    changes = Changes()
    must: list[str] = []
    may: list[str] = []
    surging = 0
    for node in sorted(daemons.may_start):
        pair = _pair(daemons, node)
        if pair is None:
            surging += 1
            continue
        new, old = pair
        if old is None:
            continue
        if new is None:
            (may if daemons.available_in(old, now) == 0 else must).append(node)
        elif daemons.available_in(new, now) == 0:
            changes.stops.append((old, "the new pod has taken over"))
        else:
            surging += 1
    changes.starts = [*must, *may[: max(0, most - surging)]]
    return changes


def _pair(daemons: Daemons, node: str) -> tuple[Obj | None, Obj | None] | None:
    """The new and the old pod of a node; None where it has two of one sort."""
    living = [pod for pod in daemons.on.get(node, ()) if not is_deleting(pod)]
    new = [pod for pod in living if daemons.is_new(pod)]
    old = [pod for pod in living if not daemons.is_new(pod)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (new[0] if new else None, old[0] if old else None)

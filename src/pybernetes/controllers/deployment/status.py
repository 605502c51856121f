"""What a Deployment reports: counts and the conditions Available, Progressing and ReplicaFailure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import parse, rfc3339

from .rollout import NO_DEADLINE, Rollout, total

NEW_AVAILABLE, TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Report:
    """`status` as it should be, and when the progress deadline has to be looked at again (seconds, None: not)."""

    status: dict[str, Any]
    look_again: float | None


def report(rollout: Rollout, now: float, created: str = "") -> Report:
    """The status for what is observed. `created` is the name of a ReplicaSet that this plan creates."""
    deployment = rollout.deployment
    old = deployment.get("status") or {}
    status = _counts(rollout)
    conditions = [dict(entry) for entry in old.get("conditions") or ()]
    _set(conditions, _availability(rollout, status), now)
    progressing = _progress(rollout, status, now, created)
    if progressing is not None:
        _set(conditions, progressing, now, renew=progressing["reason"] == "ReplicaSetUpdated")
    look_again = _until_deadline(rollout, conditions, now)
    failure = next((c for rs in rollout.all if (c := condition(rs, "ReplicaFailure"))), None)
    conditions = [c for c in conditions if c["type"] != "ReplicaFailure" or failure is not None]
    if failure is not None:
        _set(
            conditions, {k: failure[k] for k in ("type", "status", "reason", "message") if k in failure}, now
        )
    status["conditions"] = conditions
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    return Report({k: v for k, v in status.items() if v}, look_again)


def is_complete(rollout: Rollout, status: Obj) -> bool:
    """Whether all wanted pods are of the new template and available, and no other is left."""
    wanted = rollout.replicas
    return all(
        status.get(field, 0) == wanted for field in ("updatedReplicas", "replicas", "availableReplicas")
    )


def _counts(rollout: Rollout) -> dict[str, Any]:
    pods = total(rollout.all, "replicas")
    available = total(rollout.all, "availableReplicas")
    new = () if rollout.new is None else (rollout.new,)
    wanted = max(pods, rollout.replicas)
    return {
        "observedGeneration": rollout.deployment["metadata"].get("generation", 0),
        "replicas": pods,
        "updatedReplicas": total(new, "replicas"),
        "readyReplicas": total(rollout.all, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
        "terminatingReplicas": total(rollout.all, "terminatingReplicas"),
    }


def _availability(rollout: Rollout, status: Obj) -> dict[str, str]:
    if status["availableReplicas"] >= rollout.replicas - rollout.max_unavailable:
        return _condition(
            "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
        )
    message = "Deployment does not have minimum availability."
    return _condition("Available", "False", "MinimumReplicasUnavailable", message)


def _progress(rollout: Rollout, status: Obj, now: float, created: str) -> dict[str, str] | None:
    """The Progressing condition to set now; None leaves the one there is."""
    deployment = rollout.deployment
    deadline = deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE)
    current = condition(deployment, "Progressing")
    if deadline >= NO_DEADLINE:
        return None
    if deployment["spec"].get("paused"):
        if current is not None and current.get("reason") == TIMED_OUT:
            return None
        return _condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
    if created:
        return _condition(
            "Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{created}"'
        )
    subject = (
        f'ReplicaSet "{name_of(rollout.new)}"'
        if rollout.new is not None
        else f'Deployment "{name_of(deployment)}"'
    )
    done = current is not None and current.get("reason") == NEW_AVAILABLE
    if is_complete(rollout, status):
        return _condition("Progressing", "True", NEW_AVAILABLE, f"{subject} has successfully progressed.")
    if done and status["replicas"] == status["updatedReplicas"]:
        return None  # a finished rollout that is scaled, or whose pods come and go, does not start anew
    if (
        _moved(deployment.get("status") or {}, status)
        or current is None
        or done
        or current.get("reason") == "DeploymentPaused"
    ):
        return _condition("Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.")
    if now >= parse(current.get("lastUpdateTime") or current["lastTransitionTime"]) + deadline:
        return _condition("Progressing", "False", TIMED_OUT, f"{subject} has timed out progressing.")
    return None


def _moved(old: Obj, new: Obj) -> bool:
    """Whether the rollout has got further since the last report."""
    before, after = (s.get("replicas", 0) - s.get("updatedReplicas", 0) for s in (old, new))
    return bool(
        new["updatedReplicas"] > old.get("updatedReplicas", 0)
        or after < before
        or new["readyReplicas"] > old.get("readyReplicas", 0)
        or new["availableReplicas"] > old.get("availableReplicas", 0)
    )


def _until_deadline(rollout: Rollout, conditions: list[dict[str, Any]], now: float) -> float | None:
    deadline = rollout.deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE)
    current = next((c for c in conditions if c["type"] == "Progressing"), None)
    if deadline >= NO_DEADLINE or current is None or current["status"] != "True":
        return None
    if current["reason"] in (NEW_AVAILABLE, TIMED_OUT):
        return None
    since = current.get("lastUpdateTime") or current["lastTransitionTime"]
    return float(max(0.0, parse(since) + deadline - now) + 1)


def _condition(condition_type: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": condition_type, "status": status, "reason": reason, "message": message}


def _set(conditions: list[dict[str, Any]], new: dict[str, Any], now: float, *, renew: bool = False) -> None:
    """Puts a condition in its place. The transition time changes with the status; the update time with the reason too,
    or whenever `renew` says that something happened."""
    stamp = rfc3339(now)
    for index, old in enumerate(conditions):
        if old["type"] == new["type"]:
            same = old["status"] == new["status"]
            if same and old["reason"] == new["reason"] and old.get("message") == new["message"] and not renew:
                return
            transition = old["lastTransitionTime"] if same else stamp
            conditions[index] = {**new, "lastUpdateTime": stamp, "lastTransitionTime": transition}
            return
    conditions.append({**new, "lastUpdateTime": stamp, "lastTransitionTime": stamp})

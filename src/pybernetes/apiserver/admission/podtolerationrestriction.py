"""PodTolerationRestriction: a namespace's annotations add tolerations to its pods and bound those they may have (off
unless enabled)."""

from __future__ import annotations

from typing import Any

import orjson

from pybernetes.api.kinds import NAMESPACE
from pybernetes.api.meta import Obj
from pybernetes.api.podspec.resources import qos_class

from .plugin import Admission, Plugin

DEFAULTS = "scheduler.alpha.kubernetes.io/defaultTolerations"
WHITELIST = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
MEMORY_PRESSURE = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}


def _listed(admission: Admission, annotation: str) -> list[dict[str, Any]]:
    namespace = admission.find(NAMESPACE, admission.namespace) or {"metadata": {}}
    text = (namespace["metadata"].get("annotations") or {}).get(annotation)
    if not text:
        return []
    try:
        return list(orjson.loads(text))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise admission.forbidden(f"annotation {annotation} cannot be read: {error}") from error


def _mutate(admission: Admission) -> bool:
    if not admission.writes("", "pods", "CREATE"):
        return False
    spec = admission.object["spec"]
    own = list(spec.get("tolerations") or ())
    defaults = _listed(admission, DEFAULTS)
    for toleration in defaults:
        for mine in own:
            same = all(mine.get(f, "") == toleration.get(f, "") for f in ("key", "effect"))
            if same and mine != toleration:
                raise admission.forbidden("namespace tolerations and pod tolerations conflict")
    tolerations = own + [toleration for toleration in defaults if toleration not in own]
    if qos_class(spec) != "BestEffort" and MEMORY_PRESSURE not in tolerations:
        tolerations.append(dict(MEMORY_PRESSURE))
    if tolerations:
        spec["tolerations"] = tolerations
    return bool(tolerations)


def _validate(admission: Admission) -> None:
    if not admission.writes("", "pods", "CREATE", "UPDATE"):
        return
    allowed = _listed(admission, WHITELIST)
    if allowed:
        for toleration in admission.object["spec"].get("tolerations") or ():
            if not any(covers(one, toleration) for one in allowed):
                raise admission.forbidden(
                    "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace "
                    "whitelist"
                )


def covers(allowed: Obj, toleration: Obj) -> bool:
    """Whether every taint that the toleration tolerates is tolerated by the allowed one."""
    if allowed.get("effect") and allowed["effect"] != toleration.get("effect"):
        return False
    if allowed.get("operator", "Equal") == "Exists":
        return not allowed.get("key") or allowed["key"] == toleration.get("key")
    return all(allowed.get(field, "") == toleration.get(field, "") for field in ("key", "value")) and (
        toleration.get("operator", "Equal") == "Equal"
    )


POD_TOLERATION_RESTRICTION = Plugin(
    "PodTolerationRestriction", mutate=_mutate, validate=_validate, default=False
)

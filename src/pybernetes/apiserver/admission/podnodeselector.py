"""PodNodeSelector: a namespace's annotation is added to its pods' node selectors (off unless enabled)."""

from __future__ import annotations

from pybernetes.api.kinds import NAMESPACE
from pybernetes.api.meta import Obj

from .plugin import Admission, Plugin

ANNOTATION = "scheduler.alpha.kubernetes.io/node-selector"


def selector_of(text: str) -> dict[str, str]:
    """`a=b, c=d`."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _wanted(admission: Admission) -> Obj:
    if not admission.writes("", "pods", "CREATE"):
        return {}
    namespace = admission.find(NAMESPACE, admission.namespace) or {"metadata": {}}
    return selector_of((namespace["metadata"].get("annotations") or {}).get(ANNOTATION, ""))


def _mutate(admission: Admission) -> bool:
    wanted = _wanted(admission)
    if not wanted:
        return False
    given = admission.object["spec"].get("nodeSelector") or {}
    if any(given.get(key, value) != value for key, value in wanted.items()):
        raise admission.forbidden("pod node label selector conflicts with its namespace node label selector")
    admission.object["spec"]["nodeSelector"] = {**given, **wanted}
    return True


POD_NODE_SELECTOR = Plugin("PodNodeSelector", mutate=_mutate, default=False)

"""Priority: a pod's priority number comes from its class; only the server sets it."""

from __future__ import annotations

from pybernetes.api.kinds import POD, PRIORITYCLASS
from pybernetes.api.meta import Obj

from .plugin import NEW_PODS, Admission, Plugin, Scope

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
HIGHEST_USER_PRIORITY = 1_000_000_000


def _is_new_pod(admission: Admission) -> bool:
    return admission.kind is POD and admission.operation == "CREATE" and not admission.subresource


def _unseen(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    name = (admission.object.get("spec") or {}).get("priorityClassName") or ""
    return bool(name) and admission.cache(PRIORITYCLASS).get("", name) is None


def _mutate(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    spec = admission.object["spec"]
    name = spec.get("priorityClassName") or ""
    value, policy = 0, "PreemptLowerPriority"
    if name:
        found = admission.find(PRIORITYCLASS, name)
        if found is None:
            raise admission.forbidden(f"no PriorityClass with name {name} was found")
    else:
        found = _global_default(admission)
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
        value, policy = found.get("value", 0), found.get("preemptionPolicy", policy)
    if "priority" in spec and spec["priority"] is not None and spec["priority"] != value:
        raise admission.forbidden(
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission "
            f"controller computed {value} from the given PriorityClass name"
        )
    spec["priority"] = value
    if spec.get("preemptionPolicy", policy) != policy:
        raise admission.forbidden(
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["preemptionPolicy"] = policy
    return True


def _global_default(admission: Admission) -> Obj | None:
    """The class for pods that name none: of several, the lowest."""
    cache = admission.cache(PRIORITYCLASS)

    def lowest() -> Obj | None:
        defaults = [
            tree for version in cache.in_namespace("") if (tree := version.tree()).get("globalDefault")
        ]
        return min(defaults, key=lambda tree: tree.get("value", 0), default=None)

    return cache.derived("global default", lowest)


def _validate(admission: Admission) -> None:
    """At most one class is the default."""
    if admission.kind is not PRIORITYCLASS or admission.operation == "DELETE":
        return
    tree = admission.object
    if not tree.get("globalDefault"):
        return
    for version in admission.cache(PRIORITYCLASS).in_namespace(""):
        if version.name != tree["metadata"]["name"] and version.tree().get("globalDefault"):
            raise admission.forbidden(
                f"PriorityClass {version.name} is already marked as default. Only one default can exist"
            )


PRIORITY = Plugin(
    "Priority",
    mutate=_mutate,
    validate=_validate,
    unseen=_unseen,
    mutates=NEW_PODS,
    validates=Scope(("priorityclasses.scheduling.k8s.io",)),
    defaulted=True,
    templated=True,
)

"""PriorityClasses: names for the importance of pods."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors, show
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..validation.values import immutable

SYSTEM_PREFIX = "system-"
SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
HIGHEST_OF_USERS = 1_000_000_000
PREEMPTION_POLICIES = ["Never", "PreemptLowerPriority"]


def default(priority: MutableObj) -> None:
    priority.setdefault("preemptionPolicy", "PreemptLowerPriority")


def prepare_create(obj: MutableObj) -> None:
    """The generation is that of a new object for ever: nothing counts changes."""
    obj["metadata"]["generation"] = 1


def validate(priority: Obj, errors: FieldErrors) -> None:
    name, value = priority["metadata"].get("name", ""), priority.get("value") or 0
    if name.startswith(SYSTEM_PREFIX):
        if problem := _system_problem(name, value, bool(priority.get("globalDefault"))):
            errors.at("metadata").forbidden(
                f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. "
                f"error: {problem}",
                "name",
            )
    elif value > HIGHEST_OF_USERS:
        errors.forbidden(f"maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}", "value")
    policy = priority.get("preemptionPolicy")
    if policy == "":
        errors.required("preemptionPolicy")
    elif policy is not None and policy not in PREEMPTION_POLICIES:
        errors.not_supported(policy, PREEMPTION_POLICIES, "preemptionPolicy")


def _system_problem(name: str, value: int, is_default: bool) -> str:
    """How a class differs from the system's own of that name."""
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if value != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be {show(False)}" if is_default else ""


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    if (new.get("value") or 0) != (old.get("value") or 0):
        errors.forbidden("may not be changed in an update.", "value")
    immutable(new, old, "preemptionPolicy", errors)


PRIORITYCLASS = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    namespaced=False,
    singular="priorityclass",
    short_names=("pc",),
    schema="io.k8s.api.scheduling.v1.PriorityClass",
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Value", at("value", default=0), type="integer"),
        Column("Global-Default", at("globalDefault", default=False), type="boolean"),
        AGE,
        Column("PreemptionPolicy", at("preemptionPolicy")),
    ),
)

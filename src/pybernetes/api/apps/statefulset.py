"""StatefulSets: pods with names, storage and an order of their own."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..cells import AGE, NAME, container_cells, dig
from ..core.persistentvolumeclaim import default_claim_spec
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.defaults import default_template
from ..podspec.validate_claim import validate_claim_template
from ..podspec.warnings import template_warnings
from ..validation.selectors import is_empty, validate_label_selector
from .rolling import at_most_all, int_or_percent, is_zero
from .workload import (
    name_warnings,
    rolling_in_go,
    strategy_in_go,
    validate_collisions,
    validate_counts,
    validate_selected,
    validate_template,
)

MANAGEMENT_POLICIES = ("OrderedReady", "Parallel")
RETENTION = ["Retain", "Delete"]
CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def default(statefulset: MutableObj) -> None:
    spec = statefulset.setdefault("spec", {})
    spec["podManagementPolicy"] = spec.get("podManagementPolicy") or "OrderedReady"
    strategy = spec.setdefault("updateStrategy", {})
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling.setdefault("partition", 0)
        rolling.setdefault("maxUnavailable", 1)
    retention = spec["persistentVolumeClaimRetentionPolicy"] = (
        spec.get("persistentVolumeClaimRetentionPolicy") or {}
    )
    for field in ("whenDeleted", "whenScaled"):
        retention[field] = retention.get(field) or "Retain"
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    default_template(spec)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim["apiVersion"], claim["kind"] = "v1", "PersistentVolumeClaim"
        default_claim_spec(claim.setdefault("spec", {}))
        status = claim.setdefault("status", {})
        status["phase"] = status.get("phase") or "Pending"


def prepare_create(statefulset: MutableObj) -> None:
    statefulset["status"] = {"replicas": 0, "availableReplicas": 0}


def validate(statefulset: Obj, errors: FieldErrors) -> None:
    spec, at = statefulset.get("spec") or {}, errors.at("spec")
    policy = spec.get("podManagementPolicy")
    if policy not in MANAGEMENT_POLICIES:
        at.invalid(policy, "must be 'OrderedReady' or 'Parallel'", "podManagementPolicy")
    _validate_strategy(spec.get("updateStrategy") or {}, at.at("updateStrategy"))
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        if retention and retention.get(field) not in RETENTION:
            at.at("persistentVolumeClaimRetentionPolicy").not_supported(
                retention.get(field), RETENTION, field
            )
    validate_counts(spec, at, "replicas", "minReadySeconds")
    validate_counts(spec.get("ordinals") or {}, at.at("ordinals"), "start")
    if spec.get("serviceName"):
        for message in names.dns1123_label(spec["serviceName"]):
            at.invalid(spec["serviceName"], message, "serviceName")
    _validate_selector(spec, at)
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        validate_claim_template(claim, at.at("volumeClaimTemplates", index))
    _validate_pods(spec, at.at("template"))


def _validate_strategy(strategy: Obj, errors: FieldErrors) -> None:
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            if rolling is not None:
                shown = {"Partition": 0, "MaxUnavailable": None, **rolling_in_go(rolling)}
                errors.invalid(shown, "only allowed for updateStrategy 'RollingUpdate'", "rollingUpdate")
        case "RollingUpdate":
            _validate_rolling(rolling or {}, errors.at("rollingUpdate"))
        case _:
            errors.invalid(strategy_in_go(strategy), "must be 'RollingUpdate' or 'OnDelete'")


def _validate_rolling(rolling: Obj, errors: FieldErrors) -> None:
    validate_counts(rolling, errors, "partition")
    unavailable = rolling.get("maxUnavailable")
    if unavailable is not None:
        int_or_percent(unavailable, "maxUnavailable", errors)
        if is_zero(unavailable):
            errors.invalid(unavailable, "cannot be 0", "maxUnavailable")
        at_most_all(unavailable, "maxUnavailable", errors)


def _validate_selector(spec: Obj, errors: FieldErrors) -> None:
    selector = spec.get("selector")
    if selector is None:
        errors.required("selector")
        validate_selected(selector, spec, errors)
        return
    at = errors.at("selector")
    before = len(at.causes)
    validate_label_selector(selector, at)
    if is_empty(selector):
        at.invalid(selector, "empty selector is invalid for statefulset")
    elif len(at.causes) == before:
        validate_selected(selector, spec, errors)


def _validate_pods(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the template. A claim template is a volume that the pods may mount."""
    template: Obj = spec.get("template") or {}
    pod: Obj = template.get("spec") or {}
    validate_template({**template, "spec": with_claims(pod, spec)}, errors)
    at = errors.at("spec")
    if pod.get("restartPolicy") != "Always":
        at.not_supported(pod.get("restartPolicy", ""), ["Always"], "restartPolicy")
    if pod.get("activeDeadlineSeconds") is not None:
        at.forbidden("activeDeadlineSeconds in StatefulSet is not Supported", "activeDeadlineSeconds")


def with_claims(pod: Obj, spec: Obj) -> dict[str, Any]:
    """The pod spec with a volume for each claim template of the StatefulSet's `spec`, in place of one so named."""
    claims = [dig(each, "metadata", "name") or "" for each in spec.get("volumeClaimTemplates") or ()]
    if not claims:
        return dict(pod)
    kept = [each for each in pod.get("volumes") or () if each.get("name") not in claims]
    added = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {**pod, "volumes": [*kept, *added]}


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    after, before = (
        {field: value for field, value in each["spec"].items() if field not in CHANGEABLE and value}
        for each in (new, old)
    )
    if after != before:
        *most, last = (f"'{field}'" for field in CHANGEABLE)
        errors.forbidden(
            f"updates to statefulset spec for fields other than {', '.join(most)} and {last} are forbidden",
            "spec",
        )


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    status, at = new.get("status") or {}, errors.at("status")
    validate_counts(
        status,
        at,
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    )
    total = status.get("replicas", 0)
    for field in ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"):
        if status.get(field, 0) > total:
            at.invalid(status.get(field, 0), "cannot be greater than status.replicas", field)
    if status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        at.invalid(
            status["availableReplicas"], "cannot be greater than status.readyReplicas", "availableReplicas"
        )
    validate_collisions(new, old, errors)


def warnings(statefulset: Obj, old: Obj | None) -> list[str]:
    found = name_warnings(statefulset) if old is None else []
    found += template_warnings(statefulset, old, "spec", "template")
    if (dig(statefulset, "spec", "revisionHistoryLimit") or 0) < 0:
        found.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
            "a value >= 0 is recommended"
        )
    return found


def _ready(statefulset: Obj, _now: float) -> Cell:
    ready = dig(statefulset, "status", "readyReplicas") or 0
    return f"{ready}/{dig(statefulset, 'spec', 'replicas') or 0}"


STATEFULSET = Kind(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    namespaced=True,
    singular="statefulset",
    short_names=("sts",),
    categories=("all",),
    subresources=("scale", "status"),
    schema="io.k8s.api.apps.v1.StatefulSet",
    name_rule="dns1123label",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(NAME, Column("Ready", _ready), AGE, *container_cells("spec", "template", "spec")),
    scale=("spec.replicas", "status.replicas", "spec.selector"),
)

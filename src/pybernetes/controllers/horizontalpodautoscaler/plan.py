"""HorizontalPodAutoscaler: every 15 seconds, the number of replicas that the metrics ask for.

Of several metrics the one that asks for most decides. Where some cannot be read, nothing is made smaller; where none can,
nothing is done. The status says in conditions why the number is what it is.

A target of no replicas is switched off, unless this controller has made it so (condition `ScaledToZero`): then metrics that
need no pods, of objects or from outside, bring it back (KEP-2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, labels_of, namespace_of
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Report, Update
from pybernetes.lang.labelselector import Selector, SelectorError, parse
from pybernetes.lang.timestamps import rfc3339

from . import behavior
from .behavior import Memory, fewest_of
from .calculator import Terms
from .evaluate import Evaluated, Failure, Scaled, evaluate
from .target import SCALED, SCALED_TO_ZERO, Seen, ask, is_asleep, may_sleep, observe

ASLEEP = ("ScaledToZero", "the HPA controller scaled the workload to zero")
AWAKE = ("NotScaledToZero", "the HPA controller did not scale the workload to zero")


class Unscalable(Exception):
    """The metrics give no number of replicas; the message is told as an event."""


@dataclass(slots=True)
class Work:
    """A look at one object: its status in the making, and what is told."""

    seen: Seen
    now: float
    settings: Settings
    conditions: list[dict[str, Any]]
    metrics: list[dict[str, Any]] | None = None
    reports: list[Report] = field(default_factory=list)

    @property
    def autoscaler(self) -> Obj:
        return self.seen.autoscaler

    def condition(self, kind: str, status: str, reason: str, message: str) -> None:
        old = next((each for each in self.conditions if each["type"] == kind), None)
        since = (
            old["lastTransitionTime"] if old is not None and old["status"] == status else rfc3339(self.now)
        )
        new = {
            "type": kind,
            "status": status,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }
        if old is None:
            self.conditions.append(new)
        else:
            self.conditions[self.conditions.index(old)] = new

    def warn(self, reason: str, message: str) -> None:
        self.reports.append(Report(self.autoscaler, "Warning", reason, message))

    def updates(self, current: int, desired: int, *, rescaled: bool = False) -> tuple[Update, ...]:
        """The status, if it differs from the one there is."""
        before = self.autoscaler.get("status") or {}
        status: dict[str, Any] = {
            "currentReplicas": current,
            "desiredReplicas": desired,
            "currentMetrics": self.metrics if self.metrics is not None else before.get("currentMetrics"),
            "conditions": [*self.conditions],
            "lastScaleTime": rfc3339(self.now) if rescaled else before.get("lastScaleTime"),
            "observedGeneration": before.get("observedGeneration"),
        }
        status = {key: value for key, value in status.items() if value is not None}
        if status == before:
            return ()
        changed = {**self.autoscaler, "status": status}
        return (Update(kinds.HORIZONTALPODAUTOSCALER, changed, "metrics or replicas changed", "status"),)


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    memory = seen.memory or Memory()
    period = settings.hpa_sync_seconds
    if memory.at and now - memory.at < period * 0.9:
        return Plan((), period - (now - memory.at), "looked at a moment ago", memory)
    work = Work(
        seen, now, settings, [dict(c) for c in (seen.autoscaler.get("status") or {}).get("conditions") or ()]
    )
    looked = _look(work, replace(memory, at=now))
    after = period if looked.after is None else looked.after
    return replace(looked, after=after, steady=not looked.steps and _is_steady(looked.memory))


def _is_steady(memory: Memory) -> bool:
    """Whether every recommendation that still counts is the same: no window holds another one back."""
    return len({mark.number for mark in memory.recommendations}) == 1


def _look(work: Work, memory: Memory) -> Plan:
    seen, before = work.seen, work.autoscaler.get("status") or {}
    if seen.scale is None:
        message = f"the HPA controller was unable to get the target's current scale: {seen.problem}"
        work.warn("FailedGetScale", seen.problem)
        work.condition("AbleToScale", "False", "FailedGetScale", message)
        updates = work.updates(before.get("currentReplicas", 0), before.get("desiredReplicas", 0))
        return Plan((*work.reports, *updates), None, message, memory)
    succeeded = "the HPA controller was able to get the target's current scale"
    work.condition("AbleToScale", "True", "SucceededGetScale", succeeded)
    current = int((seen.scale.get("spec") or {}).get("replicas") or 0)
    if current > 0 and is_asleep(work.autoscaler):
        work.condition(SCALED_TO_ZERO, "False", *AWAKE)
    if not memory.recommendations:
        memory = replace(memory, recommendations=(behavior.Mark(work.now, current),))
    try:
        desired, why, memory = _desired(work, current, memory)
    except Unscalable as error:
        work.warn("FailedComputeMetricsReplicas", str(error))
        updates = work.updates(current, before.get("desiredReplicas", 0))
        return Plan((*work.reports, *updates), None, str(error), memory)
    if desired == current:
        return Plan(
            (*work.reports, *work.updates(current, current)), None, why or "the size is right", memory
        )
    return _rescale(work, current, desired, why, memory)


def _desired(work: Work, current: int, memory: Memory) -> tuple[int, str, Memory]:
    """How many replicas there should be, why, and what to remember. Raises Unscalable."""
    spec, fewest = work.autoscaler["spec"], fewest_of(work.autoscaler)
    if current == 0 and not is_asleep(work.autoscaler):
        message = "scaling is disabled since the replica count of the target is zero"
        work.condition("ScalingActive", "False", "ScalingDisabled", message)
        return 0, message, memory
    if current > spec["maxReplicas"]:
        return int(spec["maxReplicas"]), "Current number of replicas above Spec.MaxReplicas", memory
    if 0 < current < fewest:
        return fewest, "Current number of replicas below Spec.MinReplicas", memory
    asked, metric = _asked_for(work, current)
    why = f"{metric} above target" if asked > current else "All metrics below target"
    verdict = behavior.decide(work.autoscaler, current, asked, memory, work.now, work.settings)
    work.condition("AbleToScale", "True", *verdict.stable)
    work.condition("ScalingLimited", "True" if verdict.limited else "False", *verdict.limit)
    # From nothing to less than the least (that was raised meanwhile) is no step that a pace may dictate.
    replicas = max(verdict.replicas, fewest) if current == 0 else verdict.replicas
    return replicas, why, verdict.memory


def _asked_for(work: Work, current: int) -> tuple[int, str]:
    """What the metrics ask for and the name of the one that decides. Raises Unscalable."""
    scaled = _scaled(work, current)
    specs = work.autoscaler["spec"].get("metrics") or ()
    work.metrics = [{"type": ""} for _ in specs]
    best: Evaluated | None = None
    failures: list[Failure] = []
    for index, (spec, reading) in enumerate(zip(specs, work.seen.readings, strict=True)):
        try:
            found = evaluate(work.autoscaler, spec, reading, scaled)
        except Failure as failure:
            failures.append(failure)
            work.warn(failure.reason, failure.cause)
            continue
        work.metrics[index] = found.status
        if best is None or found.replicas > best.replicas:
            best = found
    if failures:
        summary = f"invalid metrics ({len(failures)} invalid out of {len(specs)}), first error is: {failures[0].summary}"
        if best is None or best.replicas < current:
            message = f"the HPA was unable to compute the replica count: {failures[0].cause}"
            work.condition("ScalingActive", "False", failures[0].reason, message)
            raise Unscalable(summary)
    assert best is not None  # there is at least one metric, and it did not fail
    message = f"the HPA was able to successfully calculate a replica count from {best.name}"
    work.condition("ScalingActive", "True", "ValidMetricFound", message)
    return best.replicas, best.name


def _scaled(work: Work, current: int) -> Scaled:
    """The pods that the target's selector finds. Raises Unscalable where they cannot be told."""
    scale, settings = work.seen.scale or {}, work.settings
    status = scale.get("status") or {}
    selector = _selector(work, status.get("selector") or "")
    pods = [pod for pod in work.seen.pods if selector.matches(labels_of(pod))]
    _refuse_rivals(work, str(selector), pods)
    terms = Terms(
        pods,
        work.now,
        behavior.tolerance(work.autoscaler, settings),
        settings.hpa_cpu_initialization_seconds,
        settings.hpa_initial_readiness_seconds,
    )
    return Scaled(current, int(status.get("replicas") or 0), terms)


def _selector(work: Work, text: str) -> Selector:
    if not text:
        work.warn("SelectorRequired", "selector is required")
        work.condition(
            "ScalingActive", "False", "InvalidSelector", "the HPA target's scale is missing a selector"
        )
        raise Unscalable("selector is required")
    try:
        return parse(text)
    except SelectorError as error:
        message = f"couldn't convert selector into a corresponding internal selector object: {error}"
        work.warn("InvalidSelector", message)
        work.condition("ScalingActive", "False", "InvalidSelector", message)
        raise Unscalable(message) from error


def _refuse_rivals(work: Work, selector: str, pods: Sequence[Obj]) -> None:
    """Two that scale the same pods would fight. Raises Unscalable."""
    rivals = [
        rival.name
        for rival in work.seen.rivals
        if any(parse(rival.selector).matches(labels_of(pod)) for pod in pods)
    ]
    if not rivals:
        return
    namespace = namespace_of(work.autoscaler)
    names = sorted([work.autoscaler["metadata"]["name"], *rivals])
    listed = " ".join(f"{{{name} {namespace}}}" for name in names)
    message = f"pods by selector {selector} are controlled by multiple HPAs: [{listed}]"
    work.warn("AmbiguousSelector", message)
    work.condition("ScalingActive", "False", "AmbiguousSelector", message)
    raise Unscalable(message)


def _rescale(work: Work, current: int, desired: int, why: str, memory: Memory) -> Plan:
    """The target first, then the status; a target that cannot be changed is told of there too. Before a target is made
    to sleep the status says so: else it would never be woken if that were the last thing this process did."""
    sleeps = current > 0 and desired == 0 and may_sleep(work.autoscaler)
    if sleeps and not is_asleep(work.autoscaler):
        announced = replace(work, conditions=[*work.conditions], reports=[])
        announced.condition(SCALED_TO_ZERO, "True", *ASLEEP)
        desired_before = (work.autoscaler.get("status") or {}).get("desiredReplicas", 0)
        steps = announced.updates(current, desired_before)
        return Plan(steps, 0.0, "saying first that it will sleep", replace(memory, at=0.0))
    assert work.seen.kind is not None and work.seen.scale is not None  # noqa: PT018  (it was read through its kind)
    failed = replace(work, conditions=[*work.conditions], reports=[])

    def refused(error: ApiError) -> tuple[Report | Update, ...]:
        failed.warn("FailedRescale", f"New size: {desired}; reason: {why}; error: {error.message}")
        message = f"the HPA controller was unable to update the target scale: {error.message}"
        failed.condition("AbleToScale", "False", "FailedUpdateScale", message)
        desired_before = (work.autoscaler.get("status") or {}).get("desiredReplicas", 0)
        return (*failed.reports, *failed.updates(current, desired_before))

    scale = {**work.seen.scale, "spec": {**(work.seen.scale.get("spec") or {}), "replicas": desired}}
    message = f"New size: {desired}; reason: {why}"
    update = Update(
        work.seen.kind,
        scale,
        why,
        "scale",
        success=Report(work.autoscaler, "Normal", "SuccessfulRescale", message),
        otherwise=refused,
    )
    done = f"the HPA controller was able to update the target scale to {desired}"
    work.condition("AbleToScale", "True", "SucceededRescale", done)
    work.condition(SCALED_TO_ZERO, *(("True", *ASLEEP) if sleeps else ("False", *AWAKE)))
    updates = work.updates(current, desired, rescaled=True)
    remembered = behavior.changed(work.autoscaler, memory, current, desired, work.now, work.settings)
    return Plan((*work.reports, update, *updates), None, message, remembered)


CONTROLLER = ControllerDef(
    "horizontal-pod-autoscaler-controller",
    watches=(itself(kinds.HORIZONTALPODAUTOSCALER),),
    observe=observe,
    plan=plan,
    account="horizontal-pod-autoscaler",
    source="horizontal-pod-autoscaler",
    reads=(kinds.POD, *SCALED, kinds.CUSTOMRESOURCEDEFINITION),
    ask=ask,
    remembers=True,
)

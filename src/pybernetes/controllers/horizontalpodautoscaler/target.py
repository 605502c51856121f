"""What a HorizontalPodAutoscaler scales: its scale, its pods, and the numbers its metrics have. The shell around `plan`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.ownership import those
from pybernetes.controllers import kindlookup
from pybernetes.controllers.pods import condition
from pybernetes.lang.labelselector import SelectorError, from_label_selector, from_labels, parse

from . import metrics
from .behavior import Memory
from .samples import Reading

SCALED_TO_ZERO = "ScaledToZero"
SCALED = (kinds.DEPLOYMENT, kinds.REPLICASET, kinds.STATEFULSET, kinds.REPLICATIONCONTROLLER)


@dataclass(frozen=True, slots=True)
class Rival:
    """Another HorizontalPodAutoscaler of the namespace and the selector of what it scales."""

    name: str
    selector: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A HorizontalPodAutoscaler and the pods of its namespace, as observed; then its scale (or why there is none) and
    the readings of its metrics, as asked for."""

    autoscaler: Obj
    kind: Kind | None
    described: tuple[Kind | None, ...]
    pods: Sequence[Obj]
    rivals: tuple[Rival, ...]
    scale: Obj | None = None
    problem: str = ""
    readings: tuple[Reading, ...] = ()
    memory: Memory | None = field(default=None)


def observe(key: str, caches: Caches) -> Seen | None:
    autoscaler = caches.get(kinds.HORIZONTALPODAUTOSCALER, key)
    if autoscaler is None:
        return None
    namespace = namespace_of(autoscaler)
    reference = autoscaler["spec"]["scaleTargetRef"]
    return Seen(
        autoscaler,
        kindlookup.find(reference.get("apiVersion", ""), reference["kind"], caches),
        tuple(_described(spec, caches) for spec in autoscaler["spec"].get("metrics") or ()),
        caches.list(kinds.POD, namespace),
        tuple(_rivals(autoscaler, caches)),
    )


def _described(spec: Obj, caches: Caches) -> Kind | None:
    if spec["type"] != "Object":
        return None
    about = spec["object"]["describedObject"]
    return kindlookup.find(about.get("apiVersion", ""), about["kind"], caches)


def _rivals(autoscaler: Obj, caches: Caches) -> Iterable[Rival]:
    namespace = namespace_of(autoscaler)
    others = those(
        caches.list(kinds.HORIZONTALPODAUTOSCALER, namespace),
        lambda other: name_of(other) != name_of(autoscaler) and _rival(other, caches) is not None,
    )
    return [rival for other in others if (rival := _rival(other, caches)) is not None]


def _rival(other: Obj, caches: Caches) -> Rival | None:
    """Another HorizontalPodAutoscaler as a rival; None where what it scales is not in the caches."""
    namespace, reference = namespace_of(other), other["spec"]["scaleTargetRef"]
    group = reference.get("apiVersion", "").rpartition("/")[0]
    for kind in SCALED:
        if (kind.group, kind.kind) == (group, reference["kind"]):
            target = caches.get(kind, f"{namespace}/{reference['name']}")
            return None if target is None else Rival(name_of(other), _selector_text(kind, target))
    return None


def _selector_text(kind: Kind, target: Obj) -> str:
    selector = target["spec"].get("selector")
    if kind is kinds.REPLICATIONCONTROLLER:
        return str(from_labels(selector))
    return str(from_label_selector(selector))


async def ask(seen: Seen, client: Client) -> Seen:
    """Adds the scale and, where it is needed, the readings."""
    autoscaler = seen.autoscaler
    reference, namespace = autoscaler["spec"]["scaleTargetRef"], namespace_of(autoscaler)
    version = reference.get("apiVersion", "")
    kind = seen.kind or await kindlookup.discovered(version, reference["kind"], client)
    if kind is None:
        group = version.rpartition("/")[0]
        what = f'no matches for kind "{reference["kind"]}" in group "{group}"'
        return replace(seen, problem=f"unable to determine resource for scale target reference: {what}")
    try:
        scale = await client.get(kind, reference["name"], namespace, subresource="scale")
    except ApiError as error:
        return replace(seen, problem=error.message)
    found = replace(seen, kind=kind, scale=scale)
    if not needs_metrics(autoscaler, scale):
        return found
    selector = (scale.get("status") or {}).get("selector") or ""
    readings = [
        await metrics.read(client, namespace, spec, selector, described)
        for spec, described in zip(autoscaler["spec"].get("metrics") or (), seen.described, strict=True)
    ]
    return replace(found, readings=tuple(readings))


def may_sleep(autoscaler: Obj) -> bool:
    """Whether the target may be made smaller than one pod: a metric that needs no pods can wake it."""
    spec = autoscaler["spec"]
    return spec.get("minReplicas") == 0 and _has_waking_metric(autoscaler)


def is_asleep(autoscaler: Obj) -> bool:
    """Whether this controller has made the target so small, and may therefore make it larger again. Where the least
    has been raised since, every metric will do."""
    entry = condition(autoscaler, SCALED_TO_ZERO)
    if entry is None or entry["status"] != "True":
        return False
    return autoscaler["spec"].get("minReplicas") != 0 or _has_waking_metric(autoscaler)


def _has_waking_metric(autoscaler: Obj) -> bool:
    return any(metric["type"] in ("Object", "External") for metric in autoscaler["spec"].get("metrics") or ())


def needs_metrics(autoscaler: Obj, scale: Obj) -> bool:
    """Whether the number of replicas depends on metrics: it is within the limits, the target is not switched off, and
    its pods are known."""
    fewest, most = autoscaler["spec"].get("minReplicas"), autoscaler["spec"]["maxReplicas"]
    fewest = 1 if fewest is None else fewest
    current = int((scale.get("spec") or {}).get("replicas") or 0)
    if not is_asleep(autoscaler) if current == 0 else not fewest <= current <= most:
        return False
    try:
        return (
            bool((scale.get("status") or {}).get("selector"))
            and parse(scale["status"]["selector"]) is not None
        )
    except SelectorError:
        return False

"""LimitRanger: defaults for the resources of containers, and bounds for those of containers, pods and claims, from the
namespace's LimitRanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pybernetes.api.kinds import LIMITRANGE
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.podspec import resources
from pybernetes.lang import quantity

from .plugin import NEW_PODS, Admission, Plugin, Scope

ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, str]
Judge = Callable[[Obj, Obj], Iterator[str]]
PRECISE_BELOW = 1_000_000
"""Values up to this are compared in thousandths, as upstream does."""


def _is_new_pod(admission: Admission) -> bool:
    return admission.writes("", "pods", "CREATE")


def _ranges(admission: Admission) -> list[Obj]:
    cache, namespace = admission.cache(LIMITRANGE), admission.namespace
    if not cache.entries:
        return []
    return cache.derived(namespace, lambda: [version.tree() for version in cache.in_namespace(namespace)])


def _limits(limit_range: Obj, type_: str) -> Iterator[Obj]:
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == type_:
            yield item


# ---- defaults


def _mutate(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    pod, filled = admission.object, False
    for limit_range in _ranges(admission):
        defaults: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
        for item in _limits(limit_range, "Container"):
            defaults["requests"] |= item.get("defaultRequest") or {}
            defaults["limits"] |= item.get("default") or {}
        said: list[str] = []
        for field, what in (("containers", "container"), ("initContainers", "init container")):
            for container in pod["spec"].get(field) or ():
                said += _fill(container, what, defaults)
        if said:
            filled = True
            annotations = pod["metadata"].get("annotations") or {}
            text = f"LimitRanger plugin set: {'; '.join(said)}"
            pod["metadata"]["annotations"] = {**annotations, ANNOTATION: text}
    return filled


def _fill(container: MutableObj, what: str, defaults: Mapping[str, Amounts]) -> Iterator[str]:
    """Gives the container what it does not say, and tells what: `cpu, memory request for container c`."""
    given = container.get("resources") or {}
    for field, word in (("requests", "request"), ("limits", "limit")):
        missing = {k: v for k, v in defaults[field].items() if k not in (given.get(field) or {})}
        if missing:
            given = {**given, field: {**(given.get(field) or {}), **missing}}
            container["resources"] = given
            yield f"{', '.join(sorted(missing))} {word} for {what} {container.get('name', '')}"


# ---- bounds


def _validate(admission: Admission) -> None:
    if admission.operation == "DELETE" or admission.kind.group:
        return
    plural, tree = admission.kind.plural, admission.new
    if tree is None or (admission.old is not None and "deletionTimestamp" in admission.old["metadata"]):
        return
    if plural == "pods" and (_is_new_pod(admission) or admission.subresource == "resize"):
        judge: Judge = _pod_problems
    elif plural == "persistentvolumeclaims" and not admission.subresource:
        judge = _claim_problems
    else:
        return
    for limit_range in _ranges(admission):
        found = list(dict.fromkeys(judge(limit_range, tree)))
        if found:
            raise admission.forbidden(found[0] if len(found) == 1 else f"[{', '.join(found)}]")


def _pod_problems(limit_range: Obj, pod: Obj) -> Iterator[str]:
    spec = pod["spec"]
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                given = container.get("resources") or {}
                yield from _problems(
                    item, "Container", given.get("requests") or {}, given.get("limits") or {}
                )
        elif item.get("type") == "Pod":
            yield from _problems(
                item, "Pod", resources.container_requests(spec), resources.container_limits(spec)
            )


def _claim_problems(limit_range: Obj, claim: Obj) -> Iterator[str]:
    type_ = "PersistentVolumeClaim"
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    for item in _limits(limit_range, type_):
        for name, least in (item.get("min") or {}).items():
            yield from _below(type_, name, least, requests, {})
        for name, most in (item.get("max") or {}).items():
            subject = f"maximum {name} usage per {type_} is {_text(most)}"
            if name not in requests:
                yield f"{subject}.  No request is specified"
            elif _value(requests[name]) > _value(most):
                yield f"{subject}, but request is {_text(requests[name])}"


def _problems(item: Obj, type_: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    """Upstream's sentences about the bounds that are broken."""
    for name, least in (item.get("min") or {}).items():
        yield from _below(type_, name, least, requests, limits)
    for name, most in (item.get("max") or {}).items():
        yield from _above(type_, name, most, requests, limits)
    for name, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        yield from _apart(type_, name, ratio, requests, limits)


def _below(type_: str, name: str, least: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    subject = f"minimum {name} usage per {type_} is {_text(least)}"
    if name not in requests:
        yield f"{subject}.  No request is specified"
    elif _value(requests[name]) < _value(least):
        yield f"{subject}, but request is {_text(requests[name])}"
    elif name in limits and _value(limits[name]) < _value(least):
        yield f"{subject}, but limit is {_text(limits[name])}"


def _above(type_: str, name: str, most: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    subject = f"maximum {name} usage per {type_} is {_text(most)}"
    if name not in limits:
        yield f"{subject}.  No limit is specified"
    elif _value(limits[name]) > _value(most):
        yield f"{subject}, but limit is {_text(limits[name])}"
    elif name in requests and _value(requests[name]) > _value(most):
        yield f"{subject}, but request is {_text(requests[name])}"


def _apart(type_: str, name: str, ratio: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    subject = f"{name} max limit to request ratio per {type_} is {_text(ratio)}"
    request, limit = _value(requests.get(name, "0")), _value(limits.get(name, "0"))
    if not request:
        yield f"{subject}, but no request is specified or request is 0"
    elif not limit:
        yield f"{subject}, but no limit is specified or limit is 0"
    else:
        precise = quantity.units(ratio) <= PRECISE_BELOW
        most = quantity.milli(ratio) if precise else quantity.units(ratio)
        if limit / request * (1000 if precise else 1) > most:
            yield f"{subject}, but provided ratio is {limit / request:f}"


def _value(amount: str) -> int:
    return quantity.parse(amount).nano


def _text(amount: str) -> str:
    return quantity.canonical(amount)


LIMIT_RANGER = Plugin(
    "LimitRanger",
    mutate=_mutate,
    validate=_validate,
    mutates=NEW_PODS,
    validates=Scope(("pods", "persistentvolumeclaims"), ("CREATE", "UPDATE")),
    templated=True,
)

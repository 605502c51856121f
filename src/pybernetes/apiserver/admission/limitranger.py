"""LimitRanger: defaults for the resources of containers, and their bounds, from the namespace's LimitRanges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pybernetes.api.kinds import LIMITRANGE, POD
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang.quantity import parse_quantity

from .plugin import Admission, Plugin


def _is_new_pod(admission: Admission) -> bool:
    return admission.kind is POD and admission.operation == "CREATE" and not admission.subresource


def _limits(admission: Admission, type_: str) -> Iterator[Obj]:
    for version in admission.cache(LIMITRANGE).in_namespace(admission.namespace):
        for item in (version.tree().get("spec") or {}).get("limits") or ():
            if item.get("type") == type_:
                yield item


def _containers(pod: Obj) -> list[MutableObj]:
    spec = pod["spec"]
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _mutate(admission: Admission) -> None:
    if not _is_new_pod(admission):
        return
    for item in _limits(admission, "Container"):
        for container in _containers(admission.object):
            resources = dict(container.get("resources") or {})
            for field, defaults in (
                ("limits", item.get("default")),
                ("requests", item.get("defaultRequest")),
            ):
                if defaults:
                    resources[field] = {**defaults, **(resources.get(field) or {})}
            if resources:
                container["resources"] = resources


def _validate(admission: Admission) -> None:
    if not _is_new_pod(admission):
        return
    problems: list[str] = []
    for item in _limits(admission, "Container"):
        for container in _containers(admission.object):
            problems += _problems(item, container.get("resources") or {}, "Container")
    for item in _limits(admission, "Pod"):
        problems += _problems(item, _pod_resources(admission.object), "Pod")
    if problems:
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise admission.forbidden(text)


def _problems(item: Obj, resources: Mapping[str, Any], type_: str) -> list[str]:
    """Upstream's sentences about the bounds that are broken."""
    found: list[str] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for resource, least in (item.get("min") or {}).items():
        request = requests.get(resource)
        if request is None:
            found.append(f"minimum {resource} usage per {type_} is {least}.  No request is specified")
        elif parse_quantity(request) < parse_quantity(least):
            found.append(f"minimum {resource} usage per {type_} is {least}, but request is {request}")
    for resource, most in (item.get("max") or {}).items():
        limit = limits.get(resource)
        if limit is None:
            found.append(f"maximum {resource} usage per {type_} is {most}.  No limit is specified")
        elif parse_quantity(limit) > parse_quantity(most):
            found.append(f"maximum {resource} usage per {type_} is {most}, but limit is {limit}")
    return found


def _pod_resources(pod: Obj) -> dict[str, dict[str, Any]]:
    """The sums over the pod's containers."""
    total: dict[str, dict[str, Any]] = {"limits": {}, "requests": {}}
    for container in pod["spec"].get("containers") or ():
        for field, sums in total.items():
            for resource, value in ((container.get("resources") or {}).get(field) or {}).items():
                sums[resource] = str(parse_quantity(sums.get(resource, "0")) + parse_quantity(value))
    return total


LIMIT_RANGER = Plugin("LimitRanger", mutate=_mutate, validate=_validate)

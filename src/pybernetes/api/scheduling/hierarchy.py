"""Templates of groups of groups in a Workload: each has something below it, names differ, one priority holds for all."""

from __future__ import annotations

from collections.abc import Iterator

from ..fielderrors import FieldErrors
from ..meta import Obj

DEEPEST = 4
GROUPS, COMPOSITES = "podGroupTemplates", "compositePodGroupTemplates"


def validate_hierarchy(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the spec. Upstream's `ValidateWorkloadSpec`."""
    composites = spec.get(COMPOSITES) or ()
    known = {group.get("name") or "" for group in spec.get(GROUPS) or ()}
    _validate_composites(composites, known, errors)
    for index, composite in enumerate(composites):
        if _depth(composite) >= DEEPEST:
            errors.at(COMPOSITES, index).invalid(
                composite.get(COMPOSITES), f"maximum template hierarchy depth is {DEEPEST}"
            )
    _validate_priority(spec, errors)
    for index, composite in enumerate(composites):
        _validate_children(composite, errors.at(COMPOSITES, index))


def _validate_composites(
    templates: tuple[Obj, ...] | list[Obj], known: set[str], errors: FieldErrors
) -> None:
    """Names that occur twice in one list are complained of elsewhere."""
    for index, template in enumerate(templates):
        if (name := template.get("name") or "") in known:
            errors.at(COMPOSITES, index).duplicate(name, "name")
    known |= {template.get("name") or "" for template in templates}
    for index, template in enumerate(templates):
        at, groups = errors.at(COMPOSITES, index), template.get(GROUPS) or ()
        for number, group in enumerate(groups):
            if (name := group.get("name") or "") in known:
                at.at(GROUPS, number).duplicate(name, "name")
        known |= {group.get("name") or "" for group in groups}
        _validate_composites(template.get(COMPOSITES) or (), known, at)


def _depth(composite: Obj) -> int:
    return 1 + max(map(_depth, composite.get(COMPOSITES) or ()), default=0)


def _all(template: Obj) -> Iterator[Obj]:
    """A composite and whatever is below it."""
    yield template
    for below in template.get(COMPOSITES) or ():
        yield from _all(below)
    yield from template.get(GROUPS) or ()


def _priority(template: Obj) -> tuple[str, int | None]:
    return template.get("priorityClassName") or "", template.get("priority")


def _validate_priority(spec: Obj, errors: FieldErrors) -> None:
    plain = {_priority(group) for group in spec.get(GROUPS) or ()}
    if len(plain) > 1:
        errors.invalid(None, "detected multiple priority configurations")
        return
    below = {_priority(each) for composite in spec.get(COMPOSITES) or () for each in _all(composite)}
    if len(plain | below) > 1:
        errors.invalid(
            None, "all priority and priorityClassName values must be identical, detected multiple values"
        )


def _validate_children(composite: Obj, errors: FieldErrors) -> None:
    if not composite.get(GROUPS) and not composite.get(COMPOSITES):
        errors.invalid(
            composite.get("name") or "",
            "must have at least one child PodGroupTemplate or CompositePodGroupTemplate",
        )
    for index, below in enumerate(composite.get(COMPOSITES) or ()):
        _validate_children(below, errors.at(COMPOSITES, index))

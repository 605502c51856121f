"""Which plugins could care about a request: sorted once for each kind, operation and subresource.

Two dozen plugins are on by default, and nearly every request concerns a handful of them. What a plugin cares about is in
its `Scope`s; one without is asked about everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pybernetes.api.kind import Kind

from .plugin import Admission, Operation, Plugin
from .tracing import CHANGES_NOTHING

REMEMBERED = 2048
"""Sorts of requests that are kept."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The functions to call for one sort of request, in the plugins' order."""

    mutating: tuple[tuple[Plugin, Callable[[Admission], bool]], ...]
    untemplated: tuple[tuple[Plugin, Callable[[Admission], bool]], ...]
    """Those of `mutating` that are asked about every pod of a template."""
    validating: tuple[Callable[[Admission], None], ...]
    unseen: tuple[Callable[[Admission], bool], ...]
    traced: bool
    """Whether one of them may change such an object without noting it."""


class Plugins:
    """The plugins that are on in one server."""

    __slots__ = ("_plugins", "_steps")

    def __init__(self, plugins: tuple[Plugin, ...]) -> None:
        self._plugins = plugins
        self._steps: dict[tuple[Kind, Operation, str], Steps] = {}

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._plugins)

    def steps(self, admission: Admission) -> Steps:
        """What the request has to go through."""
        sort = (admission.kind, admission.operation, admission.subresource)
        steps = self._steps.get(sort)
        if steps is None:
            if len(self._steps) >= REMEMBERED:
                self._steps.clear()
            steps = self._steps[sort] = self._sorted(*sort)
        return steps

    def _sorted(self, kind: Kind, operation: Operation, subresource: str) -> Steps:
        resource = kind.group_resource
        changing = [p for p in self._plugins if p.mutates.covers(resource, operation, subresource)]
        judging = [p for p in self._plugins if p.validates.covers(resource, operation, subresource)]
        mutating = tuple((p, p.mutate) for p in changing if p.mutate is not None)
        return Steps(
            mutating,
            tuple((p, mutate) for p, mutate in mutating if not p.templated),
            tuple(p.validate for p in judging if p.validate is not None),
            tuple(p.unseen for p in changing if p.unseen is not None),
            any(p.name not in CHANGES_NOTHING for p, _ in mutating),
        )

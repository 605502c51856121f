"""Completion indexes: which one a pod has, and sets of them in the text of the status."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.batch.jobindexes import IndexesError, intervals
from pybernetes.api.meta import Obj, annotations_of

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"


def index_of(pod: Obj) -> int | None:
    """The pod's completion index; None where it has none, or one that is no number."""
    text = annotations_of(pod).get(COMPLETION_INDEX, "")
    return int(text) if text.isdecimal() else None


def parse(text: str, completions: int) -> set[int]:
    """The indexes of `0-2,5`. A text that cannot be read names none, as upstream takes it."""
    try:
        return {index for first, last in intervals(text, completions) for index in range(first, last + 1)}
    except IndexesError:
        return set()


def write(indexes: Iterable[int]) -> str:
    """`0-2,5` for {0, 1, 2, 5}."""
    parts: list[str] = []
    first = last = None
    for index in sorted(indexes):
        if last is not None and index == last + 1:
            last = index
            continue
        parts += _interval(first, last)
        first = last = index
    return ",".join(parts + _interval(first, last))


def _interval(first: int | None, last: int | None) -> list[str]:
    if first is None or last is None:
        return []
    return [str(first)] if first == last else [f"{first}-{last}"]

"""The labels of the namespaces by name, and a number that tells whether they are still the same."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

Labels = Mapping[str, str]

_versions = itertools.count(1)


class NamespaceLabels(dict[str, Labels]):
    """Written through `put` and `drop` only."""

    def __init__(self, labels: Mapping[str, Labels] | None = None) -> None:
        super().__init__(labels or {})
        self.version = next(_versions)

    def put(self, name: str, labels: Labels) -> None:
        if self.get(name) != labels:
            self[name] = labels
            self.version = next(_versions)

    def drop(self, name: str) -> None:
        if self.pop(name, None) is not None:
            self.version = next(_versions)


def version_of(labels: Mapping[str, Labels]) -> int:
    """A number that is another one after every change; for a plain mapping, whose changes nobody tells, every time."""
    return labels.version if isinstance(labels, NamespaceLabels) else next(_versions)

"""Which pods are on which row of the node table, counted by what plugins can tell apart.

Pods with the same facts are one class with a count per row: asking "how many pods match this selector on each node"
looks at each class once, however many pods there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from .podfacts import HostPort, PodFacts

RowCounts = dict[int, int]


class Placements:
    def __init__(self) -> None:
        self._placed: dict[str, tuple[int, PodFacts]] = {}
        self._classes: dict[str, dict[PodFacts, RowCounts]] = {}
        self._with_affinity: dict[PodFacts, RowCounts] = {}
        self._ports: dict[int, Counter[HostPort]] = {}

    def of(self, uid: str) -> tuple[int, PodFacts] | None:
        """(row, facts) of a pod that is counted."""
        return self._placed.get(uid)

    def add(self, uid: str, row: int, facts: PodFacts) -> None:
        """Counts a pod that is not counted yet."""
        self._placed[uid] = (row, facts)
        counts = self._classes.setdefault(facts.namespace, {}).setdefault(facts, {})
        counts[row] = counts.get(row, 0) + 1
        if facts.has_affinity:
            self._with_affinity[facts] = counts
        if facts.host_ports:
            self._ports.setdefault(row, Counter()).update(facts.host_ports)

    def remove(self, uid: str) -> None:
        """Forgets a pod that is counted."""
        row, facts = self._placed.pop(uid)
        of_namespace = self._classes[facts.namespace]
        counts = of_namespace[facts]
        counts[row] -= 1
        if not counts[row]:
            del counts[row]
        if not counts:
            del of_namespace[facts]
            self._with_affinity.pop(facts, None)
            if not of_namespace:
                del self._classes[facts.namespace]
        if facts.host_ports:
            self._ports[row].subtract(facts.host_ports)
            self._ports[row] = +self._ports[row]
            if not self._ports[row]:
                del self._ports[row]

    def classes(self, namespaces: Iterable[str] | None = None) -> Iterator[tuple[PodFacts, RowCounts]]:
        """The classes of some namespaces, or of all."""
        for namespace in self._classes if namespaces is None else namespaces:
            yield from self._classes.get(namespace, {}).items()

    @property
    def namespaces(self) -> Iterable[str]:
        return self._classes.keys()

    def with_affinity(self) -> Iterable[tuple[PodFacts, RowCounts]]:
        """The classes whose pods have affinity terms of their own."""
        return self._with_affinity.items()

    def host_ports(self) -> Iterable[tuple[int, Counter[HostPort]]]:
        """The taken host ports of each row that has any."""
        return self._ports.items()

    def __len__(self) -> int:
        return len(self._placed)

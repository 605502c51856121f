"""Which pods are on which row of the node table, counted by what plugins can tell apart.

Pods with the same facts are one class with a count per row: asking "how many pods match this selector on each node"
looks at each class once, however many pods there are, and only at those that carry a label which every match must
carry. The affinity terms of placed pods are found the same way, by the labels of the pod they may be about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pybernetes.lang.labelselector import Selector

from .podfacts import AffinityTerm, PodFacts
from .podvolumes import Disk

RowCounts = dict[int, int]
Classes = dict[PodFacts, RowCounts]


@dataclass(frozen=True, slots=True)
class PlacedTerm:
    """A term of the pods of one class and the rows they are on. `forbids`: required anti-affinity; `hard`: required
    affinity, whose weight the plugin's argument tells."""

    term: AffinityTerm
    weight: int
    forbids: bool
    rows: RowCounts
    hard: bool = False


class Placements:
    def __init__(self) -> None:
        self._placed: dict[str, tuple[int, PodFacts]] = {}
        self._classes: dict[str, Classes] = {}
        self._labelled: dict[tuple[str, str, str], Classes] = {}
        self._terms: dict[tuple[str, str] | None, dict[PodFacts, list[PlacedTerm]]] = {}
        self._with_ports: Classes = {}
        self._term_keys: Counter[str] = Counter()
        self.term_keys: tuple[str, ...] = ()
        """The labels that the affinity terms of placed pods select by."""
        self._on: dict[int, dict[str, PodFacts]] = {}
        self._claims: dict[tuple[str, str], RowCounts] = {}
        self._disks: dict[int, Counter[Disk]] = {}

    def of(self, uid: str) -> tuple[int, PodFacts] | None:
        """(row, facts) of a pod that is counted."""
        return self._placed.get(uid)

    def add(self, uid: str, row: int, facts: PodFacts) -> None:
        """Counts a pod that is not counted yet."""
        self._placed[uid] = (row, facts)
        self._on.setdefault(row, {})[uid] = facts
        classes = self._classes.setdefault(facts.namespace, {})
        counts = classes.get(facts)
        if counts is None:
            counts = classes[facts] = {}
            self._index(facts, counts)
        counts[row] = counts.get(row, 0) + 1
        for name, _ in facts.claims:
            users = self._claims.setdefault((facts.namespace, name), {})
            users[row] = users.get(row, 0) + 1
        if facts.disks:
            self._disks.setdefault(row, Counter()).update(facts.disks)

    def remove(self, uid: str) -> None:
        """Forgets a pod that is counted."""
        row, facts = self._placed.pop(uid)
        on_row = self._on[row]
        del on_row[uid]
        if not on_row:
            del self._on[row]
        classes = self._classes[facts.namespace]
        counts = classes[facts]
        counts[row] -= 1
        if not counts[row]:
            del counts[row]
        if not counts:
            del classes[facts]
            self._unindex(facts)
            if not classes:
                del self._classes[facts.namespace]
        for name, _ in facts.claims:
            users = self._claims[facts.namespace, name]
            users[row] -= 1
            if not users[row]:
                del users[row]
            if not users:
                del self._claims[facts.namespace, name]
        if facts.disks:
            self._disks[row].subtract(facts.disks)
            self._disks[row] = +self._disks[row]
            if not self._disks[row]:
                del self._disks[row]

    def on(self, row: int) -> Mapping[str, PodFacts]:
        """The pods of a row by uid."""
        return self._on.get(row, {})

    def all(self) -> Iterator[tuple[str, int, PodFacts]]:
        """(uid, row, facts) of every pod that is counted."""
        for uid, (row, facts) in self._placed.items():
            yield uid, row, facts

    def classes(self) -> Iterator[tuple[PodFacts, RowCounts]]:
        for classes in self._classes.values():
            yield from classes.items()

    def selected(
        self, selector: Selector, namespaces: Iterable[str] | None = None
    ) -> Iterator[tuple[PodFacts, RowCounts]]:
        """The classes of some namespaces (None: of all) whose labels a selector matches."""
        pair = next(selector.exact(), None)
        for namespace in self._classes if namespaces is None else namespaces:
            if pair is None:
                classes = self._classes.get(namespace)
            else:
                classes = self._labelled.get((namespace, *pair))
            for facts, rows in classes.items() if classes else ():
                if selector.matches(facts.labels):
                    yield facts, rows

    def terms_about(self, labels: Mapping[str, str]) -> Iterator[PlacedTerm]:
        """The terms of placed pods whose selector matches these labels (their namespaces are not looked at)."""
        if not self._terms:
            return
        for pair in (None, *labels.items()):
            for terms in self._terms.get(pair, {}).values():
                for each in terms:
                    if each.term.selector.matches(labels):
                        yield each

    @property
    def any_terms(self) -> bool:
        """Whether any placed pod has an affinity term."""
        return bool(self._terms)

    def told_by(self, pod: PodFacts) -> tuple[object, ...]:
        """What of a pod the affinity terms of placed pods can tell: all pods for which this is the same are the same to
        them."""
        return (pod.namespace, self.term_keys, *[pod.labels.get(key) for key in self.term_keys])

    def with_terms_about(self, labels: Mapping[str, str]) -> Classes:
        """The classes that have an affinity term whose selector may match these labels."""
        found: Classes = {}
        if self._terms:
            for pair in (None, *labels.items()):
                for facts, terms in self._terms.get(pair, {}).items():
                    found[facts] = terms[0].rows
        return found

    def with_host_ports(self) -> Classes:
        """The classes that take host ports."""
        return self._with_ports

    def users_of(self, namespace: str, claim: str) -> Mapping[int, int]:
        """How many pods use a claim, by row."""
        return self._claims.get((namespace, claim), {})

    def disks(self) -> Iterable[tuple[int, Counter[Disk]]]:
        """The disks in pods of each row that has any."""
        return self._disks.items()

    def __len__(self) -> int:
        return len(self._placed)

    def _index(self, facts: PodFacts, counts: RowCounts) -> None:
        if facts.host_ports:
            self._with_ports[facts] = counts
        for key, value in facts.labels.items():
            self._labelled.setdefault((facts.namespace, key, value), {})[facts] = counts
        for each in _terms_of(facts, counts):
            pair = next(each.term.selector.exact(), None)
            self._terms.setdefault(pair, {}).setdefault(facts, []).append(each)
            self._count_keys(each.term, 1)

    def _unindex(self, facts: PodFacts) -> None:
        self._with_ports.pop(facts, None)
        for key, value in facts.labels.items():
            classes = self._labelled[(facts.namespace, key, value)]
            del classes[facts]
            if not classes:
                del self._labelled[(facts.namespace, key, value)]
        for each in _terms_of(facts, {}):
            pair = next(each.term.selector.exact(), None)
            terms = self._terms.get(pair, {})
            terms.pop(facts, None)
            if not terms:
                self._terms.pop(pair, None)
            self._count_keys(each.term, -1)

    def _count_keys(self, term: AffinityTerm, sign: int) -> None:
        for requirement in term.selector.requirements:
            count = self._term_keys[requirement.key] = self._term_keys[requirement.key] + sign
            if count == 0:
                del self._term_keys[requirement.key]
        if len(self._term_keys) != len(self.term_keys) or any(
            requirement.key not in self.term_keys for requirement in term.selector.requirements
        ):
            self.term_keys = tuple(sorted(self._term_keys))


def _terms_of(facts: PodFacts, rows: RowCounts) -> Iterator[PlacedTerm]:
    for term in facts.anti_affinity:
        yield PlacedTerm(term, 0, True, rows)
    for term in facts.affinity:
        yield PlacedTerm(term, 0, False, rows, hard=True)
    for term in facts.preferred_affinity:
        yield PlacedTerm(term, term.weight, False, rows)
    for term in facts.preferred_anti_affinity:
        yield PlacedTerm(term, -term.weight, False, rows)

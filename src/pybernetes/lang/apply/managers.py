"""The entries of `metadata.managedFields`: who owns which fields, and what a write changes about that.

An entry is the JSON of a ManagedFieldsEntry. Entries are never changed in place; a write that does not concern a manager
leaves its entry object as it is. Rules follow upstream's `apimachinery/pkg/util/managedfields`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from .fieldset import EMPTY, FieldSet, FieldSetError, difference, parse, union, without

Entry: TypeAlias = Mapping[str, Any]
Difference: TypeAlias = tuple[FieldSet, FieldSet]
"""(the paths that a write adds or changes, the paths that it takes away)."""
Elsewhere: TypeAlias = Callable[[str], Difference | None]
"""The same difference as another apiVersion of the kind shows it; None where that version is not served any more."""

APPLY: Final = "Apply"
UPDATE: Final = "Update"
MAX_UPDATE_MANAGERS: Final = 10
ANCIENT: Final = "ancient-changes"
BEFORE_FIRST_APPLY: Final = "before-first-apply"
MAX_NAME: Final = 128

_UNTRACKED_ROOT: Final = ("f:apiVersion", "f:kind")
UNTRACKED_METADATA: Final = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)
"""Metadata that nobody owns."""
UNTRACKED: Final[FieldSet] = {
    "f:apiVersion": EMPTY,
    "f:kind": EMPTY,
    "f:metadata": {f"f:{name}": EMPTY for name in sorted(UNTRACKED_METADATA)},
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the manager's name, how, in which version of the kind, through which subresource, and when."""

    name: str
    operation: Literal["Apply", "Update"]
    api_version: str
    now: str
    """RFC 3339, in seconds."""
    subresource: str = ""

    def entry(self, fields: FieldSet) -> dict[str, Any]:
        """The author's entry with these fields, in Go's order."""
        tree: dict[str, Any] = {"manager": self.name} if self.name else {}
        tree["operation"] = self.operation
        tree["apiVersion"] = self.api_version
        tree["time"] = self.now
        tree["fieldsType"] = "FieldsV1"
        tree["fieldsV1"] = fields
        if self.subresource:
            tree["subresource"] = self.subresource
        return tree

    def wrote(self, entry: Entry) -> bool:
        """Whether the entry is this author's. An applier's is, whatever the version it applied last."""
        return (
            entry.get("manager", "") == self.name
            and entry["operation"] == self.operation
            and entry.get("subresource", "") == self.subresource
            and (self.operation == APPLY or entry.get("apiVersion", "") == self.api_version)
        )


def fields_of(entry: Entry) -> FieldSet:
    found: FieldSet = entry.get("fieldsV1") or EMPTY
    return found


def well_formed(entries: Any) -> bool:
    """Whether these are entries that the server may take over as they are."""
    if not isinstance(entries, list):
        return False
    for entry in entries:
        if (
            not isinstance(entry, dict)
            or entry.get("operation") not in (APPLY, UPDATE)
            or entry.get("fieldsType") != "FieldsV1"
            or not all(isinstance(entry.get(name, ""), str) for name in _TEXTS)
            or not entry.keys() <= _FIELDS
        ):
            return False
        time = entry.get("time")
        if time is not None and not (isinstance(time, str) and len(time) == 20 and time[-1] == "Z"):
            return False
        try:
            parse(entry.get("fieldsV1") or EMPTY)
        except FieldSetError:
            return False
    return True


_TEXTS = ("manager", "apiVersion", "subresource")
_FIELDS = frozenset((*_TEXTS, "operation", "time", "fieldsType", "fieldsV1"))


def is_reset(entries: Any) -> bool:
    """Whether a client asks to forget all owners: `managedFields: [{}]`."""
    return isinstance(entries, list) and len(entries) == 1 and not entries[0]


def after_update(
    entries: Sequence[Entry], changes: Difference, author: Author, elsewhere: Elsewhere | None = None
) -> list[Entry]:
    """The entries after a create, an update or a patch: what it touched is the author's and nobody else's.

    `changes` hold neither UNTRACKED fields nor those that the strategy resets.
    """
    touched, removed = changes
    own = next((entry for entry in entries if author.wrote(entry)), None) if touched else None
    others = [entry for entry in entries if entry is not own] if own is not None else entries
    kept = disown(others, changes, author.api_version, elsewhere)
    if touched:
        if own is not None:
            touched = union(difference(fields_of(own), removed), touched)
        kept = _capped([*kept, author.entry(touched)])
    return in_order(kept)


def disown(
    entries: Sequence[Entry], changes: Difference, api_version: str, elsewhere: Elsewhere | None = None
) -> list[Entry]:
    """The entries without what the changes took from them; those with nothing left are gone."""
    kept = []
    for entry in entries:
        touched, removed = changes
        if entry.get("apiVersion", "") != api_version and elsewhere is not None:
            there = elsewhere(entry.get("apiVersion", ""))
            if there is None:
                continue
            touched, removed = there
        fields = fields_of(entry)
        rest = difference(difference(fields, touched), removed)
        if rest is fields:
            kept.append(entry)
        elif rest:
            kept.append({**entry, "fieldsV1": rest})
    return kept


def tracked(changes: Difference, ignored: FieldSet = EMPTY) -> Difference:
    """The changes without those that nobody owns and the `ignored` ones."""
    touched, removed = changes
    return without(without(touched, UNTRACKED), ignored), without(without(removed, UNTRACKED), ignored)


def in_order(entries: list[Entry]) -> list[Entry]:
    """As upstream sorts them: appliers first, then by time, name, version and subresource."""
    return sorted(entries, key=_order) if len(entries) > 1 else entries


def _order(entry: Entry) -> tuple[str, ...]:
    return (
        entry["operation"],
        entry.get("time") or "",
        entry.get("manager", ""),
        entry.get("apiVersion", ""),
        entry.get("subresource", ""),
    )


def _capped(entries: list[Entry]) -> list[Entry]:
    """At most MAX_UPDATE_MANAGERS entries of updates: the oldest of each version become one."""
    updates = [entry for entry in entries if entry["operation"] == UPDATE]
    surplus = len(updates) - MAX_UPDATE_MANAGERS
    if surplus <= 0:
        return entries
    updates.sort(key=_order)
    merged: dict[str, Entry] = {}
    gone: list[Entry] = []
    for entry in updates:
        if surplus <= 0:
            break
        version = entry.get("apiVersion", "")
        first = merged.get(version)
        if first is None:
            merged[version] = entry
            continue
        gone += [first, entry]
        author = Author(ANCIENT, UPDATE, version, entry.get("time") or "")
        merged[version] = author.entry(union(fields_of(first), fields_of(entry)))
        surplus -= 1
    kept = [entry for entry in entries if not any(entry is other for other in gone)]
    new = [e for e in merged.values() if e.get("manager") == ANCIENT and not any(e is k for k in kept)]
    return [*kept, *new]


def same_owners(a: Any, b: Any) -> bool:
    """Whether two lists of entries differ in nothing but times."""
    a, b = a or (), b or ()
    if a is b or a == b:
        return True
    return len(a) == len(b) and sorted(map(_untimed, a), key=_order) == sorted(map(_untimed, b), key=_order)


def _untimed(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "time"}


@lru_cache(maxsize=256)
def name_from_user_agent(user_agent: str) -> str:
    """The manager's name where a client gives none: its program's name, printable and short."""
    program = user_agent.partition("/")[0]
    return "".join(char for char in program if char.isprintable())[:MAX_NAME]

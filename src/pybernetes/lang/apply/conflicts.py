"""Fields that an apply would change and another manager owns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .fieldset import FieldSet, Path, contains, paths, show
from .managers import UPDATE, Entry


class Conflicts(ValueError):
    """An apply that is not forced met other owners. `found` are their entries with the paths, in upstream's order."""

    def __init__(self, found: Sequence[tuple[Entry, Path]]) -> None:
        self.found = tuple(found)
        super().__init__(message(self.found))

    def causes(self) -> list[tuple[str, str]]:
        """(message, field) of each conflict: the causes of the Status."""
        return [(f"conflict with {manager(entry)}", show(path)) for entry, path in self.found]

    def apart_from(self, allowed: FieldSet) -> Conflicts | None:
        """The conflicts about other fields than these; None where there are none."""
        left = [(entry, path) for entry, path in self.found if not contains(allowed, path)]
        return Conflicts(left) if left else None


def conflicts(owned: Iterable[tuple[Entry, FieldSet]]) -> Conflicts:
    """From what each owner would lose."""
    return Conflicts([(entry, path) for entry, fields in owned for path in paths(fields)])


def manager(entry: Entry) -> str:
    """`"kubectl" with subresource "scale" using apps/v1 at 2026-01-02T03:04:05Z`: how messages call an owner."""
    text = json.dumps(entry.get("manager", ""), ensure_ascii=False)
    if entry.get("subresource"):
        text += f" with subresource {json.dumps(entry['subresource'])}"
    if entry["operation"] == UPDATE:
        text += f" using {entry.get('apiVersion', '')}"
    return text


def message(found: Sequence[tuple[Entry, Path]]) -> str:
    """Upstream's sentence: one conflict on one line, more as a list by manager."""
    if len(found) == 1:
        entry, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {manager(entry)}: {show(path)}"
    by_manager: dict[str, list[Path]] = {}
    for entry, path in found:
        by_manager.setdefault(manager(entry), []).append(path)
    lines = []
    for name in sorted(by_manager):
        lines.append(f"conflicts with {name}:")
        lines += [f"- {show(path)}" for path in by_manager[name]]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)

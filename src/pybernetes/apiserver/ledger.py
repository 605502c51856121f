"""The ledger: every write of the recent past, with who made it and what it reacted to (design rule 9).

It is what `pyber story` is told from, and the audit log of a request that changes something.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from pybernetes.client.interface import Reaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One write that was asked for. `revision` is 0 where nothing was stored; `code` is the HTTP code of the answer.

    `verdicts` say which stages had something to say, such as `authorize: RBAC: allowed by ClusterRoleBinding …`.
    """

    time: float
    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    revision: int
    message: str = ""
    impersonated_by: str = ""
    reaction: Reaction | None = None
    verdicts: tuple[str, ...] = ()


class Ledger:
    """A bounded record, oldest first; what no longer fits is forgotten."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def about(self, group: str, resource: str, namespace: str, name: str) -> list[Entry]:
        """The writes of one object, oldest first."""
        wanted = (group, resource, namespace, name)
        return [e for e in self._entries if (e.group, e.resource, e.namespace, e.name) == wanted]

    def at_revision(self, revision: int) -> Entry | None:
        """The write that made a revision, where it is remembered."""
        return next((entry for entry in reversed(self._entries) if entry.revision == revision), None)

"""The ledger: every write of the recent past, with who made it and what it reacted to (design rule 9).

It is what `pyber story` is told from, and the audit log of a request that changes something.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import orjson

from pybernetes.client.interface import Reaction

from .differences import differences

MOST_ADMITTED = 1000
"""Writes of which it is remembered what admission changed: each takes a few kilobytes."""
MOST_CHANGES = 8
"""Changes of one step that are told."""


class Admitted:
    """What the steps of admission changed in one write: kept as they left it, told when somebody asks."""

    __slots__ = ("_renamed", "_steps", "_told")

    def __init__(
        self,
        steps: Sequence[tuple[str, bytes, bytes]] = (),
        told: Sequence[str] = (),
        renamed: tuple[bytes, bytes] | None = None,
    ) -> None:
        """`renamed`: (a name in `steps`, the name that it stands for)."""
        self._steps = steps
        self._told = tuple(told)
        self._renamed = renamed

    def told(self) -> tuple[str, ...]:
        """`ServiceAccount: spec.serviceAccountName: none → default; …`, one for each step."""
        found = [
            f"{who}: {_changes(self._now(before), self._now(after))}" for who, before, after in self._steps
        ]
        return (*self._told, *found)

    def _now(self, text: bytes) -> bytes:
        return text if self._renamed is None else text.replace(*self._renamed)

    def forget(self) -> None:
        self._steps = ()

    def __repr__(self) -> str:
        return f"Admitted{self.told()!r}"


def _changes(before: bytes, after: bytes) -> str:
    changes = [*islice(differences(orjson.loads(before), orjson.loads(after)), MOST_CHANGES + 1)]
    return "; ".join([*changes[:MOST_CHANGES], "…"] if len(changes) > MOST_CHANGES else changes)


class Entry(NamedTuple):
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
    admitted: Admitted | None = None


class Ledger:
    """A bounded record, oldest first; what no longer fits is forgotten."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._admitted: deque[Admitted] = deque()

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if entry.admitted is not None:
            self._admitted.append(entry.admitted)
            if len(self._admitted) > MOST_ADMITTED:
                self._admitted.popleft().forget()

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

"""The trace of a run: one line for each write that was asked for, in order, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.apiserver.ledger import Entry

from .story import clock


def trace_of(entries: Iterable[Entry]) -> list[str]:
    """`2026-01-01 00:00:03.250 @251 replicaset-controller create pods/default/web-x 201 (too few pods)`."""
    return [_line(entry) for entry in entries]


def _line(entry: Entry) -> str:
    path = "/".join(part for part in (entry.resource, entry.namespace, entry.name, entry.subresource) if part)
    revision = f"@{entry.revision}" if entry.revision else "-"
    reason = f" ({entry.reaction.reason})" if entry.reaction is not None and entry.reaction.reason else ""
    refusal = f" {entry.message}" if entry.code >= 400 else ""
    moment = f"{clock(entry.time)}.{int(entry.time * 1000) % 1000:03d}"
    return f"{moment} {revision} {entry.user} {entry.verb} {path} {entry.code}{reason}{refusal}"

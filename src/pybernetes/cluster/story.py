"""What really happened to an object: the writes about it and about what followed from it, told from the ledger.

Pure: from the ledger's entries to steps. A write belongs to the story if it is about the object, or if its author
reacted to something that belongs to it; so a Deployment's story has its ReplicaSets, pods, bindings and statuses.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.apiserver.ledger import Entry

Name = tuple[str, str, str, str]
"""(group, resource, namespace, name)."""
SERVICE_ACCOUNT = "system:serviceaccount:kube-system:"


@dataclass(frozen=True, slots=True)
class Step:
    """One write. `since` is in seconds from the first step; `revision` 0 where nothing was stored."""

    time: float
    since: float
    revision: int
    who: str
    did: str
    because: str
    outcome: str
    verdicts: tuple[str, ...]
    changed: tuple[str, ...] = ()


class Story(tuple[Step, ...]):
    """The steps in order; as text a table with a line for each and what changed below it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(line for step in self for line in _lines(step))

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self]


def select(entries: Iterable[Entry], about: Iterable[Name], kinds: Sequence[Kind]) -> list[Entry]:
    """The entries that belong to the story of some objects."""
    resources: dict[str, list[tuple[str, str]]] = {}
    for kind in kinds:
        resources.setdefault(kind.kind, []).append((kind.group, kind.plural))
    known = set(about)
    found = []
    for entry in entries:
        own = (entry.group, entry.resource, entry.namespace, entry.name)
        reaction = entry.reaction
        causes = (
            {
                (group, plural, reaction.namespace, reaction.name)
                for group, plural in resources.get(reaction.kind, ())
            }
            if reaction is not None
            else set()
        )
        if own in known or causes & known:
            found.append(entry)
            if entry.name and not entry.subresource:
                known.add(own)
    return found


def tell(entries: Sequence[Entry], changed: Mapping[int, Sequence[str]]) -> Story:
    """The story of selected entries; `changed` says what each revision changed, where that is known."""
    began = entries[0].time if entries else 0.0
    return Story(
        Step(
            entry.time,
            entry.time - began,
            entry.revision,
            _who(entry),
            _did(entry),
            _because(entry),
            "" if entry.code < 400 else f"refused ({entry.code}): {entry.message}",
            entry.verdicts,
            tuple(changed.get(entry.revision, ())) if entry.revision else (),
        )
        for entry in entries
    )


def services_of(services: Iterable[Obj], labels: Mapping[str, str]) -> list[Name]:
    """The Services that select pods with these labels: their endpoints belong to the story too."""
    found = []
    for service in services:
        selector = service["spec"].get("selector")
        if selector and selector.items() <= labels.items():
            found.append(("", "services", namespace_of(service), name_of(service)))
    return found


def pod_labels(obj: Obj) -> Mapping[str, str]:
    """The labels of a workload's pods, or of the pod itself."""
    if obj.get("kind") == "Pod":
        return labels_of(obj)
    template = (obj.get("spec") or {}).get("template") or {}
    labels: Mapping[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels


def _who(entry: Entry) -> str:
    who = entry.user.removeprefix(SERVICE_ACCOUNT)
    return f"{entry.impersonated_by} as {who}" if entry.impersonated_by else who


def _did(entry: Entry) -> str:
    what = f"{entry.resource}/{entry.name}" if entry.name else entry.resource
    what += f" {entry.subresource}" if entry.subresource else ""
    verb = "create" if entry.verb == "patch" and entry.code == 201 else entry.verb
    where = f" in {entry.namespace}" if entry.namespace not in ("", "default") else ""
    return f"{verb} {what}{where}"


def _because(entry: Entry) -> str:
    reaction = entry.reaction
    if reaction is None:
        return ""
    seen = f"{reaction.kind.lower()}/{reaction.name}"
    seen += f"@{reaction.resource_version}" if reaction.resource_version else ""
    return f"{reaction.reason} (saw {seen})" if reaction.reason else f"saw {seen}"


def _lines(step: Step) -> list[str]:
    revision = f"@{step.revision}" if step.revision else "-"
    head = f"{clock(step.time)} +{step.since:<9.3f} {revision:<7} {step.who:<32} {step.did}"
    lines = [head]
    if step.outcome:
        lines.append(f"{'':32}{step.outcome}")
    if step.because:
        lines.append(f"{'':32}because {step.because}")
    lines += [f"{'':32}{verdict}" for verdict in step.verdicts if not verdict.startswith("authorize: RBAC")]
    lines += [f"{'':32}{change}" for change in step.changed]
    return lines


def clock(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")

"""Gathering what a story is told from, through anything that can read: the process itself, or a cluster over HTTPS."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.apiserver.ledger import Entry
from pybernetes.client.interface import Client
from pybernetes.proxy.compile import SERVICE_NAME_LABEL

from .consequences import consequences
from .naming import Target
from .story import Consequence, Known, Story, tell
from .storyselection import EVENTS, Name, Resources, in_order, pod_labels, select, services_of, silent

TOLD_COMPONENTS = ("kubelet",)
"""Whose events are steps of their own; those of controllers repeat their writes. Warnings are told whoever sends them."""
MOST_MOMENTS = 40
"""Writes of Services and EndpointSlices after which rules and records are looked at."""
MOST_SILENT = 24
"""Kinds that are searched for children whose author did not say why."""


class Reader(Protocol):
    """Where a story's facts come from."""

    client: Client
    kinds: Sequence[Kind]
    domain: str

    async def ledger(self, namespace: str) -> Sequence[Entry] | None:
        """The entries of a namespace and of what is in none, oldest first; None where they cannot be had."""

    async def changes(self, entries: Sequence[Entry]) -> Mapping[int, Sequence[str]]:
        """What writes changed, by revision, as far as it is known."""

    async def decision(self, namespace: str, pod: str) -> Mapping[str, Any] | None:
        """The scheduler's decision about a pod, where it is known."""

    async def listed(self, kind: Kind, namespace: str, revision: int) -> Sequence[Obj]:
        """The objects of a kind as they were. Raises ApiError where that is forgotten."""


async def read_story(reader: Reader, target: Target) -> Story | None:
    """The story of an object; None where there is no ledger. Raises ApiError."""
    entries = await reader.ledger(target.namespace)
    if entries is None:
        return None
    entries = in_order(entries)
    resources, events = Resources(reader.kinds), await _events(reader, target.namespace)
    about = await _about(reader, target)
    owners = await _owners(reader, entries, target.namespace, resources)
    found = select(entries, about, resources, owners=owners, events=events)
    bound = {(e.namespace, e.name) for e in found if e.subresource == "binding" and e.code < 400}
    decisions = {pod: told for pod in sorted(bound) if (told := await reader.decision(*pod)) is not None}
    written = [entry for entry in found if entry.revision and entry.resource != EVENTS]
    return tell(
        found,
        Known(await reader.changes(written), events, decisions, await _consequences(reader, written)),
    )


async def _about(reader: Reader, target: Target) -> list[Name]:
    """The object, and the Services of its pods."""
    about = [(target.kind.group, target.kind.plural, target.namespace, target.name)]
    with contextlib.suppress(ApiError):
        labels = pod_labels(await reader.client.get(target.kind, target.name, target.namespace))
        if labels:
            about += services_of((await reader.client.list(kinds.SERVICE, target.namespace)).items, labels)
    return about


async def _events(reader: Reader, namespace: str) -> dict[tuple[str, str], Obj]:
    with contextlib.suppress(ApiError):
        found = (await reader.client.list(kinds.EVENT, namespace)).items
        return {(namespace_of(event), name_of(event)): event for event in found if _is_told(event)}
    return {}


def _is_told(event: Obj) -> bool:
    component = (event.get("source") or {}).get("component") or event.get("reportingComponent")
    return component in TOLD_COMPONENTS or event.get("type") == "Warning"


async def _owners(
    reader: Reader, entries: Sequence[Entry], namespace: str, resources: Resources
) -> dict[Name, set[Name]]:
    """The owners of what is there in a namespace, of the kinds that authors made there without saying why."""
    wanted = silent(entries, namespace)
    found: dict[Name, set[Name]] = {}
    searched = [each for each in reader.kinds if (each.group, each.plural) in wanted and "list" in each.verbs]
    for kind in searched[:MOST_SILENT]:
        with contextlib.suppress(ApiError):
            for obj in (await reader.client.list(kind, namespace)).items:
                if owners := resources.owners(obj):
                    found[kind.group, kind.plural, namespace_of(obj), name_of(obj)] = owners
    return found


async def _consequences(reader: Reader, written: Sequence[Entry]) -> dict[int, list[Consequence]]:
    """After each write of a Service or its slices: the rules and records that it made different."""
    told: dict[int, list[Consequence]] = {}
    moments = [e for e in written if e.resource in ("services", "endpointslices") and not e.subresource]
    if not moments:
        return told
    last: dict[tuple[str, str, str], tuple[str, ...]] = {}
    with contextlib.suppress(ApiError):
        nodes = (await reader.client.list(kinds.NODE)).items
        for entry in moments[-MOST_MOMENTS:]:
            for each in await _at(reader, entry, moments, nodes):
                key = (entry.namespace, each.who, each.did)
                if last.get(key) != each.lines:
                    last[key] = each.lines
                    told.setdefault(entry.revision, []).append(each)
    return told


async def _at(
    reader: Reader, entry: Entry, moments: Sequence[Entry], nodes: Sequence[Obj]
) -> list[Consequence]:
    """What the Service of a write was right after it."""
    services = await reader.listed(kinds.SERVICE, entry.namespace, entry.revision)
    slices = await reader.listed(kinds.ENDPOINTSLICE, entry.namespace, entry.revision)
    if entry.resource == "services":
        names = {entry.name}
    else:
        names = {
            labels_of(each).get(SERVICE_NAME_LABEL, "") for each in slices if name_of(each) == entry.name
        }
        names = names or {e.name for e in moments if e.resource == "services"}  # the slice is gone
    found = []
    for service in services:
        if name_of(service) in names:
            found += consequences(service, slices, nodes, reader.domain)
    return found

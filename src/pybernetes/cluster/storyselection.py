"""Which entries of the ledger belong to the story of some objects. Pure.

A write belongs to it if it is about one of the objects, or if its author reacted to something that belongs to it; so a
Deployment's story has its ReplicaSets, pods, bindings and statuses. What an author that does not say what it reacted
to has made (an operator over HTTPS) is known by its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.apiserver.ledger import Entry

Name = tuple[str, str, str, str]
"""(group, resource, namespace, name)."""
EVENTS = "events"


class Resources:
    """From an object's kind to the resource it is of."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._by_kind: dict[str, list[Kind]] = {}
        for kind in kinds:
            self._by_kind.setdefault(kind.kind, []).append(kind)

    def named(self, kind: str, namespace: str, name: str, group: str | None = None) -> set[Name]:
        """What an object may be called; `group` None: of any."""
        return {
            (each.group, each.plural, namespace if each.namespaced else "", name)
            for each in self._by_kind.get(kind, ())
            if group is None or each.group == group
        }

    def owners(self, obj: Obj) -> set[Name]:
        """The owners of an object."""
        found: set[Name] = set()
        for reference in obj["metadata"].get("ownerReferences") or ():
            group = reference["apiVersion"].rpartition("/")[0]
            found |= self.named(reference["kind"], namespace_of(obj), reference["name"], group)
        return found

    def subject(self, event: Obj) -> set[Name]:
        """What an Event is about."""
        about = event.get("involvedObject") or {}
        group = (about.get("apiVersion") or "").rpartition("/")[0]
        return self.named(about.get("kind", ""), about.get("namespace", ""), about.get("name", ""), group)


def select(
    entries: Iterable[Entry],
    about: Iterable[Name],
    resources: Resources,
    *,
    owners: Mapping[Name, set[Name]] | None = None,
    events: Mapping[tuple[str, str], Obj] | None = None,
) -> list[Entry]:
    """The entries that belong to the story. `owners` are those of objects whose authors said nothing; `events` the
    Events by (namespace, name)."""
    known, found = set(about), []
    owners, events = owners or {}, events or {}
    for entry in entries:
        if entry.resource == EVENTS:
            event = events.get((entry.namespace, entry.name))
            if event is not None and resources.subject(event) & known:
                found.append(entry)
            continue
        own = (entry.group, entry.resource, entry.namespace, entry.name)
        reaction = entry.reaction
        causes = owners.get(own) or set()
        if reaction is not None:
            causes = causes | resources.named(reaction.kind, reaction.namespace, reaction.name)
        if own in known or causes & known:
            found.append(entry)
            if entry.name and not entry.subresource:
                known.add(own)
    return found


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By revision: the ledger has them as they were answered, which side by side requests are in another order. What
    stored nothing keeps its place."""
    found = [*entries]
    stored = iter(sorted((entry for entry in found if entry.revision), key=lambda entry: entry.revision))
    return [next(stored) if entry.revision else entry for entry in found]


def silent(entries: Iterable[Entry], namespace: str) -> set[tuple[str, str]]:
    """(group, resource) of what was made in a namespace by authors that did not say why."""
    return {
        (entry.group, entry.resource)
        for entry in entries
        if entry.reaction is None
        and entry.namespace == namespace
        and entry.code < 400
        and (entry.verb == "create" or entry.code == 201)
        and not entry.subresource
        and entry.resource != EVENTS
    }


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
    spec = obj.get("spec")
    template = spec.get("template") if isinstance(spec, Mapping) else None
    metadata = template.get("metadata") if isinstance(template, Mapping) else None
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return labels if isinstance(labels, Mapping) else {}

"""One document of what several API servers serve: discovery (both forms) and OpenAPI v2. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from pybernetes.api.meta import MutableObj, Obj

from ..grouporder import group_priority
from .remotes import Remote, by_preference


def groups(document: Obj, remotes: Iterable[Remote], priorities: Mapping[str, int]) -> MutableObj:
    """An APIGroupList with the groups and versions of `remotes`, each at the place of its priority."""
    listed: list[MutableObj] = list(document["groups"])
    for remote in by_preference(remotes):
        entry = {"groupVersion": f"{remote.group}/{remote.version}", "version": remote.version}
        at = next((i for i, each in enumerate(listed) if each["name"] == remote.group), None)
        if at is None:
            at = _place([each["name"] for each in listed], remote, priorities)
            listed.insert(at, {"name": remote.group, "versions": [entry], "preferredVersion": entry})
        elif entry not in listed[at]["versions"]:
            listed[at] = {**listed[at], "versions": [*listed[at]["versions"], entry]}
    return {**document, "groups": listed}


def group(document: Obj | None, name: str, remotes: Iterable[Remote]) -> MutableObj | None:
    """An APIGroup with the versions of `remotes`; None where nobody serves the group."""
    entries = [
        {"groupVersion": f"{name}/{remote.version}", "version": remote.version}
        for remote in by_preference(remote for remote in remotes if remote.group == name)
    ]
    if document is not None:
        known = list(document["versions"])
        return {**document, "versions": [*known, *(entry for entry in entries if entry not in known)]}
    if not entries:
        return None
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": entries,
        "preferredVersion": entries[0],
    }


def aggregated(
    document: Obj,
    remotes: Iterable[Remote],
    priorities: Mapping[str, int],
    resources: Mapping[str, Sequence[Obj]],
) -> MutableObj:
    """An APIGroupDiscoveryList with those of `remotes`. `resources` are theirs as they were last told, by the name
    of the APIService; what was never told, or by a server that is away, is stale."""
    items: list[MutableObj] = list(document["items"])
    for remote in by_preference(remotes):
        told = resources.get(remote.name)
        fresh = "Current" if remote.available and told is not None else "Stale"
        entry: MutableObj = {"version": remote.version}
        if told:
            entry["resources"] = list(told)
        entry["freshness"] = fresh
        names = [each["metadata"].get("name", "") for each in items]
        if remote.group in names:
            at = names.index(remote.group)
            items[at] = {**items[at], "versions": [*items[at]["versions"], entry]}
        else:
            metadata = {"name": remote.group, "creationTimestamp": None}
            items.insert(_place(names, remote, priorities), {"metadata": metadata, "versions": [entry]})
    return {**document, "items": items}


def _place(names: Sequence[str], remote: Remote, priorities: Mapping[str, int]) -> int:
    for at, name in enumerate(names):
        other = priorities[name] if name in priorities else group_priority(name)
        if other < remote.group_priority or (other == remote.group_priority and name > remote.group):
            return at
    return len(names)


def discovered(body: bytes, remote: Remote) -> list[MutableObj]:
    """The resources of an APIResourceList in the words of aggregated discovery. Raises ValueError."""
    tree = orjson.loads(body)
    if not isinstance(tree, dict) or not isinstance(tree.get("resources", []), list):
        raise ValueError(f"{remote.name}: what it serves is no APIResourceList")
    found: dict[str, MutableObj] = {}
    for entry in tree.get("resources") or ():
        name, _, subresource = str(entry.get("name", "")).partition("/")
        kind = {
            "group": entry.get("group") or remote.group,
            "version": entry.get("version") or remote.version,
            "kind": entry.get("kind", ""),
        }
        scope = "Namespaced" if entry.get("namespaced") else "Cluster"
        verbs = list(entry.get("verbs") or ())
        if subresource:
            above = found.setdefault(
                name, {"resource": name, "scope": scope, "singularResource": "", "verbs": []}
            )
            below = {"subresource": subresource, "responseKind": kind, "verbs": verbs}
            above["subresources"] = [*above.get("subresources", ()), below]
            continue
        row = found.setdefault(name, {"resource": name})
        row.update(
            responseKind=kind,
            scope=scope,
            singularResource=entry.get("singularName") or "",
            verbs=verbs,
        )
        for field in ("shortNames", "categories"):
            if entry.get(field):
                row[field] = list(entry[field])
    return list(found.values())


# ---- OpenAPI v2


def openapi_v2(document: Obj, others: Iterable[tuple[Remote, Obj]]) -> MutableObj:
    """A Swagger document with the paths and definitions of other servers. A definition whose name is taken by
    another one gets a name of its own, as upstream's: `Name_v2`."""
    definitions: dict[str, Any] = dict(document.get("definitions") or {})
    paths: dict[str, Any] = dict(document.get("paths") or {})
    for remote, theirs in others:
        kept = {
            path: item
            for path, item in (theirs.get("paths") or {}).items()
            if path == remote.path
            or path.startswith((f"{remote.path}/", f"/apis/{remote.group}/{remote.version}/"))
        }
        given: Mapping[str, Any] = theirs.get("definitions") or {}
        needed = _reachable(kept, given)
        names = {name: _free_name(name, given[name], definitions) for name in needed}
        for name in needed:
            definitions.setdefault(names[name], _renamed(given[name], names))
        paths.update({path: _renamed(item, names) for path, item in kept.items() if path not in paths})
    return {**document, "definitions": definitions, "paths": paths}


def _reachable(tree: Any, given: Mapping[str, Any]) -> list[str]:
    """The names of the definitions that `tree` refers to, and those that these refer to."""
    found: dict[str, None] = {}
    todo = [tree]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                name = reference.removeprefix("#/definitions/")
                if name in given and name not in found:
                    found[name] = None
                    todo.append(given[name])
            todo += [each for key, each in value.items() if key != "$ref"]
    return sorted(found)


def _free_name(name: str, definition: Any, taken: Mapping[str, Any]) -> str:
    chosen, number = name, 1
    while chosen in taken and taken[chosen] != definition:
        number += 1
        chosen = f"{name}_v{number}"
    return chosen


def _renamed(tree: Any, names: Mapping[str, str]) -> Any:
    if isinstance(tree, list):
        return [_renamed(each, names) for each in tree]
    if not isinstance(tree, dict):
        return tree
    changed = {key: _renamed(value, names) for key, value in tree.items()}
    reference = tree.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/definitions/")
        changed["$ref"] = f"#/definitions/{names.get(name, name)}"
    return changed

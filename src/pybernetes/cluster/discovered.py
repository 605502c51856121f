"""The kinds that a cluster serves, as its discovery tells them: the built-in ones and those defined at run time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS

Get = Callable[[str], Awaitable[Any]]
"""Reads a path as JSON. Raises ApiError."""


async def discovered(get: Get) -> tuple[Kind, ...]:
    """Every kind of the cluster in its preferred versions first, then in the others. A group that does not answer is
    left out. Raises ApiError where there is no discovery at all."""
    known = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
    found: dict[Kind, None] = {}
    for path, group, version in [("/api/v1", "", "v1"), *_versions(await get("/apis"))]:
        if all(kind.group != group for kind in KINDS):
            try:
                listed = await get(path)
            except ApiError:
                continue
            for kind in _kinds(listed, group, version):
                found[kind] = None
        else:
            found.update({k: None for (g, v, _), k in known.items() if (g, v) == (group, version)})
    return tuple(found)


def _versions(groups: Any) -> Iterator[tuple[str, str, str]]:
    """(path, group, version), the preferred ones first."""
    others = []
    for group in groups.get("groups") or ():
        preferred = (group.get("preferredVersion") or {}).get("version")
        for each in group.get("versions") or ():
            row = (f"/apis/{each['groupVersion']}", group["name"], each["version"])
            if each["version"] == preferred:
                yield row
            else:
                others.append(row)
    yield from others


def _kinds(listed: Any, group: str, version: str) -> Iterator[Kind]:
    for resource in listed.get("resources") or ():
        if "/" not in resource["name"]:
            yield Kind(
                group,
                version,
                resource["kind"],
                resource["name"],
                bool(resource.get("namespaced")),
                resource.get("singularName", ""),
                tuple(resource.get("shortNames") or ()),
                tuple(resource.get("categories") or ()),
                tuple(resource.get("verbs") or ()),
            )

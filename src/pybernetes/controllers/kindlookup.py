"""Finding the kind that an object names by apiVersion and kind: built in, defined by a CustomResourceDefinition, or
served by another API server.

A controller that uses `find` reads CustomResourceDefinitions (`reads=(kinds.CUSTOMRESOURCEDEFINITION,)`); where that
knows none, the server is asked (`discovered`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches


def find(api_version: str, kind: str, caches: Caches) -> Kind | None:
    """The kind in that version, or in another version of its group where that one is not served; None where there is
    none of the name."""
    group = api_version.rpartition("/")[0]
    return _in_version(api_version, [*_built_in(group, kind), *_defined(group, kind, caches)])


async def discovered(api_version: str, kind: str, client: Client) -> Kind | None:
    """The same among all that is served. Raises ApiError, ConnectionError."""
    group = api_version.rpartition("/")[0]
    served = (await client.discover()).kinds
    return _in_version(api_version, [each for each in served if (each.group, each.kind) == (group, kind)])


def _in_version(api_version: str, found: Sequence[Kind]) -> Kind | None:
    version = api_version.rpartition("/")[2]
    return next((each for each in found if each.version == version), found[0] if found else None)


def by_group_resource(group: str, plural: str, caches: Caches) -> Kind | None:
    """The kind of a group and plural name, in its first served version."""
    for kind in kinds.KINDS:
        if (kind.group, kind.plural) == (group, plural):
            return kind
    defined = caches.get(kinds.CUSTOMRESOURCEDEFINITION, f"{plural}.{group}")
    return next(iter(_versions(defined)), None) if defined is not None else None


def _built_in(group: str, kind: str) -> Iterable[Kind]:
    return (each for each in kinds.KINDS if (each.group, each.kind) == (group, kind))


def _defined(group: str, kind: str, caches: Caches) -> Iterable[Kind]:
    for definition in caches.list(kinds.CUSTOMRESOURCEDEFINITION):
        spec = definition["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, kind):
            yield from _versions(definition)


def _versions(definition: Obj) -> list[Kind]:
    """What one needs of a defined kind to ask for its objects, in each version that is served."""
    spec = definition["spec"]
    found = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        scale = (version.get("subresources") or {}).get("scale")
        paths = scale and (
            scale["specReplicasPath"],
            scale["statusReplicasPath"],
            scale.get("labelSelectorPath", ""),
        )
        found.append(
            Kind(
                group=spec["group"],
                version=version["name"],
                kind=spec["names"]["kind"],
                plural=spec["names"]["plural"],
                namespaced=spec["scope"] == "Namespaced",
                scale=paths or None,
            )
        )
    return found

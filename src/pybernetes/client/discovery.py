"""What a server serves, as it tells it itself: aggregated discovery (`/api` and `/apis`), read. Pure.

The rules are those of client-go's discovery client: what a version of a group has is not known while its freshness is
`Stale` (the API server that it comes from is away), and of the versions that have a resource the first one told is the
preferred one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pybernetes.api import kinds
from pybernetes.api.features import GATES
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

Path = Literal["/api", "/apis"]
PATHS: tuple[Path, ...] = ("/api", "/apis")
DOCUMENT = "APIGroupDiscoveryList"
ACCEPT = f"application/json;g=apidiscovery.k8s.io;v=v2;as={DOCUMENT}"

Address = tuple[str, str, str]
"""Group, version and plural."""
GroupResource = tuple[str, str]
"""Group and plural."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """`kinds` are in the order of the documents: of a group the preferred version first. The same resource is the same
    `Kind` as in what was discovered before; the built-in ones are those of `api.kinds`."""

    kinds: tuple[Kind, ...] = ()
    stale: tuple[str, ...] = ()
    """Each group/version of which nobody knows what it has, sorted."""
    malformed: tuple[str, ...] = ()
    """Each group/version that is none, sorted."""

    def preferred(self) -> dict[GroupResource, Kind]:
        """Each resource in the version that the server prefers."""
        found: dict[GroupResource, Kind] = {}
        for kind in self.kinds:
            found.setdefault((kind.group, kind.plural), kind)
        return found

    def failure(self) -> str:
        """What is wrong in upstream's words; "" where all is known."""
        if not self.stale:
            return ""
        told = ", ".join(f"{name}: stale GroupVersion discovery: {name}" for name in self.stale)
        return f"unable to retrieve the complete list of server APIs: {told}"


NOTHING = Discovered()


def read(documents: Iterable[Obj], before: Discovered = NOTHING) -> Discovered:
    """What the documents of `PATHS` tell. Entries that name no resource or no kind are passed over, as upstream does.
    Raises ValueError where a document is no aggregated discovery."""
    known = {address(kind): kind for kind in before.kinds}
    found: dict[Address, Kind] = {}
    stale, malformed = set[str](), set[str]()
    for group, version in _versions(documents):
        name = str(version.get("version") or "")
        group_version = f"{group}/{name}" if group else name
        if "/" in group or "/" in name or not name:
            malformed.add(group_version)
        elif version.get("freshness") == "Stale":
            stale.add(group_version)
        else:
            for entry in version.get("resources") or ():
                kind = _kind(group, name, entry, known)
                if kind is not None:
                    found.setdefault(address(kind), kind)
    return Discovered(tuple(found.values()), tuple(sorted(stale)), tuple(sorted(malformed)))


def address(kind: Kind) -> Address:
    return kind.group, kind.version, kind.plural


def _versions(documents: Iterable[Obj]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for document in documents:
        if not isinstance(document, Mapping) or document.get("kind") != DOCUMENT:
            told = document.get("kind") if isinstance(document, Mapping) else type(document).__name__
            raise ValueError(f"discovery: the server answered {told!r} in the place of {DOCUMENT}")
        for group in document.get("items") or ():
            name = str((group.get("metadata") or {}).get("name") or "")
            for version in group.get("versions") or ():
                yield name, version


def _kind(group: str, version: str, entry: Obj, known: Mapping[Address, Kind]) -> Kind | None:
    plural, answered = entry.get("resource"), entry.get("responseKind") or {}
    if not plural or not answered.get("kind"):
        return None
    at = (group, version, plural)
    if (kind := _built_in().get(at)) is not None:
        return kind
    told = Kind(
        group=group,
        version=version,
        kind=answered["kind"],
        plural=plural,
        namespaced=entry.get("scope") == "Namespaced",
        singular=entry.get("singularResource") or "",
        verbs=tuple(entry.get("verbs") or ()),
        subresources=tuple(
            each["subresource"] for each in entry.get("subresources") or () if each.get("subresource")
        ),
    )
    kind = known.get(at)
    return told if kind is None or _facts(kind) != _facts(told) else kind


def _facts(kind: Kind) -> tuple[object, ...]:
    """What discovery tells of a resource beside its address."""
    return kind.kind, kind.namespaced, kind.singular, kind.verbs, kind.subresources


@cache
def _built_in() -> Mapping[Address, Kind]:
    gated = (kind for gate in GATES.values() for kind in gate.kinds)
    return {address(kind): kind for kind in (*kinds.KINDS, *gated)}

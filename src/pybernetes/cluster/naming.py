"""Objects by name as people write them: `deployment/web`, `po/x`, `nodes`, `widgets.example.com/w1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of


class UnknownKind(LookupError):
    """No kind of the cluster is called so."""


@dataclass(frozen=True, slots=True)
class Target:
    """An object, or ("" for `name`) all objects of a kind."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        what = self.kind.kind.lower() if self.name else self.kind.plural
        return f"{what}/{self.name}" if self.name else what


def find_kind(kinds: Iterable[Kind], word: str) -> Kind:
    """The kind called `word`: its kind, plural, singular or a short name, with `.group` behind it where it is to be
    told from others. Raises UnknownKind."""
    wanted = word.lower()
    for kind in kinds:
        for name in _names(kind):
            if wanted in (name, f"{name}.{kind.group}", f"{name}.{kind.version}.{kind.group}"):
                return kind
    raise UnknownKind(f"no kind of this cluster is called {word!r}")


def kind_of(kinds: Iterable[Kind], obj: Obj) -> Kind:
    """The kind of an object by its `apiVersion` and `kind`. Raises UnknownKind."""
    version, name = obj.get("apiVersion", ""), obj.get("kind", "")
    for kind in kinds:
        if kind.kind == name and kind.api_version == version:
            return kind
    raise UnknownKind(f'no matches for kind "{name}" in version "{version}"')


def find_target(kinds: Iterable[Kind], what: str | Obj, namespace: str) -> Target:
    """What `kind/name`, `kind` or an object stands for. Raises UnknownKind."""
    if not isinstance(what, str):
        kind = kind_of(kinds, what)
        space = (namespace_of(what) or namespace) if kind.namespaced else ""
        return Target(kind, space, name_of(what))
    word, _, name = what.partition("/")
    kind = find_kind(kinds, word)
    return Target(kind, namespace if kind.namespaced else "", name)


def _names(kind: Kind) -> Iterator[str]:
    yield kind.plural
    yield kind.kind.lower()
    if kind.singular:
        yield kind.singular
    yield from kind.short_names

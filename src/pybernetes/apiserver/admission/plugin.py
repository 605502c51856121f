"""What an admission plugin is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pybernetes.api.errors import Forbidden
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from ..kindcache import KindCache
from ..user import User

if TYPE_CHECKING:
    from ..context import RequestContext

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(slots=True)
class Admission:
    """One object about to be written. `new` may be changed by mutating plugins; it is None for a deletion."""

    ctx: RequestContext
    kind: Kind
    operation: Operation
    new: MutableObj | None
    old: Obj | None
    subresource: str = ""
    name: str = ""

    @property
    def object(self) -> MutableObj:
        """The new object, where there is one."""
        assert self.new is not None
        return self.new

    @property
    def user(self) -> User:
        return self.ctx.user

    @property
    def namespace(self) -> str:
        return self.ctx.namespace

    def cache(self, kind: Kind) -> KindCache:
        return self.ctx.services.registry.cache(kind)

    def find(self, kind: Kind, name: str, namespace: str = "") -> Obj | None:
        """Another object, as the cache has it."""
        version = self.cache(kind).get(namespace, name)
        return None if version is None else version.tree()

    def forbidden(self, why: str, name: str | None = None) -> Forbidden:
        """`pods "web" is forbidden: why`."""
        if name is None:
            metadata: Any = self.new["metadata"] if self.new is not None else {}
            name = metadata.get("name") or self.name or self.ctx.info.name or metadata.get("generateName", "")
        kind = self.kind
        return Forbidden(
            f'{kind.group_resource} "{name}" is forbidden: {why}',
            group=kind.group,
            kind=kind.plural,
            name=name,
        )


@dataclass(frozen=True, slots=True)
class Plugin:
    """A named pair of functions. `unseen` tells whether the plugin misses something in the cache that a moment's
    patience may bring: the request then first waits until the cache is as fresh as the store."""

    name: str
    mutate: Callable[[Admission], None] | None = None
    validate: Callable[[Admission], None] | None = None
    unseen: Callable[[Admission], bool] | None = None

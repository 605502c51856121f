"""What an admission plugin is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
class Reinvocation:
    """What mutating webhooks know of each other: who must be asked again because of a later change."""

    again: bool = False
    asked: set[str] = field(default_factory=set)
    """Hooks that were asked and want to know of later changes."""
    wanted: set[str] = field(default_factory=set)
    output: MutableObj | None = None
    """The object as the hooks left it."""


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
    reinvocation: Reinvocation = field(default_factory=Reinvocation)
    rewritten: bool = False
    """Whether a webhook or a policy has changed the object: it may have fields that its schema does not know."""

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

    def found_cache(self, group: str, version: str, plural: str) -> KindCache | None:
        """The cache of a resource; None where that is not served."""
        resource = self.ctx.services.registry.find(group, version, plural)
        return None if resource is None else resource.cache

    def writes(self, group: str, plural: str, *operations: Operation) -> bool:
        """Whether this writes an object of the resource itself (no subresource) by one of the operations."""
        kind = self.kind
        return (
            self.operation in operations
            and not self.subresource
            and kind.plural == plural
            and kind.group == group
        )

    def forbidden(self, why: str, name: str | None = None) -> Forbidden:
        """`pods "web" is forbidden: why`."""
        if name is None:
            metadata: Any = (self.new or {}).get("metadata") or {}
            name = metadata.get("name") or self.name or self.ctx.info.name or metadata.get("generateName", "")
        kind = self.kind
        return Forbidden(
            f'{kind.group_resource} "{name}" is forbidden: {why}',
            group=kind.group,
            kind=kind.plural,
            name=name,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """The requests that a step of a plugin could care about, so that the others are not shown to it: resources as
    `deployments.apps` (none: any), operations (none: any), subresources ("" the object itself; None: any)."""

    resources: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    subresources: tuple[str, ...] | None = None

    def covers(self, resource: str, operation: Operation, subresource: str) -> bool:
        return (
            (not self.resources or resource in self.resources)
            and (not self.operations or operation in self.operations)
            and (self.subresources is None or subresource in self.subresources)
        )


ANYTHING = Scope()
NEW_PODS = Scope(("pods",), ("CREATE",), ("",))


@dataclass(frozen=True, slots=True)
class Plugin:
    """A named pair of functions. `unseen` tells whether the plugin misses something in the cache that a moment's
    patience may bring: the request then first waits until the cache is as fresh as the store."""

    name: str
    mutate: Callable[[Admission], bool] | None = None
    """Changes the new object, or refuses it; whether it may have changed it (webhooks and policies, which note their
    changes themselves, say no)."""
    validate: Callable[[Admission], None] | None = None
    unseen: Callable[[Admission], bool] | None = None
    default: bool = True
    """Whether it is on unless `--disable-admission-plugins` names it; else `--enable-admission-plugins` must."""
    mutates: Scope = ANYTHING
    """What `mutate` and `unseen` are asked about."""
    validates: Scope = ANYTHING
    """What `validate` is asked about."""
    defaulted: bool = False
    """Whether what `mutate` adds is as defaulting would leave it."""
    templated: bool = False
    """Whether what `mutate` makes of a new pod follows from its spec, its annotations and its namespace alone, given the
    objects that `verbs/templates.py` depends on: it is then not asked again for another pod of the same template."""

"""What a controller is: a row of facts and two functions. The table of them is `controllers/table.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of, key_of, namespace_of
from pybernetes.client.indexer import IndexFunction

from .caches import Caches
from .plan import Plan

Seen = TypeVar("Seen")
Keys: TypeAlias = Callable[[Obj, Caches], Iterable[str]]
"""From a changed object to the keys that need work because of it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A kind that is followed; `keys` says whom a change of an object (its old and its new version) concerns."""

    kind: Kind
    keys: Keys
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What controllers are configured with (flags of kube-controller-manager)."""

    root_ca: str = ""
    """PEM that pods are given to verify the API server with."""
    cluster_cidr: str = "10.244.0.0/16"
    node_cidr_mask_size: int = 24
    node_monitor_grace_seconds: float = 50.0
    terminated_pod_gc_threshold: int = 12500


@dataclass(frozen=True, slots=True)
class ControllerDef(Generic[Seen]):
    """`observe` gathers from the caches what `plan` needs (None: nothing to do); `plan` decides, knowing only that,
    the time and the settings. Both are synchronous and pure."""

    name: str
    watches: tuple[Watch, ...]
    observe: Callable[[str, Caches], Seen | None]
    plan: Callable[[Seen, float, Settings], Plan]
    account: str
    """The service account in kube-system whose rights it has (`system:controller:<account>` of the default policy)."""
    workers: int = 5
    reads: tuple[Kind, ...] = ()
    """Kinds that are read but whose changes alone call for no work."""


AnyController: TypeAlias = ControllerDef[Any]


def itself(kind: Kind) -> Watch:
    """Each object of the kind concerns itself."""
    return Watch(kind, lambda obj, _caches: (key_of(obj),))


def owned(kind: Kind, owner: Kind, via: Kind | None = None) -> Watch:
    """An object concerns its controlling owner of kind `owner`, if need be through one of kind `via` between."""

    def keys(obj: Obj, caches: Caches) -> Iterable[str]:
        key = owner_key(obj, via or owner)
        if key is None or via is None:
            return () if key is None else (key,)
        between = caches.get(via, key)
        top = owner_key(between, owner) if between is not None else None
        return () if top is None else (top,)

    return Watch(kind, keys)


def owner_key(obj: Obj, owner: Kind) -> str | None:
    """The key of the controlling owner if it is of that kind (in any version of its group)."""
    ref = controller_ref_of(obj)
    if ref is None or ref["kind"] != owner.kind or ref["apiVersion"].rpartition("/")[0] != owner.group:
        return None
    namespace = namespace_of(obj)
    return f"{namespace}/{ref['name']}" if namespace else str(ref["name"])

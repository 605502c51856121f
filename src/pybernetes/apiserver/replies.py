"""What a verb answers, before anybody knows whether it is to be encoded (HTTP) or handed over (in process)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Response, Upgrade

from .kindcache import KindCache
from .version import Version
from .watchers import Watcher
from .window import Delivery


@dataclass(slots=True)
class VersionReply:
    """One stored object. `revision` is given where it differs from the version's (a deleted object)."""

    kind: Kind
    version: Version
    code: int = 200
    revision: int = 0

    def tree(self) -> Obj:
        version = self.version
        tree = version.tree() if self.revision in (0, version.revision) else version.tree_at(self.revision)
        return self.kind.from_stored(tree) if self.kind.storage_version else tree


@dataclass(slots=True)
class TreeReply:
    """An object that is not stored (a Status, a review, a dry run's result). `kind` None: never shown as a table."""

    body: Obj
    code: int = 200
    kind: Kind | None = None

    def tree(self) -> Obj:
        return self.body


@dataclass(slots=True)
class ListReply:
    """One page of a list, consistent at `revision`."""

    kind: Kind
    versions: Sequence[Version]
    revision: int
    continue_token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> dict[str, object]:
        """The list's own metadata."""
        metadata: dict[str, object] = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            metadata["continue"] = self.continue_token
            if self.remaining is not None:
                metadata["remainingItemCount"] = self.remaining
        return metadata

    def tree(self) -> Obj:
        kind = self.kind
        if kind.storage_version:
            items = [kind.from_stored(version.tree()) for version in self.versions]
        else:
            items = [version.tree() for version in self.versions]
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.api_version,
            "metadata": self.metadata,
            "items": items,
        }


@dataclass(slots=True)
class WatchReply:
    """An open watch. Whoever serves it drains `watcher` and calls `close` at the end, whatever happens."""

    kind: Kind
    cache: KindCache
    watcher: Watcher
    seconds: float
    """How long the server lets it run."""
    revision: Callable[[], int]
    """Up to where every change has been offered to `watcher` at the time of the call."""
    initial: Sequence[Version] = ()
    """Sent as ADDED before anything else."""
    initial_end: int = 0
    """Revision for the bookmark that ends the initial events; 0 where none is asked for."""
    bookmarks: bool = False
    convert: Callable[[Sequence[Delivery]], Awaitable[list[Delivery]]] | None = None
    """Brings events into the version of `kind`, where somebody has to be asked for that."""

    on_close: Callable[[], None] | None = None
    """Called once, when the watch ends."""

    def close(self) -> None:
        self.cache.unwatch(self.watcher)
        ended, self.on_close = self.on_close, None
        if ended is not None:
            ended()


@dataclass(slots=True)
class HttpReply:
    """An answer that only HTTP has: text, a stream, an upgrade."""

    result: Response | Upgrade
    body_tree: Obj = field(default_factory=dict)
    """What a caller in this process gets instead."""

    @property
    def code(self) -> int:
        return self.result.status

    def tree(self) -> Obj:
        return self.body_tree


Reply: TypeAlias = VersionReply | TreeReply | ListReply | WatchReply | HttpReply

"""The one interface through which every component meets the API: `Client`, over a `Transport`.

A transport performs a `Call`. The HTTPS transport (`client/https.py`) turns it into a request; the in-process one
(`apiserver/inprocess.py`) hands it to the same pipeline without encoding. Nobody above can tell which one is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from .discovery import Discovered, Path

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
PatchType = Literal["json", "merge", "strategic", "apply"]

METHODS: Mapping[str, str] = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
"""The verbs of calls in HTTP."""
PATCH_TYPES: Mapping[PatchType, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
"""The content types of patches."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Why a write is made: what its author had seen. Recorded in the ledger (design rule 9)."""

    kind: str
    namespace: str
    name: str
    resource_version: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API, before it is a URL.

    `query` holds upstream's query parameters as strings (`labelSelector`, `fieldSelector`, `resourceVersion`,
    `dryRun`, `fieldManager`, …). `body` is the object, the DeleteOptions or the patch.
    """

    verb: Literal["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    patch_type: PatchType | None = None
    reaction: Reaction | None = None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`object` of a BOOKMARK has only kind, apiVersion, metadata.resourceVersion and annotations."""

    type: EventType
    object: Obj


@dataclass(frozen=True, slots=True)
class ObjList:
    """One page of a list. `resource_version` is where a watch goes on; `continue_token` is "" on the last page."""

    items: list[Obj]
    resource_version: str
    continue_token: str = ""


class Transport(Protocol):
    async def call(self, call: Call) -> Obj:
        """Performs any verb but watch. A list gives the List object (`items`, `metadata`). Raises ApiError; raises
        ConnectionError where no answer came (the write may or may not have happened)."""

    def watch(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """The events of a watch until the server ends it. Raises ApiError on entering or from the iterator
        (an ERROR event becomes its error, such as Expired), ConnectionError where the connection broke."""

    async def discover(self, path: Path) -> Obj:
        """The document of aggregated discovery (`client/discovery.py`) at that path. Raises as `call`."""

    async def close(self) -> None:
        """Ends what the transport holds open."""


class Client(Protocol):
    """Typed verbs over a transport. Objects returned may be shared: never change them (see `api/meta.py`)."""

    async def get(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        subresource: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Obj:
        """`parameters` are query parameters that only some subresources know (`labelSelector` of custom metrics)."""

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> ObjList:
        """`namespace` "" lists all namespaces; `labels` and `fields` are selectors as strings."""

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        resource_version: str = "",
        send_initial_events: bool = False,
        timeout_seconds: int | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]: ...

    async def create(
        self, kind: Kind, obj: Obj, *, subresource: str = "", name: str = "", reaction: Reaction | None = None
    ) -> Obj:
        """Creates in the object's own namespace. With a subresource (`binding`, `eviction`, `token`), `name` is
        the parent's."""

    async def update(
        self, kind: Kind, obj: Obj, *, subresource: str = "", reaction: Reaction | None = None
    ) -> Obj:
        """Replaces; a `metadata.resourceVersion` in `obj` must be the current one (else Conflict)."""

    async def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str,
        patch: Any,
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        reaction: Reaction | None = None,
    ) -> Obj: ...

    async def apply(
        self,
        kind: Kind,
        config: Obj,
        *,
        field_manager: str = "",
        force: bool = False,
        subresource: str = "",
        reaction: Reaction | None = None,
    ) -> Obj:
        """Server-side apply of the fields in `config`, under its own name and namespace; creates what is not there.
        Raises Conflict where another manager owns what it changes and `force` is False."""

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
        grace_period_seconds: int | None = None,
        reaction: Reaction | None = None,
    ) -> Obj:
        """`uid` and `resource_version` are preconditions (Conflict where they do not hold)."""

    async def delete_collection(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        reaction: Reaction | None = None,
    ) -> None: ...

    async def discover(self) -> Discovered:
        """What the server serves now, other servers' resources included; a group whose server is away is told as
        stale. Raises ApiError (also where the server has no aggregated discovery), ConnectionError."""

    async def close(self) -> None: ...

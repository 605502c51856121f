"""`ApiClient`: the verbs of `interface.Client` over any transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from pybernetes.api.errors import InternalError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of

from . import discovery
from .interface import Call, ObjList, PatchType, Reaction, Transport, WatchEvent


def _given(**parameters: str | int | bool | None) -> dict[str, str]:
    """Query parameters that were given, under upstream's names, as strings."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in parameters.items()
        if value not in ("", None, 0, False)
    }


class ApiClient:
    """Implements `interface.Client`. `field_manager` is recorded as the author of every write."""

    def __init__(self, transport: Transport, field_manager: str = "") -> None:
        self.transport = transport
        self._manager = _given(fieldManager=field_manager)
        self._discovered = discovery.NOTHING

    async def get(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        subresource: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Obj:
        return await self.transport.call(Call("get", kind, namespace, name, subresource, parameters or {}))

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
        query = _given(
            labelSelector=labels,
            fieldSelector=fields,
            limit=limit,
            resourceVersion=resource_version,
            **{"continue": continue_token},
        )
        page = await self.transport.call(Call("list", kind, namespace, query=query))
        metadata = page.get("metadata") or {}
        return ObjList(
            page.get("items") or [], metadata.get("resourceVersion", ""), metadata.get("continue", "")
        )

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
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        query = _given(
            labelSelector=labels,
            fieldSelector=fields,
            resourceVersion=resource_version,
            timeoutSeconds=timeout_seconds,
            allowWatchBookmarks=True,
            sendInitialEvents=send_initial_events,
            resourceVersionMatch="NotOlderThan" if send_initial_events else "",
        )
        return self.transport.watch(Call("watch", kind, namespace, query=query))

    async def create(
        self, kind: Kind, obj: Obj, *, subresource: str = "", name: str = "", reaction: Reaction | None = None
    ) -> Obj:
        target = (name or name_of(obj)) if subresource else ""
        namespace = namespace_of(obj) if "metadata" in obj else ""  # a review needs none
        call = Call(
            "create", kind, namespace, target, subresource, self._manager, body=obj, reaction=reaction
        )
        return await self.transport.call(call)

    async def update(
        self, kind: Kind, obj: Obj, *, subresource: str = "", reaction: Reaction | None = None
    ) -> Obj:
        call = Call(
            "update",
            kind,
            namespace_of(obj),
            name_of(obj),
            subresource,
            self._manager,
            body=obj,
            reaction=reaction,
        )
        return await self.transport.call(call)

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
    ) -> Obj:
        query = {**self._manager, **_given(fieldManager=field_manager, force=force)}
        call = Call("patch", kind, namespace, name, subresource, query, patch, patch_type, reaction)
        return await self.transport.call(call)

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
        return await self.patch(
            kind,
            name_of(config),
            namespace_of(config),
            config,
            patch_type="apply",
            subresource=subresource,
            field_manager=field_manager,
            force=force,
            reaction=reaction,
        )

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
        conditions = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if conditions:
            options["preconditions"] = conditions
        if propagation:
            options["propagationPolicy"] = propagation
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        return await self.transport.call(
            Call("delete", kind, namespace, name, body=options, reaction=reaction)
        )

    async def delete_collection(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        reaction: Reaction | None = None,
    ) -> None:
        query = _given(labelSelector=labels, fieldSelector=fields)
        await self.transport.call(Call("deletecollection", kind, namespace, query=query, reaction=reaction))

    async def discover(self) -> discovery.Discovered:
        documents = [await self.transport.discover(path) for path in discovery.PATHS]
        try:
            self._discovered = discovery.read(documents, self._discovered)
        except ValueError as error:
            raise InternalError(str(error)) from error
        return self._discovered

    async def close(self) -> None:
        await self.transport.close()

"""The ConfigMaps and Secrets that this node's pods refer to, and nothing else: fetched once, watched while in use.

A kubelet may read only what its pods name, so there is one watch for each object, counted by the pods that hold it
(upstream's `configMapAndSecretChangeDetectionStrategy: Watch`); with `Get` it is read anew each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound, Timeout
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.informer import Informer
from pybernetes.client.interface import Client

from .env import SourceKind

# How long the first answer may take: without the right to read it, it never comes.
SYNC_TIMEOUT = 10.0

Reference = tuple[SourceKind, str, str]
"""(kind, namespace, name)."""

_KINDS: dict[SourceKind, Kind] = {"configmap": kinds.CONFIGMAP, "secret": kinds.SECRET}


@dataclass(slots=True)
class _Followed:
    informer: Informer
    task: asyncio.Task[None]
    holders: set[str] = field(default_factory=set)


class References:
    """`changed(pod uid)` is called when an object that a pod holds has changed, come or gone."""

    def __init__(
        self, client: Client, strategy: Literal["Watch", "Get"], changed: Callable[[str], None]
    ) -> None:
        self._client = client
        self._strategy = strategy
        self._changed = changed
        self._followed: dict[Reference, _Followed] = {}

    async def get(self, reference: Reference, pod_uid: str) -> Obj | None:
        """The object, or None where there is none. It is followed from now on, until the pod lets go.

        Raises ApiError where it cannot be read.
        """
        kind, namespace, name = reference
        if self._strategy == "Get":
            try:
                return await self._client.get(_KINDS[kind], name, namespace)
            except NotFound:
                return None
        followed = self._followed.get(reference)
        if followed is None:
            followed = self._followed[reference] = self._follow(reference)
        followed.holders.add(pod_uid)
        try:
            async with asyncio.timeout(SYNC_TIMEOUT):
                await followed.informer.synced()
        except TimeoutError:
            raise Timeout(f"failed to sync {kind} cache: timed out waiting for the condition") from None
        return followed.informer.get(f"{namespace}/{name}")

    def hold(self, pod_uid: str, wanted: Iterable[Reference]) -> None:
        """Lets go of what the pod held and no longer wants (nothing, when it is gone)."""
        keep = set(wanted)
        for reference, followed in [*self._followed.items()]:
            if pod_uid in followed.holders and reference not in keep:
                followed.holders.discard(pod_uid)
                if not followed.holders:
                    followed.task.cancel()
                    del self._followed[reference]

    async def close(self) -> None:
        tasks = [followed.task for followed in self._followed.values()]
        self._followed.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _follow(self, reference: Reference) -> _Followed:
        kind, namespace, name = reference
        informer = Informer(self._client, _KINDS[kind], namespace, fields=f"metadata.name={name}")
        followed = _Followed(informer, asyncio.create_task(informer.run(), name=f"{kind} {namespace}/{name}"))

        def tell(_change: object, _old: object, _new: object) -> None:
            for uid in [*followed.holders]:
                self._changed(uid)

        informer.on_event(tell)
        return followed

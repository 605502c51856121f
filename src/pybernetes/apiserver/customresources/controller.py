"""Follows the CustomResourceDefinitions: accepts their names, serves what they define, empties those that are deleted.

Every API server on a store runs this: what it serves follows from the definitions' status, and writes that another one
has made already are no writes. A definition is taken up again when it, or another of its group, changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pybernetes.api.apiextensions.approval import with_approval
from pybernetes.api.apiextensions.conditions import is_true, with_condition
from pybernetes.api.apiextensions.customresourcedefinition import CLEANUP
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from pybernetes.store.types import StoreError

from ..cacher import Cacher
from ..registry import Registry, storage_prefix
from ..window import Change
from .naming import established, named

if TYPE_CHECKING:
    from ..admission.webhooks.caller import WebhookCaller
    from ..metrics import Metrics
    from .kinds import CustomKinds

log = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds before a definition that could not be dealt with is taken up again."""
EMPTYING = 0.5
"""Seconds between looks at a resource whose instances have finalizers."""


class CustomResources:
    """The custom resources of one API server. `own` is the way of the server's own requests."""

    def __init__(
        self,
        registry: Registry,
        cacher: Cacher,
        own: Transport,
        env: Env,
        webhooks: WebhookCaller,
        metrics: Metrics,
    ) -> None:
        self._registry = registry
        self._cacher = cacher
        self._own = own
        self._env = env
        self._webhooks = webhooks
        self._metrics = metrics
        self._served: dict[str, tuple[tuple[object, ...], CustomKinds]] = {}
        """By the name of the definition: what its kinds were made from, and the kinds."""
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._definitions = registry.cache(CRD)
        self._definitions.observers.append(self._observe)

    async def start(self) -> None:
        """Serves what was established before. Raises StoreError, ApiError."""
        for version in self._definitions.in_namespace(""):
            crd = version.tree()
            if is_true(crd, "Established"):
                await self._serve(crd)
            self._mark(version.name)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._dirty:
                    name = next(iter(self._dirty))
                    del self._dirty[name]
                    await self._try(name)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _observe(self, change: Change) -> None:
        version = change.new or change.old
        assert version is not None
        self._mark(version.name)
        if change.new is None or change.old is None or _names(change.new.tree()) != _names(change.old.tree()):
            group = version.name.partition(".")[2]
            for other in self._definitions.in_namespace(""):
                if other.name.partition(".")[2] == group:
                    self._mark(other.name)

    def _mark(self, name: str) -> None:
        self._dirty[name] = None
        self._wake.set()

    def _later(self, name: str, seconds: float) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, self._due, name)

    def _due(self, name: str) -> None:
        del self._timers[name]
        self._mark(name)

    async def _try(self, name: str) -> None:
        try:
            await self._reconcile(name)
        except (Conflict, NotFound):
            self._mark(name)
            await asyncio.sleep(0)
        except (ApiError, StoreError) as error:
            log.warning("CustomResourceDefinition %s: %s", name, error)
            self._later(name, RETRY)
        except Exception:
            log.exception("CustomResourceDefinition %s", name)
            self._later(name, RETRY)

    async def _reconcile(self, name: str) -> None:
        await self._cacher.fresh()
        version = self._definitions.get("", name)
        if version is None:
            self._stop(name)
            return
        crd, now = version.tree(), self._env.now()
        status = named(with_approval(crd, now), self._others(crd), now)
        if is_true({"status": status}, "NamesAccepted") or is_true(crd, "Established"):
            await self._serve({**crd, "status": status})
            if not is_true(crd, "Established"):
                status = established(status, now)
        if status != (crd.get("status") or {}):
            await self._write_status(crd, status)
            return  # its event comes back here
        if crd["metadata"].get("deletionTimestamp") and CLEANUP in (crd["metadata"].get("finalizers") or ()):
            await self._empty(crd)

    def _others(self, crd: Obj) -> Iterable[Obj]:
        for version in self._definitions.in_namespace(""):
            tree = version.tree()
            if version.name != crd["metadata"]["name"] and tree["spec"]["group"] == crd["spec"]["group"]:
                yield tree

    # ---- serving

    async def _serve(self, crd: Obj) -> None:
        name = crd["metadata"]["name"]
        accepted = (crd.get("status") or {}).get("acceptedNames")
        asks = crd["spec"]["conversion"]["strategy"] == "Webhook"
        stored = tuple((crd.get("status") or {}).get("storedVersions") or ()) if asks else ()
        made_from = (crd["spec"], accepted, bool(crd["metadata"].get("deletionTimestamp")), stored)
        known = self._served.get(name)
        if known is not None and known[0] == made_from:
            return
        from .kinds import custom_kinds  # schemas and CEL: only where there are custom resources

        hook = None
        if asks:
            from .conversion import ConversionHook

            hook = ConversionHook(crd, self._webhooks, self._metrics, self._env)
        kinds = custom_kinds(crd, hook)
        cache = self._registry.new_cache(kinds.stored)
        await self._cacher.add(cache)
        self._registry.put(kinds.served, cache)
        self._served[name] = (made_from, kinds)

    def _stop(self, name: str) -> None:
        known = self._served.pop(name, None)
        if known is None:
            return
        prefix = storage_prefix(known[1].stored)
        cache = self._registry.caches[prefix]
        self._registry.drop(prefix)
        self._cacher.remove(cache)

    # ---- deletion

    async def _empty(self, crd: Obj) -> None:
        """Deletes all instances, then lets the definition go."""
        name = crd["metadata"]["name"]
        known = self._served.get(name)
        if known is not None:
            kinds = known[1]
            cache = self._registry.caches[storage_prefix(kinds.stored)]
            if cache.entries:
                begun = with_condition(
                    crd.get("status") or {},
                    "Terminating",
                    "True",
                    "InstanceDeletionInProgress",
                    "CustomResource deletion is in progress",
                    self._env.now(),
                )
                if begun != crd.get("status"):
                    await self._write_status(crd, begun)
                    return
                kind = kinds.deleted_as
                for namespace in dict.fromkeys(version.namespace for version in cache.in_namespace("")):
                    await self._own.call(Call("deletecollection", kind, namespace))
                await self._cacher.fresh()
                if cache.entries:
                    self._later(name, EMPTYING)
                    return
        metadata = crd["metadata"]
        finalizers = [each for each in metadata["finalizers"] if each != CLEANUP]
        await self._own.call(
            Call("update", CRD, name=name, body={**crd, "metadata": {**metadata, "finalizers": finalizers}})
        )

    async def _write_status(self, crd: Obj, status: Obj) -> None:
        body: MutableObj = {**crd, "status": status}
        await self._own.call(
            Call("update", CRD, name=crd["metadata"]["name"], subresource="status", body=body)
        )


def _names(crd: Obj) -> object:
    return (crd.get("status") or {}).get("acceptedNames")

"""Performing a plan: the only place where controllers write."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, resource_version_of, uid_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.interface import Client, Reaction

from .caches import Caches
from .plan import Batch, Create, Delete, DeleteCollections, ExpectEmpty, Patch, Plan, Report, Step, Update

log = logging.getLogger("controller")
PAGE = 500
CATCH_UP_SECONDS = 30.0
"""How long a plan waits for the caches to show its writes: the next one must not be made from before them. A watch that
breaks is back in about two seconds, one that is refused in at most a minute."""


class Performer:
    """Writes in a plan's order and then waits until the caches show what was written, so that the next plan for the
    same key cannot be made from before it (what upstream's expectations are for)."""

    def __init__(self, client: Client, caches: Caches, recorder: EventRecorder) -> None:
        self.client = client
        self._caches = caches
        self._recorder = recorder

    def tell(self, report: Report) -> None:
        """Writes an event."""
        self._report(report)

    async def perform(self, plan: Plan, reaction: Reaction | None) -> None:
        """Raises the ApiError (or ConnectionError) of the step that failed; steps before it are done."""
        written: list[tuple[Kind, Obj, bool]] = []
        failure: Exception | None = None
        try:
            for step in plan.steps:
                await self._step(step, reaction, written)
        except Exception as error:  # noqa: BLE001  (raised again below; who cancels this does not wait for caches)
            failure = error
        deadline = asyncio.get_running_loop().time() + CATCH_UP_SECONDS
        for kind, obj, deleted in written:
            await self._catch_up(kind, obj, deleted, deadline)
        if failure is not None:
            raise failure

    async def _step(
        self, step: Step, reaction: Reaction | None, written: list[tuple[Kind, Obj, bool]]
    ) -> None:
        if isinstance(step, Report):
            self._recorder.event(step.about, step.type, step.reason, step.message)
        elif isinstance(step, Batch):
            await self._waves(step, reaction, written)
        elif isinstance(step, DeleteCollections):
            await self._empty(step, reaction, written)
        elif isinstance(step, ExpectEmpty):
            if (await self.client.list(step.kind, step.namespace, limit=1)).items:
                raise Conflict(f"{step.namespace} still has {step.kind.group_resource}")
        else:
            await self._write(step, reaction, written)

    async def _empty(
        self, step: DeleteCollections, reaction: Reaction | None, written: list[tuple[Kind, Obj, bool]]
    ) -> None:
        because = replace(reaction, reason=step.reason) if reaction else None
        failures: list[ApiError] = []
        for kind in step.kinds:
            try:
                if "deletecollection" in kind.verbs:
                    await self.client.delete_collection(kind, step.namespace, reaction=because)
                else:
                    await self._each(kind, step.namespace, because)
            except NotFound:
                continue  # the kind is not served any more
            except ApiError as error:
                failures.append(error)
        if failures:
            if step.otherwise is not None:
                await self._write(step.otherwise(failures), reaction, written)
            raise failures[0]

    async def _each(self, kind: Kind, namespace: str, because: Reaction | None) -> None:
        """Deletes objects one by one, of a kind that can only be deleted so."""
        token = ""
        while True:
            page = await self.client.list(kind, namespace, limit=PAGE, continue_token=token)
            for obj in page.items:
                with contextlib.suppress(NotFound):
                    await self.client.delete(
                        kind, name_of(obj), namespace, propagation="Background", reaction=because
                    )
            token = page.continue_token
            if not token:
                return

    async def _waves(
        self, batch: Batch, reaction: Reaction | None, written: list[tuple[Kind, Obj, bool]]
    ) -> None:
        size, rest = 1, batch.steps
        while rest:
            wave, rest = rest[:size], rest[size:]
            results = await asyncio.gather(
                *(self._write(step, reaction, written) for step in wave), return_exceptions=True
            )
            failure = next((result for result in results if isinstance(result, BaseException)), None)
            if failure is not None:
                if isinstance(failure, ApiError) and batch.otherwise is not None:
                    note = batch.otherwise(failure)
                    if note is not None:
                        await self._write(note, reaction, written)
                raise failure
            size *= 2

    async def _write(
        self,
        step: Create | Update | Patch | Delete,
        reaction: Reaction | None,
        written: list[tuple[Kind, Obj, bool]],
    ) -> None:
        because = replace(reaction, reason=step.reason) if reaction else None
        try:
            result = await self._call(step, because)
        except ApiError as error:
            failure = None if isinstance(step, Patch) else step.failure
            if failure is not None and not _is_ending(error):
                self._report(failure, error=error.message)
            for note in step.otherwise(error) if isinstance(step, Update) and step.otherwise else ():
                await self._step(note, reaction, written)
            raise
        if result is None:
            return
        written.append((step.kind, result, isinstance(step, Delete)))
        if step.success is not None:
            self._report(step.success, name=name_of(result))

    async def _call(self, step: Create | Update | Patch | Delete, because: Reaction | None) -> Obj | None:
        """The object as written; None where there was nothing left to do."""
        client = self.client
        match step:
            case Create():
                try:
                    return await client.create(step.kind, step.obj, reaction=because)
                except AlreadyExists:
                    if step.exists_ok:
                        return None
                    raise
            case Update():
                return await client.update(
                    step.kind, step.obj, subresource=step.subresource, reaction=because
                )
            case Patch():
                try:
                    return await client.patch(
                        step.kind,
                        step.name,
                        step.namespace,
                        step.patch,
                        subresource=step.subresource,
                        reaction=because,
                    )
                except NotFound:
                    if step.gone_ok:
                        return None
                    raise
            case Delete():
                return await self._delete(step, because)

    async def _delete(self, step: Delete, because: Reaction | None) -> Obj | None:
        try:
            await self.client.delete(
                step.kind,
                step.name,
                step.namespace,
                uid=step.uid,
                resource_version=step.resource_version,
                propagation=step.propagation,
                grace_period_seconds=step.grace_period_seconds,
                reaction=because,
            )
        except NotFound:
            return None
        except Conflict:
            if step.resource_version:
                raise
            return None  # another object has taken the name: the one that was meant is gone
        metadata = {"name": step.name, "namespace": step.namespace, "uid": step.uid}
        return {"metadata": {k: v for k, v in metadata.items() if v}}

    async def _catch_up(self, kind: Kind, obj: Obj, deleted: bool, deadline: float) -> None:
        informer = self._caches.informer(kind)
        if informer is None:
            return
        key = key_of(obj)
        if deleted:

            def visible() -> bool:
                cached = informer.get(key)
                return cached is None or uid_of(cached) != uid_of(obj) or is_deleting(cached)

        else:
            revision = int(resource_version_of(obj) or 0)

            def visible() -> bool:
                return informer.revision >= revision

        left = max(0.0, deadline - asyncio.get_running_loop().time())
        if not await informer.seen(visible, left):
            log.info("the cache of %s has not caught up with %s", kind.group_resource, key)

    def _report(self, report: Report, name: str = "", error: str = "") -> None:
        message = report.message.replace("{name}", name).replace("{error}", error)
        self._recorder.event(report.about, report.type, report.reason, message)


def _is_ending(error: ApiError) -> bool:
    """Whether something cannot be created because its namespace is being deleted: nobody needs to be told of that."""
    return any(cause.reason == "NamespaceTerminating" for cause in error.causes)

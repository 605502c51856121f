"""Conversion by webhook: objects of one version of a custom resource as those of another, asked of whom the definition
names.

Reads convert before they are encoded (`served`), lists in one question, and remember each object's answer until the
object changes, as upstream's watch cache holds one copy per version. Writes convert in the middle of a synchronous
verb (`converted`): an answer that is not known yet is asked for by the shell around the verb (`admission/questions.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import orjson

from pybernetes.api.errors import ApiError, Unclassified
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.clock import Env

from ..admission.questions import Question, Unanswered
from ..replies import ListReply, Reply, TreeReply, VersionReply, WatchReply
from ..selection import Selection
from ..version import Version, encode
from ..window import Delivery
from . import conversionreview as reviews
from .selected import SelectedEvents

if TYPE_CHECKING:
    from ..admission.webhooks.caller import WebhookCaller
    from ..metrics import Metrics

TIMEOUT = 30
"""Seconds that a conversion webhook is given, as upstream."""
BATCH = 500
"""Objects of a list that are converted by one question."""
REMEMBERED = 20_000
"""Objects whose conversion for reads is remembered, per version of a definition."""
ANSWERS = 1024
"""Answers to writes that are under way."""

Finish = Callable[[MutableObj], None]
"""Brings a converted object (in place) to what its version's schema makes of it."""


class ConversionHook:
    """The webhook of one definition."""

    def __init__(self, crd: Obj, caller: WebhookCaller, metrics: Metrics, env: Env) -> None:
        webhook = crd["spec"]["conversion"]["webhook"]
        self._client: Obj = webhook["clientConfig"]
        self._review = reviews.review_version(webhook.get("conversionReviewVersions") or ())
        self._name = crd["metadata"]["name"]
        self._caller = caller
        self._metrics = metrics
        self._env = env

    async def ask(self, objects: Sequence[Obj], desired: str) -> list[MutableObj]:
        """Objects, all of one apiVersion, as those of `desired`. Raises Unclassified (500 without a reason)."""
        began, failure, given = perf_counter(), "", objects[0].get("apiVersion", "")
        try:
            return await self._ask(objects, desired)
        except reviews.BadConversion as error:
            failure = error.failure
            raise Unclassified(str(error)) from error
        finally:
            self._observe(failure, perf_counter() - began, str(given), desired)

    async def _ask(self, objects: Sequence[Obj], desired: str) -> list[MutableObj]:
        uid = self._env.uid()
        body = reviews.review(objects, desired, uid, self._review)
        answered, failure = await self._caller.post(self._client, TIMEOUT, body)
        if failure:
            subject = reviews.kind_of(objects[0]) + ("" if len(objects) == 1 else "List")
            raise reviews.BadConversion(f"conversion webhook for {subject} failed: {failure}", reviews.CALL)
        return reviews.read(answered, objects, desired, uid, self._review)

    def _observe(self, failure: str, seconds: float, given: str, desired: str) -> None:
        metrics = self._metrics
        succeeded = "false" if failure else "true"
        versions = (given.rpartition("/")[2], desired.rpartition("/")[2])
        metrics.conversion.observe((self._name, *versions, succeeded), seconds)
        metrics.conversion_call.observe((failure, "failure" if failure else "success"), seconds)


class Conversion:
    """Conversion to one version (`api.kind.Conversion`). `kind` is set once it is made, for each refers to the other."""

    kind: Kind
    shown: Kind
    """The kind as it is when nothing is left to convert."""

    def __init__(self, hook: ConversionHook, api_version: str, finish: Finish) -> None:
        self._hook = hook
        self.api_version = api_version
        self._finish = finish
        self._answers: dict[bytes, Obj | ApiError] = {}
        self._known: dict[str, tuple[int, Version]] = {}
        """By key: the revision of what is stored, and that in this version."""
        self._lock = asyncio.Lock()

    def of(self, kind: Kind) -> Kind:
        """Takes the kind that this converts for, and gives it back."""
        self.kind = kind
        self.shown = replace(kind, storage_version="", conversion=None, to_stored=_same, from_stored=_same)
        return kind

    # ---- reads

    async def served(self, reply: Reply, selection: Selection | None = None) -> Reply:
        """The reply of a verb with its objects in this version, those that are selected. Raises Unclassified."""
        match reply:
            case VersionReply(kind, version) if kind is self.kind:
                [version] = await self.versions((version,))
                return replace(reply, kind=self.shown, version=version)
            case ListReply(kind, versions) if kind is self.kind:
                if selection is None or selection.unfiltered:
                    return replace(reply, kind=self.shown, versions=await self.versions(versions))
                found = await self.selected(versions, selection)
                return replace(reply, kind=self.shown, versions=found, remaining=None)
            case WatchReply(kind) if kind is self.kind:
                try:
                    return await self._watch(reply, selection)
                except BaseException:
                    reply.close()
                    raise
            case TreeReply(body) if body.get("kind") == self.kind.kind and reply.kind is self.kind:
                return replace(reply, body=await self._tree(body), kind=self.shown)
        return reply

    async def selected(self, stored: Sequence[Version], selection: Selection) -> list[Version]:
        """Of what is stored that which is selected in this version, in it. Raises Unclassified."""
        return [version for version in await self.versions(stored) if selection.matches(version)]

    async def _watch(self, reply: WatchReply, selection: Selection | None) -> WatchReply:
        if selection is None or selection.unfiltered:
            initial = await self.versions(reply.initial)
            return replace(reply, kind=self.shown, initial=initial, convert=self.deliveries)
        initial = await self.selected(reply.initial, selection)
        events = SelectedEvents(self.versions, selection, initial if reply.initial else None)
        return replace(reply, kind=self.shown, initial=initial, convert=events)

    async def deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """The events of a watch in this version. Raises Unclassified."""
        versions = await self.versions([delivery.version for delivery in deliveries])
        return [
            Delivery(delivery.type, version, delivery.revision)
            for delivery, version in zip(deliveries, versions, strict=True)
        ]

    async def versions(self, stored: Sequence[Version]) -> list[Version]:
        """What is stored, in this version. Raises Unclassified."""
        if any(self._recall(version) is None for version in stored):
            async with self._lock:  # who waited finds the answers that another has brought
                return await self._convert(stored)
        return [found for version in stored if (found := self._recall(version)) is not None]

    async def _convert(self, stored: Sequence[Version]) -> list[Version]:
        # Several versions of one object may be asked for together: the events of a watch.
        found = {_which(version): self._recall(version) for version in stored}
        by_version: dict[str, list[tuple[Version, Obj]]] = {}
        for version in stored:
            if found[_which(version)] is None:
                tree = version.decoded()
                by_version.setdefault(str(tree.get("apiVersion")), []).append((version, tree))
        for api_version, pairs in by_version.items():
            for start in range(0, len(pairs), BATCH):
                batch = pairs[start : start + BATCH]
                if api_version == self.api_version:
                    made = [version for version, _ in batch]
                else:
                    trees = await self._hook.ask([tree for _, tree in batch], self.api_version)
                    made = [self._made(v, tree) for (v, _), tree in zip(batch, trees, strict=True)]
                for (version, _), done in zip(batch, made, strict=True):
                    found[_which(version)] = done
                    self._remember(version, done)
        return [served for version in stored if (served := found[_which(version)]) is not None]

    def _made(self, version: Version, tree: MutableObj) -> Version:
        self._finish(tree)
        made = type(version)(self.shown, version.key, encode(tree), version.revision, tree)
        made.forget_tree()
        return made

    def _recall(self, version: Version) -> Version | None:
        known = self._known.get(version.key)
        return known[1] if known is not None and known[0] == version.revision else None

    def _remember(self, version: Version, served: Version) -> None:
        known = self._known
        known.pop(version.key, None)
        if len(known) >= REMEMBERED:
            del known[next(iter(known))]
        known[version.key] = version.revision, served

    async def _tree(self, tree: Obj) -> Obj:
        if tree.get("apiVersion") == self.api_version:
            return tree
        [made] = await self._hook.ask([tree], self.api_version)
        self._finish(made)
        return made

    # ---- writes

    def converted(self, tree: Obj) -> Obj:
        """An object of any version as one of this. Raises Unanswered where that has to be asked, and what the answer
        was where it was a refusal."""
        if tree.get("apiVersion") == self.api_version:
            return tree
        data = orjson.dumps(tree)
        digest = hashlib.blake2b(data, digest_size=16).digest()
        answer = self._answers.get(digest)
        if answer is None:
            raise Unanswered(
                (Question(("convert", self.api_version, digest), lambda: self._answer(digest, data)),)
            )
        if isinstance(answer, ApiError):
            del self._answers[digest]
            raise answer
        return answer

    async def _answer(self, digest: bytes, data: bytes) -> None:
        answer: Obj | ApiError
        try:
            [made] = await self._hook.ask([orjson.loads(data)], self.api_version)
            self._finish(made)
            answer = made
        except Unclassified as error:
            answer = error
        if len(self._answers) >= ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[digest] = answer


def _which(version: Version) -> tuple[str, int]:
    return version.key, version.revision


def _same(tree: Obj) -> Obj:
    return tree

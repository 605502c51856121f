"""The shell of controllers against a real API server in virtual time: order of writes, failures, stale caches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.manager import ControllerManager
from pybernetes.control.plan import (
    Batch,
    Create,
    Delete,
    DeleteCollections,
    ExpectEmpty,
    Patch,
    Plan,
    Report,
    Steps,
    Update,
)
from pybernetes.store.memory import MemoryStore
from tests.virtualtime import run_virtual

START = 1_790_000_000.0


def secret(name: str, **metadata: Any) -> Obj:
    made = new_object(kinds.SECRET, name, "default")
    return {**made, "metadata": {**made["metadata"], **metadata}}


@dataclass
class Rig:
    """A manager with one controller over ConfigMaps of namespace `default`, whose plan is given by the test."""

    server: ApiServer
    client: Client
    manager: ControllerManager
    planned: list[tuple[float, str]]

    async def trigger(self, name: str) -> Obj:
        made = await self.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, name, "default"))
        await asyncio.sleep(5)
        return made

    async def secrets(self) -> list[str]:
        return sorted(name_of(s) for s in (await self.client.list(kinds.SECRET, "default")).items)

    def times(self, key: str) -> list[float]:
        return [at for at, planned in self.planned if planned == key]


def rig(
    plan: Callable[[Obj, Caches], Plan], story: Callable[[Rig], Awaitable[None]], workers: int = 2
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: START + loop.time(), rng=random.Random(1))
        store = MemoryStore(env)
        planned: list[tuple[float, str]] = []

        def observe(key: str, caches: Caches) -> tuple[Obj, Caches] | None:
            obj = caches.get(kinds.CONFIGMAP, key) if key.startswith("default/") else None
            return None if obj is None else (obj, caches)

        def decide(seen: tuple[Obj, Caches], _now: float, _settings: Settings) -> Plan:
            planned.append((loop.time(), name_of(seen[0])))
            return plan(*seen)

        definition = ControllerDef(
            "test-controller",
            watches=(itself(kinds.CONFIGMAP),),
            observe=observe,
            plan=decide,
            account="test",
            workers=workers,
            reads=(kinds.SECRET,),
        )
        async with ApiServer(store, env) as server:
            client = ApiClient(server.transport(LOOPBACK))
            manager = ControllerManager(client, env, (definition,), Settings(), lambda _account: client)
            task = asyncio.create_task(manager.run())
            await asyncio.sleep(1)
            await story(Rig(server, client, manager, planned))
            assert not task.done()
            task.cancel()
            await asyncio.wait({task})
        await store.close()

    run_virtual(main())


def test_steps_are_taken_in_order_with_their_reasons() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        steps = Steps()
        steps.add(Create(kinds.SECRET, secret("one"), "first"))
        steps.add(Patch(kinds.SECRET, "default", "one", {"metadata": {"labels": {"a": "b"}}}, "second"))
        steps.add(Report(obj, "Normal", "Done", "all done"))
        return steps.plan("making") if name_of(obj) == "go" else Plan.nothing("not me")

    async def story(rig: Rig) -> None:
        made = await rig.trigger("go")
        entries = rig.server.ledger.about("", "secrets", "default", "one")
        assert [(e.verb, e.reaction.reason if e.reaction else "") for e in entries] == [
            ("create", "first"),
            ("patch", "second"),
        ]
        reaction = entries[0].reaction
        assert reaction is not None
        assert (reaction.kind, reaction.name, reaction.resource_version) == (
            "ConfigMap",
            "go",
            made["metadata"]["resourceVersion"],
        )
        (event,) = (await rig.client.list(kinds.EVENT, "default")).items
        assert (event["reason"], event["source"]["component"]) == ("Done", "test-controller")

    rig(plan, story)


def test_the_first_conflict_ends_the_plan_and_it_is_made_anew() -> None:
    stale: list[Obj] = []

    def plan(obj: Obj, _caches: Caches) -> Plan:
        steps = Steps([Create(kinds.SECRET, secret("before"), "", exists_ok=True)])
        if stale:
            steps.add(Update(kinds.SECRET, stale.pop(), "from an old version"))
        steps.add(Create(kinds.SECRET, secret("after"), "", exists_ok=True))
        return steps.plan("") if name_of(obj) == "go" else Plan.nothing("")

    async def story(rig: Rig) -> None:
        old = await rig.client.create(kinds.SECRET, secret("target"))
        await rig.client.patch(kinds.SECRET, "target", "default", {"metadata": {"labels": {"a": "b"}}})
        stale.append(old)
        await rig.trigger("go")
        assert await rig.secrets() == ["after", "before", "target"]
        assert len(rig.times("go")) == 2
        target = await rig.client.get(kinds.SECRET, "target", "default")
        assert target["metadata"]["labels"] == {"a": "b"}

    rig(plan, story)


def test_failures_are_tried_again_ever_later_and_do_not_hold_up_others() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        if name_of(obj) == "bug":
            raise ZeroDivisionError
        if name_of(obj) == "refused":
            return Plan((Patch(kinds.SECRET, "default", "nowhere", {}, "", gone_ok=False),))
        return Plan((Create(kinds.SECRET, secret(f"for-{name_of(obj)}"), "", exists_ok=True),))

    async def story(rig: Rig) -> None:
        await rig.trigger("bug")
        await rig.trigger("refused")
        await rig.trigger("fine")
        assert "for-fine" in await rig.secrets()
        await asyncio.sleep(300)
        for name in ("bug", "refused"):
            times = rig.times(name)
            assert 10 < len(times) < 25
            assert times[-1] - times[-2] > 100 * (times[1] - times[0])
        assert len(rig.times("fine")) == 1

    rig(plan, story, workers=1)


def test_a_plan_is_never_made_from_before_its_own_writes() -> None:
    """What upstream needs expectations for: with a cache that lags, a naive controller makes too many."""

    def plan(obj: Obj, caches: Caches) -> Plan:
        if name_of(obj) != "go":
            return Plan.nothing("")
        have = len(caches.list(kinds.SECRET, "default"))
        making = tuple(Create(kinds.SECRET, _generated(), "") for _ in range(7 - have))
        return Plan((Batch(making),), 0.001, "")

    async def story(rig: Rig) -> None:
        informer = rig.manager.caches.follow(kinds.SECRET)
        original = informer._apply
        loop = asyncio.get_running_loop()
        informer._apply = lambda event: loop.call_later(0.5, original, event)  # type: ignore[assignment,method-assign,return-value]
        await rig.trigger("go")
        for number in range(20):
            patch = {"data": {"n": str(number)}}
            await rig.client.patch(kinds.CONFIGMAP, "go", "default", patch)
            await asyncio.sleep(0.1)
        assert len(await rig.secrets()) == 7

    rig(plan, story)


def _generated() -> Obj:
    metadata = {"generateName": "s-", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def test_a_batch_that_fails_for_all_fails_once_and_notes_it() -> None:
    def note(obj: Obj) -> Callable[[ApiError], Update]:
        return lambda error: Update(kinds.CONFIGMAP, {**obj, "data": {"error": error.message}}, "a note")

    def plan(obj: Obj, _caches: Caches) -> Plan:
        if name_of(obj) != "go" or obj.get("data"):
            return Plan.nothing("")
        making = tuple(Create(kinds.SECRET, secret("Bad_Name!"), "") for _ in range(50))
        return Plan((Batch(making, note(obj)),))

    async def story(rig: Rig) -> None:
        await rig.trigger("go")
        tried = [e for e in rig.server.ledger if e.resource == "secrets" and e.verb == "create"]
        assert len(tried) == 1
        noted = await rig.client.get(kinds.CONFIGMAP, "go", "default")
        assert "Bad_Name!" in noted["data"]["error"]

    rig(plan, story)


def test_a_batch_runs_in_doubling_waves() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        if name_of(obj) != "go":
            return Plan.nothing("")
        good = [Create(kinds.SECRET, secret(f"s{n}"), "", exists_ok=True) for n in range(20)]
        good[4] = Create(kinds.SECRET, secret("Bad_Name!"), "")
        return Plan((Batch(tuple(good)),))

    async def story(rig: Rig) -> None:
        await rig.trigger("go")
        # Waves of 1, 2 and 4: the failure is in the third, whose other writes were under way; the rest is not tried.
        assert await rig.secrets() == ["s0", "s1", "s2", "s3", "s5", "s6"]

    rig(plan, story)


def test_deleting_means_the_object_that_was_seen() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        if name_of(obj) != "go":
            return Plan.nothing("")
        return Plan(
            (
                Delete(kinds.SECRET, "default", "renewed", "former-uid", "it is gone already"),
                Delete(kinds.SECRET, "default", "never-was", "u", "it is gone already"),
                Create(kinds.SECRET, secret("after"), "", exists_ok=True),
            )
        )

    async def story(rig: Rig) -> None:
        await rig.client.create(kinds.SECRET, secret("renewed"))
        await rig.trigger("go")
        assert await rig.secrets() == ["after", "renewed"]
        assert len(rig.times("go")) == 1

    rig(plan, story)


def test_expecting_emptiness_asks_the_server() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        if name_of(obj) != "go":
            return Plan.nothing("")
        last = Delete(kinds.CONFIGMAP, "default", "go", obj["metadata"]["uid"], "nothing is left")
        return Plan((ExpectEmpty(kinds.SECRET, "default"), last))

    async def story(rig: Rig) -> None:
        await rig.client.create(kinds.SECRET, secret("one"))
        await rig.trigger("go")
        assert await rig.client.get(kinds.CONFIGMAP, "go", "default")
        await rig.client.delete(kinds.SECRET, "one", "default")
        await asyncio.sleep(60)
        with pytest.raises(NotFound):
            await rig.client.get(kinds.CONFIGMAP, "go", "default")

    rig(plan, story)


def test_looking_again_happens_when_it_was_asked_for_and_not_before() -> None:
    def plan(_obj: Obj, _caches: Caches) -> Plan:
        return Plan.nothing("", 100.0)

    async def story(rig: Rig) -> None:
        await rig.trigger("go")
        await asyncio.sleep(350)
        first, *later = rig.times("go")
        assert [at - first for at in later] == pytest.approx([100, 200, 300], abs=0.1)

    rig(plan, story)


def test_failures_are_told_but_not_where_the_namespace_is_going() -> None:
    def plan(obj: Obj, _caches: Caches) -> Plan:
        target = "gone" if name_of(obj) == "ending" else "default"
        metadata = {"name": f"{name_of(obj)}-s", "namespace": target}
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": 5}
        if target == "gone":
            made = {**made, "type": "Opaque"}
        steps = Steps()
        steps.add(
            Create(kinds.SECRET, made, "", failure=Report(obj, "Warning", "FailedCreate", "no: {error}"))
        )
        return steps.plan("making")

    async def story(rig: Rig) -> None:
        namespace = {**new_object(kinds.NAMESPACE, "gone"), "spec": {"finalizers": ["kubernetes"]}}
        await rig.client.create(kinds.NAMESPACE, namespace)
        await rig.client.delete(kinds.NAMESPACE, "gone")
        await rig.trigger("ending")
        assert len(rig.times("ending")) > 1
        await rig.trigger("wrong")
        events = (await rig.client.list(kinds.EVENT, "default")).items
        assert {(e["involvedObject"]["name"], e["reason"]) for e in events} == {("wrong", "FailedCreate")}
        assert events[0]["message"].startswith("no: ")

    rig(plan, story)


def test_kinds_that_cannot_be_deleted_as_a_collection_are_deleted_one_by_one() -> None:
    one_by_one = replace(kinds.SECRET, verbs=("delete", "get", "list", "watch"))

    def plan(obj: Obj, _caches: Caches) -> Plan:
        step = DeleteCollections((one_by_one, kinds.LIMITRANGE), "default", "all must go")
        return Plan((step,), None, "emptying") if name_of(obj) == "go" else Plan.nothing("not me")

    async def story(rig: Rig) -> None:
        for name in ("a", "b"):
            await rig.client.create(kinds.SECRET, secret(name))
        await rig.trigger("go")
        assert await rig.secrets() == []

    rig(plan, story)


def test_a_manager_that_is_stopped_does_not_wait_for_its_caches() -> None:
    waited: list[float] = []

    def plan(_obj: Obj, _caches: Caches) -> Plan:
        steps = (Create(kinds.SECRET, secret("one"), "first"), Create(kinds.SECRET, secret("two"), "second"))
        return Plan(steps, why="making")

    async def story(rig: Rig) -> None:
        performer = rig.manager.loops[0]._performer
        write, loop = performer._write, asyncio.get_running_loop()

        async def slow(step: Any, *rest: Any) -> None:
            await write(step, *rest)
            await asyncio.sleep(1000)

        performer._write = slow  # type: ignore[method-assign]
        await rig.trigger("go")
        worker = asyncio.create_task(performer.perform(plan({}, rig.manager.caches), None))
        await asyncio.sleep(1)
        rig.manager.caches.informer(kinds.SECRET)._version = "1"  # type: ignore[union-attr]
        at = loop.time()
        worker.cancel()
        await asyncio.wait({worker})
        waited.append(loop.time() - at)

    rig(lambda _obj, _caches: Plan.nothing("no"), story)
    assert waited == [0.0]

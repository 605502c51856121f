"""Kinds of another API server are kinds like all others: emptied with their namespace, collected as garbage, counted by
quotas. And where that server is away, all else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, uid_of
from pybernetes.client.client import ApiClient
from pybernetes.client.discovery import address
from pybernetes.client.https import HttpsTransport
from pybernetes.client.kubeconfig import load
from tests.conformance.hooks import certificate, listening
from tests.sampleserver import FISCHER, FLUNDER, GROUP, VERSION, SampleServer, objects

APISERVICE = f"{VERSION}.{GROUP}"
DISCOVERY, DELETION = "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure"


class World:
    """A cluster in virtual time with a namespace `team`, and the sample server beside it."""

    def __init__(self, cluster: Cluster, sample: SampleServer) -> None:
        self.cluster, self.client, self.sample = cluster, cluster.client, sample

    async def until(self, what: str, holds: Callable[[], Awaitable[Any]], seconds: float = 90.0) -> float:
        """Waits in virtual time, and gives how long it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await holds():
            assert loop.time() - began < seconds, f"not in {seconds} s: {what}"
            await asyncio.sleep(0.25)
        return loop.time() - began

    async def make(self, kind: Kind, name: str, **metadata: Any) -> Obj:
        obj = new_object(kind, name, "team")
        return await self.client.create(kind, {**obj, "metadata": {**obj["metadata"], **metadata}})

    async def is_gone(self, kind: Kind, name: str, namespace: str = "team") -> bool:
        try:
            await self.client.get(kind, name, namespace)
        except NotFound:
            return True
        return False

    async def condition(self, name: str) -> tuple[str, str, str]:
        namespace = await self.client.get(kinds.NAMESPACE, "team")
        for each in namespace["status"].get("conditions") or ():
            if each["type"] == name:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    async def available(self, status: str) -> bool:
        found = (await self.client.get(kinds.APISERVICE, APISERVICE)).get("status") or {}
        return any(c["type"] == "Available" and c["status"] == status for c in found.get("conditions") or ())

    async def namespace_is_gone(self) -> bool:
        return await self.is_gone(kinds.NAMESPACE, "team", "")


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    sample = SampleServer()
    async with Cluster(time="virtual", history=False) as cluster, listening(cluster, sample.handle) as port:
        found = World(cluster, sample)
        service, apiservice = objects(port, certificate().bundle)
        await cluster.client.create(kinds.SERVICE, service)
        await cluster.client.create(kinds.APISERVICE, apiservice)
        await found.until("the sample server is known", lambda: found.available("True"))
        await cluster.client.create(kinds.NAMESPACE, new_object(kinds.NAMESPACE, "team"))
        yield found


def owner(obj: Obj) -> list[dict[str, Any]]:
    metadata = obj["metadata"]
    return [
        {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": metadata["name"],
            "uid": uid_of(obj),
            "blockOwnerDeletion": True,
        }
    ]


def test_discovery_is_the_same_on_both_ways() -> None:
    async def main() -> None:
        async with world() as w:
            inside = await w.client.discover()
            assert inside.preferred()[GROUP, "flunders"].verbs == tuple(sorted(FLUNDER.verbs))
            assert inside.stale == ()
            served = await w.cluster.serve()
            outside = ApiClient(HttpsTransport(load(Path(served.kubeconfig))))
            try:
                found = await outside.discover()
                assert [address(kind) for kind in found.kinds] == [address(kind) for kind in inside.kinds]
                assert await outside.discover() == found
                w.sample.is_broken = True
                await w.until("it counts as away", lambda: w.available("False"))
                assert (await outside.discover()).stale == (f"{GROUP}/{VERSION}",)
            finally:
                await outside.close()

    asyncio.run(main())


def test_objects_go_with_their_namespace() -> None:
    async def main() -> None:
        async with world() as w:
            await w.make(FLUNDER, "a")
            await w.make(FLUNDER, "held", finalizers=["example.com/hold"])
            await w.make(FISCHER, "b")
            await w.make(kinds.CONFIGMAP, "c")
            await w.client.delete(kinds.NAMESPACE, "team")

            async def only_what_is_held() -> bool:
                return [key[2] for key in w.sample.objects] == ["held"]

            await w.until("all that may go has gone", only_what_is_held)

            async def is_told() -> bool:
                return await w.condition("NamespaceContentRemaining") == (
                    "True",
                    "SomeResourcesRemain",
                    f"Some resources are remaining: flunders.{GROUP} has 1 resource instances",
                )

            await w.until("what is left is told", is_told)
            assert (await w.condition("NamespaceFinalizersRemaining"))[2] == (
                "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
            )
            await w.client.patch(FLUNDER, "held", "team", {"metadata": {"finalizers": None}})
            await w.until("the namespace goes", w.namespace_is_gone)
            assert w.sample.objects == {}

    asyncio.run(main())


def test_dependents_are_collected() -> None:
    async def main() -> None:
        async with world() as w:
            top = await w.make(kinds.CONFIGMAP, "top")
            middle = await w.make(FLUNDER, "middle", ownerReferences=owner(top))
            await w.make(kinds.SECRET, "leaf", ownerReferences=owner(middle))
            await asyncio.sleep(5)
            assert not await w.is_gone(kinds.SECRET, "leaf")
            await w.client.delete(kinds.CONFIGMAP, "top", "team")
            await w.until("the flunder goes", lambda: w.is_gone(FLUNDER, "middle"))
            await w.until("and its secret", lambda: w.is_gone(kinds.SECRET, "leaf"))

    asyncio.run(main())


def test_foreground_deletion_waits_for_another_servers_objects() -> None:
    async def main() -> None:
        async with world() as w:
            top = await w.make(kinds.CONFIGMAP, "top")
            await w.make(FLUNDER, "held", ownerReferences=owner(top), finalizers=["example.com/hold"])
            await asyncio.sleep(5)
            await w.client.delete(kinds.CONFIGMAP, "top", "team", propagation="Foreground")
            await asyncio.sleep(10)
            assert not await w.is_gone(kinds.CONFIGMAP, "top")
            await w.client.patch(FLUNDER, "held", "team", {"metadata": {"finalizers": None}})
            await w.until("the flunder goes, then its owner", lambda: w.is_gone(kinds.CONFIGMAP, "top"))

    asyncio.run(main())


async def break_server(w: World) -> None:
    """The sample server fails, and a namespace with an object of it is deleted."""
    await w.make(FLUNDER, "a")
    await w.make(kinds.CONFIGMAP, "c")
    w.sample.is_broken = True
    await w.until("it counts as away", lambda: w.available("False"))
    await w.client.delete(kinds.NAMESPACE, "team")
    await w.until("all else is emptied", lambda: w.is_gone(kinds.CONFIGMAP, "c"))

    async def told() -> bool:
        return (await w.condition(DISCOVERY))[0] == "True"

    await w.until("it is told", told)
    assert await w.condition(DISCOVERY) == (
        "True",
        "DiscoveryFailed",
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
        f"{GROUP}/{VERSION}: stale GroupVersion discovery: {GROUP}/{VERSION}",
    )
    await asyncio.sleep(60)
    assert not await w.namespace_is_gone()


def test_a_namespace_waits_for_a_server_that_is_away_and_goes_when_it_is_back() -> None:
    async def main() -> None:
        async with world() as w:
            await break_server(w)
            w.sample.is_broken = False
            await w.until("the namespace goes", w.namespace_is_gone)
            assert w.sample.objects == {}

    asyncio.run(main())


def test_a_namespace_goes_when_the_apiservice_of_a_server_that_is_away_is_deleted() -> None:
    async def main() -> None:
        async with world() as w:
            await break_server(w)
            await w.client.delete(kinds.APISERVICE, APISERVICE)
            assert await w.until("the namespace goes", w.namespace_is_gone) < 2.0

    asyncio.run(main())


def test_a_server_that_is_away_keeps_no_other_garbage() -> None:
    """What it owns stays, for nobody can say whether the owner is there; its objects are followed again afterwards."""

    async def main() -> None:
        async with world() as w:
            flunder = await w.make(FLUNDER, "a")
            await w.make(kinds.SECRET, "of-flunder", ownerReferences=owner(flunder))
            top = await w.make(kinds.CONFIGMAP, "top")
            await w.make(kinds.SECRET, "of-top", ownerReferences=owner(top))
            await asyncio.sleep(5)
            w.sample.is_broken = True
            await w.until("it counts as away", lambda: w.available("False"))
            await w.client.delete(kinds.CONFIGMAP, "top", "team")
            await w.until("the other garbage goes", lambda: w.is_gone(kinds.SECRET, "of-top"))
            await asyncio.sleep(60)
            assert not await w.is_gone(kinds.SECRET, "of-flunder")
            w.sample.is_broken = False
            await w.until("it is back", lambda: w.available("True"))
            await w.client.delete(FLUNDER, "a", "team")
            await w.until("what it owned goes", lambda: w.is_gone(kinds.SECRET, "of-flunder"))

    asyncio.run(main())


def test_what_cannot_be_listed_is_told_and_does_not_stop_the_rest() -> None:
    """Right after a server has failed nobody knows that it is away yet: then its kinds themselves fail."""

    async def main() -> None:
        async with world() as w:
            await w.make(FLUNDER, "a")
            await w.make(kinds.CONFIGMAP, "c")
            w.sample.is_broken = True
            await w.client.delete(kinds.NAMESPACE, "team")
            await w.until("all else is emptied", lambda: w.is_gone(kinds.CONFIGMAP, "c"))
            told = await w.condition(DELETION)
            assert told[:2] == ("True", "ContentDeletionFailed")
            assert told[2].startswith("Failed to delete all resource types, 2 remaining: ")
            w.sample.is_broken = False
            await w.until("the namespace goes", w.namespace_is_gone)

    asyncio.run(main())


def test_quotas_count_them() -> None:
    async def main() -> None:
        async with world() as w:
            resource = f"count/flunders.{GROUP}"
            quota = new_object(kinds.RESOURCEQUOTA, "q", "team", spec={"hard": {resource: "5", "pods": "5"}})
            await w.client.create(kinds.RESOURCEQUOTA, quota)
            await w.make(FLUNDER, "a")
            await w.make(FLUNDER, "b")

            async def used() -> Any:
                found = await w.client.get(kinds.RESOURCEQUOTA, "q", "team")
                return (found.get("status") or {}).get("used", {}).get(resource)

            async def is_two() -> bool:
                return bool(await used() == "2")

            async def is_one() -> bool:
                return bool(await used() == "1")

            await w.until("two are counted", is_two)
            await w.client.delete(FLUNDER, "a", "team")
            await w.until("one is counted", is_one)
            w.sample.is_broken = True
            await w.until("it counts as away", lambda: w.available("False"))
            await w.client.patch(kinds.RESOURCEQUOTA, "q", "team", {"spec": {"hard": {"pods": "6"}}})
            await asyncio.sleep(30)
            assert await used() == "1"

    asyncio.run(main())


def test_their_scales_are_asked_for() -> None:
    async def main() -> None:
        async with world() as w:
            flunder = await w.client.create(
                FLUNDER, {**new_object(FLUNDER, "a", "team"), "spec": {"replicas": 3}}
            )
            spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}
            budget = new_object(kinds.PODDISRUPTIONBUDGET, "b", "team", spec=spec)
            await w.client.create(kinds.PODDISRUPTIONBUDGET, budget)
            references = [{**owner(flunder)[0], "controller": True}]
            pod = new_object(kinds.POD, "p", "team", spec={"containers": [{"name": "c", "image": "nginx"}]})
            metadata = {**pod["metadata"], "labels": {"app": "a"}, "ownerReferences": references}
            await w.client.create(kinds.POD, {**pod, "metadata": metadata})

            async def expected() -> bool:
                found = await w.client.get(kinds.PODDISRUPTIONBUDGET, "b", "team")
                return bool((found.get("status") or {}).get("expectedPods") == 3)

            await w.until("three pods are expected", expected)

    asyncio.run(main())

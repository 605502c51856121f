"""Writing to claims: others' changes in between, and giving back what a pod got that was not bound after all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Conflict
from pybernetes.api.meta import Obj
from pybernetes.scheduler.dynamicresources import write
from pybernetes.scheduler.framework import Attempt, Plugin, Refused
from tests.unit.scheduler.devices import DRIVER, claim, device, device_class, slice_

from .test_devices_in_a_cluster import gone, holders, nodes, pod

ALLOCATION = {"devices": {"results": [{"request": "req", "driver": DRIVER, "pool": "a", "device": "d1"}]}}
POD = {"metadata": {"name": "p", "namespace": "default", "uid": "u1"}}


class Server:
    """One claim. `before` is what somebody else does to it before each of the first writes."""

    def __init__(self, tree: dict[str, Any], *before: dict[str, Any]) -> None:
        self.tree = tree
        self.before = list(before)
        self.writes: list[str] = []

    async def get(self, _kind: Any, _name: str, _namespace: str = "") -> Obj:
        return self.tree

    async def update(self, _kind: Any, tree: Obj, *, subresource: str = "") -> Obj:
        if self.before:
            self.tree = self._newer({**self.tree, **self.before.pop(0)})
        if tree["metadata"]["resourceVersion"] != self.tree["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        self.writes.append(subresource or "spec")
        self.tree = self._newer(dict(tree))
        return self.tree

    def _newer(self, tree: dict[str, Any]) -> dict[str, Any]:
        version = str(int(self.tree["metadata"]["resourceVersion"]) + 1)
        return {**tree, "metadata": {**tree["metadata"], "resourceVersion": version}}


def bound(server: Server, allocation: Obj | None = ALLOCATION) -> Obj:
    client: Any = server
    return asyncio.run(write.bind(client, server.tree, POD, allocation, 0.0))


def test_an_allocation_is_written_with_finalizer_and_reservation() -> None:
    server = Server(claim("c"))
    found = bound(server)
    assert server.writes == ["spec", "status"]
    assert found["metadata"]["finalizers"] == [write.FINALIZER]
    assert holders(found) == ["p"]
    assert found["status"]["allocation"] == {**ALLOCATION, "allocationTimestamp": "1970-01-01T00:00:00Z"}


def test_a_harmless_change_in_between_is_no_matter() -> None:
    labelled = {"metadata": {**claim("c")["metadata"], "labels": {"a": "b"}}}
    found = bound(Server(claim("c"), labelled))
    assert holders(found) == ["p"]
    assert found["metadata"]["labels"] == {"a": "b"}


def test_another_scheduler_was_faster() -> None:
    with pytest.raises(write.ClaimError, match="claim default/c got allocated elsewhere in the meantime"):
        bound(Server(claim("c"), {"status": {"allocation": ALLOCATION}}))


def test_a_claim_that_is_going_is_not_taken() -> None:
    going = {**claim("c"), "metadata": {**claim("c")["metadata"], "deletionTimestamp": "x"}}
    with pytest.raises(write.ClaimError, match="claim default/c got deleted in the meantime"):
        bound(Server(going))


def test_a_claim_that_lost_its_devices_is_not_reserved() -> None:
    with pytest.raises(write.ClaimError, match="got deallocated in the meantime"):
        bound(Server(claim("c")), allocation=None)


def test_a_pod_that_is_not_bound_gives_its_reservation_back() -> None:
    tries: list[str] = []

    async def refuse(attempt: Attempt) -> None:
        tries.append(attempt.pod["metadata"]["name"])
        if len(tries) < 2:
            raise Refused("not yet")

    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            (a,) = await nodes(c)
            scheduler = c.parts.scheduler
            assert scheduler is not None
            late = Plugin("Late", pre_bind=refuse)
            scheduler.use(plugins=(late,))
            await c.apply([device_class("gpu"), slice_("s", device("d1"), node=a), gone(claim("mine"))])
            await c.apply(pod("p", resourceClaimName="mine"))
            await c.settle()
            assert tries == ["p"]
            left = await c.get("resourceclaim/mine")
            assert holders(left) == []
            assert left["status"]["allocation"]["devices"]["results"][0]["device"] == "d1"
            await c.client.patch(kinds.NODE, a, "", {"metadata": {"labels": {"again": "yes"}}})
            await c.advance("400s")
            assert tries == ["p", "p"]
            assert (await c.get("pod/p"))["status"]["phase"] == "Running"
            assert holders(await c.get("resourceclaim/mine")) == ["p"]

    asyncio.run(main())

"""ServiceCIDRs and IPAddresses: one address object per cluster address, never two Services on one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, ApiError, InternalError, Invalid
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.startup.serviceaddresses import publish, repairs
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore

from .transports import ADMIN, serving

SMALL = {"service_cidr": "10.9.0.0/29"}


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def make(t: Transport, name: str, **spec: Any) -> Any:
    return await t.call(Call("create", kinds.SERVICE, "default", body=service(name, **spec)))


async def addresses(t: Transport) -> dict[str, Any]:
    found = await t.call(Call("list", kinds.IPADDRESS))
    return {item["metadata"]["name"]: item for item in found["items"]}


def scenario(env: Env, case: Any, **config: Any) -> None:
    async def main() -> None:
        async with serving(env, **config) as server, asyncio.timeout(20):
            await case(server, server.transport(ADMIN))

    asyncio.run(main())


def test_the_default_network_and_the_first_address_are_objects(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        cidr = await t.call(Call("get", kinds.SERVICECIDR, name="kubernetes"))
        assert cidr["spec"] == {"cidrs": ["10.96.0.0/12"]}
        found = await addresses(t)
        assert list(found) == ["10.96.0.1"]
        first = found["10.96.0.1"]
        assert first["spec"] == {
            "parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}
        }
        assert first["metadata"]["labels"] == {
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        }

    scenario(env, case)


def test_an_address_comes_and_goes_with_its_service(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        made = await make(t, "a")
        text = made["spec"]["clusterIP"]
        assert (await addresses(t))[text]["spec"]["parentRef"]["name"] == "a"
        headless = await make(t, "h", clusterIP="None")
        assert len(await addresses(t)) == 2
        changed = {**made, "spec": {"type": "ExternalName", "externalName": "example.com"}}
        await t.call(Call("update", kinds.SERVICE, "default", "a", body=changed))
        assert text not in await addresses(t)
        back = await t.call(
            Call(
                "patch",
                kinds.SERVICE,
                "default",
                "a",
                body={"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
                patch_type="merge",
            )
        )
        assert back["spec"]["clusterIP"] in await addresses(t)
        for name in ("a", headless["metadata"]["name"]):
            await t.call(Call("delete", kinds.SERVICE, "default", name))
        assert list(await addresses(t)) == ["10.96.0.1"]

    scenario(env, case)


def test_a_dry_run_and_a_failed_write_leave_no_address(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        await t.call(Call("create", kinds.SERVICE, "default", body=service("a"), query={"dryRun": "All"}))
        await make(t, "b")
        with pytest.raises(AlreadyExists):
            await make(t, "b")
        assert len(await addresses(t)) == 2

    scenario(env, case)


def test_an_address_of_a_user_is_not_given_out(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        mine = {
            "metadata": {"name": "10.9.0.4"},
            "spec": {"parentRef": {"group": "example.com", "resource": "things", "name": "x"}},
        }
        await t.call(Call("create", kinds.IPADDRESS, body=mine))
        with pytest.raises(
            Invalid, match=r"failed to allocate IP 10\.9\.0\.4: provided IP is already allocated"
        ):
            await make(t, "a", clusterIP="10.9.0.4")
        made = [await make(t, f"s{number}") for number in range(4)]
        assert "10.9.0.4" not in {each["spec"]["clusterIP"] for each in made}
        with pytest.raises(InternalError, match="failed to allocate a serviceIP: range is full"):
            await make(t, "full")
        await t.call(Call("delete", kinds.IPADDRESS, name="10.9.0.4"))
        assert (await make(t, "full"))["spec"]["clusterIP"] == "10.9.0.4"

    scenario(env, case, **SMALL)


def test_a_further_network_is_used_when_it_is_ready_and_until_it_goes(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        for number in range(5):
            await make(t, f"s{number}")
        with pytest.raises(Invalid, match="the provided network does not match the current range"):
            await make(t, "a", clusterIP="10.8.0.3")
        cidr = {
            "metadata": {"name": "more", "finalizers": ["example.com/x"]},
            "spec": {"cidrs": ["10.8.0.0/29"]},
        }
        await t.call(Call("create", kinds.SERVICECIDR, body=cidr))
        assert (await make(t, "a", clusterIP="10.8.0.3"))["spec"]["clusterIP"] == "10.8.0.3"
        assert (await make(t, "b"))["spec"]["clusterIP"].startswith("10.8.0.")
        await t.call(Call("delete", kinds.SERVICECIDR, name="more"))
        with pytest.raises(ApiError):
            await make(t, "c")

    scenario(env, case, **SMALL)


def test_what_is_missing_or_left_over_is_repaired(env: Env) -> None:
    async def case(server: ApiServer, t: Transport) -> None:
        text = (await make(t, "a"))["spec"]["clusterIP"]
        await t.call(Call("delete", kinds.IPADDRESS, name=text))
        stale = {
            "metadata": {
                "name": "10.96.3.3",
                "labels": {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"},
            },
            "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "gone"}},
        }
        await t.call(Call("create", kinds.IPADDRESS, body=stale))
        await publish(server.transport(ADMIN), server.services)
        await server.services.cacher.fresh()
        assert set(await addresses(t)) == {"10.96.0.1", text}

    scenario(env, case)
    assert repairs((), ()).missing == ()


def test_many_at_once_get_different_addresses(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        made = await asyncio.gather(*(make(t, f"s{number}") for number in range(60)))
        given = {each["spec"]["clusterIP"] for each in made}
        assert len(given) == 60
        assert given <= set(await addresses(t))

    scenario(env, case, service_cidr="10.9.0.0/25")


def test_two_servers_never_give_out_one_address(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        config = ApiServerConfig(service_cidr="10.9.0.0/27")
        async with (
            asyncio.timeout(30),
            ApiServer(store, env, config) as one,
            ApiServer(store, env, config) as two,
        ):
            ways = (one.transport(ADMIN), two.transport(ADMIN))
            wanted = await asyncio.gather(
                *(make(t, f"w{number}", clusterIP="10.9.0.9") for number, t in enumerate(ways)),
                return_exceptions=True,
            )
            assert sorted(type(each).__name__ for each in wanted) == ["Invalid", "dict"]
            made = await asyncio.gather(
                *(make(ways[number % 2], f"s{number}") for number in range(24)), return_exceptions=True
            )
            given = [each["spec"]["clusterIP"] for each in made if isinstance(each, dict)]
            assert len(given) == len(set(given)) == 24
            assert {*given, "10.9.0.9", "10.9.0.1"} == set(await addresses(ways[0]))
        await store.close()

    asyncio.run(main())

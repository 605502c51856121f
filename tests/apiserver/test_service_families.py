"""Services on clusters of one family and of two: families, addresses, and the changes between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.apiserver.allocators.networks import read_ranges
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.startup.serviceaddresses import publish
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

from .transports import ADMIN, serving

V4, V6 = "10.9.0.0/24", "fd00:9::/112"
BOTH, SIX_FIRST = f"{V4},{V6}", f"{V6},{V4}"
SELECTED = {"ports": [{"port": 80}], "selector": {"app": "a"}}


class Cluster:
    """A server with some service ranges."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.t: Transport = server.transport(ADMIN)

    async def make(self, name: str = "a", **spec: Any) -> Any:
        body = {"metadata": {"name": name}, "spec": {**SELECTED, **spec}}
        return (await self.t.call(Call("create", kinds.SERVICE, "default", body=body)))["spec"]

    async def patch(self, name: str = "a", **spec: Any) -> Any:
        call = Call("patch", kinds.SERVICE, "default", name, body={"spec": spec}, patch_type="merge")
        return (await self.t.call(call))["spec"]

    async def put(self, name: str = "a", **spec: Any) -> Any:
        body = {"metadata": {"name": name}, "spec": {**SELECTED, **spec}}
        return (await self.t.call(Call("update", kinds.SERVICE, "default", name, body=body)))["spec"]

    async def addresses(self) -> set[str]:
        found = await self.t.call(Call("list", kinds.IPADDRESS))
        return {item["metadata"]["name"] for item in found["items"]} - {"10.9.0.1", "fd00:9::1"}


def on(env: Env, ranges: str, case: Callable[[Cluster], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(env, service_cidr=ranges) as server, asyncio.timeout(20):
            await case(Cluster(server))

    asyncio.run(main())


def shape(spec: Any) -> tuple[str, list[str], int]:
    return spec["ipFamilyPolicy"], spec["ipFamilies"], len(spec["clusterIPs"])


@pytest.mark.parametrize(
    ("ranges", "spec", "expected"),
    [
        (V4, {}, ("SingleStack", ["IPv4"], 1)),
        (V6, {}, ("SingleStack", ["IPv6"], 1)),
        (BOTH, {}, ("SingleStack", ["IPv4"], 1)),
        (SIX_FIRST, {}, ("SingleStack", ["IPv6"], 1)),
        (BOTH, {"ipFamilies": ["IPv6"]}, ("SingleStack", ["IPv6"], 1)),
        (BOTH, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", ["IPv4", "IPv6"], 2)),
        (SIX_FIRST, {"ipFamilyPolicy": "RequireDualStack"}, ("RequireDualStack", ["IPv6", "IPv4"], 2)),
        (
            BOTH,
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]},
            ("RequireDualStack", ["IPv6", "IPv4"], 2),
        ),
        (V4, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", ["IPv4"], 1)),
        (BOTH, {"clusterIP": "fd00:9::7"}, ("SingleStack", ["IPv6"], 1)),
        (V4, {"clusterIP": "None"}, ("SingleStack", ["IPv4"], 1)),
        (V4, {"clusterIP": "None", "selector": None}, ("RequireDualStack", ["IPv4", "IPv6"], 1)),
        (
            BOTH,
            {"clusterIP": "None", "ipFamilyPolicy": "PreferDualStack"},
            ("PreferDualStack", ["IPv4", "IPv6"], 1),
        ),
    ],
)
def test_what_a_new_service_gets(env: Env, ranges: str, spec: dict[str, Any], expected: Any) -> None:
    async def case(c: Cluster) -> None:
        made = await c.make(**spec)
        assert shape(made) == expected
        assert made["clusterIPs"][0] == made["clusterIP"]
        if made["clusterIP"] != "None":
            found = [f"IPv{6 if ':' in text else 4}" for text in made["clusterIPs"]]
            assert found == made["ipFamilies"]
            assert await c.addresses() == {*made["clusterIPs"]}
        else:
            assert await c.addresses() == set()

    on(env, ranges, case)


@pytest.mark.parametrize(
    ("ranges", "spec", "message"),
    [
        (
            V4,
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        (
            V4,
            {"ipFamilies": ["IPv6"]},
            'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
        ),
        (
            V4,
            {"clusterIP": "fd00::1"},
            'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
        ),
        (
            BOTH,
            {"ipFamilies": ["IPv4", "IPv6"]},
            'spec.ipFamilyPolicy: Invalid value: "SingleStack": must be '
            "'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
        (
            BOTH,
            {"clusterIP": "10.9.0.9", "ipFamilies": ["IPv6"]},
            'spec.clusterIPs[0]: Invalid value: "10.9.0.9": '
            "expected an IPv6 value as indicated by `ipFamilies[0]`",
        ),
        (
            BOTH,
            {"clusterIPs": ["10.9.0.9"]},
            'spec.clusterIPs: Invalid value: ["10.9.0.9"]: must be empty when `clusterIP` is not specified',
        ),
        (
            BOTH,
            {"clusterIP": "10.9.0.9", "clusterIPs": ["10.9.0.9", "10.9.0.10"]},
            'spec.clusterIPs: Invalid value: ["10.9.0.9","10.9.0.10"]: '
            "may specify no more than one IP for each IP family",
        ),
        (BOTH, {"ipFamilies": ["IPv4", "IPv4"]}, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'),
        (
            BOTH,
            {"ipFamilies": ["IPv5"]},
            'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        ),
        (
            BOTH,
            {"clusterIP": "10.9.0.1"},
            'spec.clusterIPs: Invalid value: ["10.9.0.1"]: '
            "failed to allocate IP 10.9.0.1: provided IP is already allocated",
        ),
        (
            BOTH,
            {"type": "ExternalName", "externalName": "x.example", "ipFamilyPolicy": "SingleStack"},
            "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
        ),
    ],
)
def test_what_is_refused(env: Env, ranges: str, spec: dict[str, Any], message: str) -> None:
    async def case(c: Cluster) -> None:
        with pytest.raises(Invalid) as caught:
            await c.make(**spec)
        assert caught.value.message == f'Service "a" is invalid: {message}'
        assert await c.addresses() == set()

    on(env, ranges, case)


def test_up_to_two_families_and_down_again(env: Env) -> None:
    async def case(c: Cluster) -> None:
        first = (await c.make())["clusterIP"]
        up = await c.patch(ipFamilyPolicy="PreferDualStack")
        assert shape(up) == ("PreferDualStack", ["IPv4", "IPv6"], 2)
        assert up["clusterIPs"][0] == first
        assert await c.addresses() == {*up["clusterIPs"]}
        with pytest.raises(Invalid, match="must be 'SingleStack' to release the secondary cluster IP"):
            await c.patch(clusterIPs=[first])
        again = await c.put()
        assert again["clusterIPs"] == up["clusterIPs"], "what a PUT leaves out stays"
        down = await c.patch(ipFamilyPolicy="SingleStack")
        assert (shape(down), down["clusterIP"]) == (("SingleStack", ["IPv4"], 1), first)
        assert await c.addresses() == {first}
        named = await c.patch(
            ipFamilyPolicy="RequireDualStack", clusterIPs=[first, "fd00:9::77"], ipFamilies=["IPv4", "IPv6"]
        )
        assert named["clusterIPs"] == [first, "fd00:9::77"]
        with pytest.raises(
            Invalid, match=r"spec.clusterIPs\[1\]: Invalid value: .*: may not change once set"
        ):
            await c.patch(clusterIPs=[first, "fd00:9::78"])
        with pytest.raises(
            Invalid, match=r"spec.clusterIPs\[0\]: Invalid value: .*: expected an IPv6 value as indicated"
        ):
            await c.patch(ipFamilies=["IPv6", "IPv4"])
        both = await c.patch(ipFamilyPolicy="SingleStack", clusterIPs=[first], ipFamilies=["IPv4"])
        assert both["clusterIPs"] == [first]
        assert (await c.make("b", clusterIP="fd00:9::77"))["clusterIP"] == "fd00:9::77", "it is free again"

    on(env, BOTH, case)


def test_to_an_external_name_and_back(env: Env) -> None:
    async def case(c: Cluster) -> None:
        await c.make(ipFamilyPolicy="RequireDualStack")
        named = await c.patch(type="ExternalName", externalName="x.example")
        assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & {*named}
        assert await c.addresses() == set()
        back = await c.patch(type="ClusterIP", externalName=None, ipFamilyPolicy="PreferDualStack")
        assert shape(back) == ("PreferDualStack", ["IPv4", "IPv6"], 2)
        assert await c.addresses() == {*back["clusterIPs"]}
        with pytest.raises(Invalid, match="may not change once set"):
            await c.patch(clusterIP="None")

    on(env, BOTH, case)


def test_a_service_that_prefers_two_families_does_not_follow_the_cluster(env: Env) -> None:
    async def case(c: Cluster) -> None:
        made = await c.make(ipFamilyPolicy="PreferDualStack")
        stays = await c.patch(sessionAffinity="ClientIP")
        assert stays["clusterIPs"] == made["clusterIPs"]

    on(env, V4, case)


def test_a_dry_run_and_a_refused_change_keep_nothing(env: Env) -> None:
    async def case(c: Cluster) -> None:
        first = await c.make()
        call = Call(
            "patch",
            kinds.SERVICE,
            "default",
            "a",
            body={"spec": {"ipFamilyPolicy": "RequireDualStack"}},
            patch_type="merge",
            query={"dryRun": "All"},
        )
        shown = await c.t.call(call)
        assert len(shown["spec"]["clusterIPs"]) == 2
        assert await c.addresses() == {first["clusterIP"]}
        text = shown["spec"]["clusterIPs"][1]
        assert (await c.make("b", clusterIP=text))["clusterIP"] == text

    on(env, BOTH, case)


def test_the_default_networks_are_one_object_and_what_is_missing_is_repaired(env: Env) -> None:
    async def case(c: Cluster) -> None:
        cidr = await c.t.call(Call("get", kinds.SERVICECIDR, name="kubernetes"))
        assert cidr["spec"] == {"cidrs": [V4, V6]}
        made = await c.make(ipFamilyPolicy="RequireDualStack")
        for text in made["clusterIPs"]:
            await c.t.call(Call("delete", kinds.IPADDRESS, name=text))
        await publish(c.t, c.server.services)  # type: ignore[arg-type]
        await c.server.services.cacher.fresh()
        assert await c.addresses() == {*made["clusterIPs"]}
        found = await c.t.call(Call("get", kinds.IPADDRESS, name=made["clusterIPs"][1]))
        assert found["metadata"]["labels"]["ipaddress.kubernetes.io/ip-family"] == "IPv6"

    on(env, BOTH, case)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/8,10.96.0.0/12", "must be of different IP family"),
        ("10.0.0.0/8,fd00::/112,fd01::/112", "must not hold more than two CIDRs"),
        ("10.0.0.1/8", "host bits set"),
        ("x", "does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_ranges_that_make_no_sense(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_ranges(text)


def test_node_ports(env: Env) -> None:
    async def case(c: Cluster) -> None:
        dns = [
            {"name": "u", "port": 53, "protocol": "UDP"},
            {"name": "t", "port": 53, "protocol": "TCP"},
            {"name": "w", "port": 80},
        ]
        made = await c.make(type="NodePort", ports=dns)
        numbers = {port["name"]: port["nodePort"] for port in made["ports"]}
        assert numbers["u"] == numbers["t"] != numbers["w"]
        renumbered = [{"name": "w", "port": 8080}, {"name": "n", "port": 81}]
        put = await c.put(type="NodePort", ports=renumbered)
        assert put["ports"][0]["nodePort"] == numbers["w"], "kept by the port's name"
        plain = await c.patch(type="ClusterIP")
        assert all("nodePort" not in port for port in plain["ports"])
        assert "externalTrafficPolicy" not in plain
        local = await c.patch(type="LoadBalancer", externalTrafficPolicy="Local")
        check = local["healthCheckNodePort"]
        with pytest.raises(Invalid, match=r"spec\.healthCheckNodePort: Forbidden: field is immutable"):
            await c.patch(healthCheckNodePort=check + 1)
        everywhere = await c.patch(externalTrafficPolicy="Cluster")
        assert "healthCheckNodePort" not in everywhere
        bare = await c.make("lb", type="LoadBalancer", allocateLoadBalancerNodePorts=False)
        assert "nodePort" not in bare["ports"][0]

    on(env, V4, case)

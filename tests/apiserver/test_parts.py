"""Small parts: reading paths, negotiating forms, pools of numbers, grouping of allocations."""

from __future__ import annotations

import random

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid, NotAcceptable
from pybernetes.apiserver.allocators.pool import Exhausted, Pool, Taken
from pybernetes.apiserver.allocators.services import ServiceAllocator
from pybernetes.apiserver.negotiation import PLAIN, negotiate
from pybernetes.apiserver.requestinfo import RequestInfo, request_info


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", {}, ("list", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "true"}, ("watch", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "1"}, ("watch", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "0"}, ("list", "", "v1", "", "pods", "", "")),
        (
            "GET",
            "/api/v1/namespaces/a/pods",
            {"fieldSelector": "metadata.name=p"},
            ("list", "", "v1", "a", "pods", "", "p"),
        ),
        ("GET", "/api/v1/namespaces/a", {}, ("get", "", "v1", "a", "namespaces", "", "a")),
        (
            "PUT",
            "/api/v1/namespaces/a/finalize",
            {},
            ("update", "", "v1", "a", "namespaces", "finalize", "a"),
        ),
        ("GET", "/api/v1/namespaces/a/pods/p/log", {}, ("get", "", "v1", "a", "pods", "log", "p")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            {},
            ("patch", "apps", "v1", "a", "deployments", "scale", "d"),
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/a/deployments",
            {},
            ("deletecollection", "apps", "v1", "a", "deployments", "", ""),
        ),
        ("POST", "/api/v1/nodes", {}, ("create", "", "v1", "", "nodes", "", "")),
    ],
)
def test_paths_are_read(method: str, path: str, query: dict, expected: tuple) -> None:
    info = request_info(method, path, query)
    assert info.is_resource
    found = (info.verb, info.group, info.version, info.namespace, info.resource, info.subresource, info.name)
    assert found == expected


def test_proxied_paths_keep_their_rest() -> None:
    info = request_info("GET", "/api/v1/namespaces/a/services/web:80/proxy/x/y", {})
    assert (info.name, info.subresource, info.rest) == ("web:80", "proxy", "x/y")


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz"])
def test_other_paths_are_no_resources(path: str) -> None:
    assert request_info("GET", path, {}) == RequestInfo("get", path, is_resource=False)


def test_the_clients_preference_decides() -> None:
    assert negotiate("") is PLAIN
    assert negotiate("application/vnd.kubernetes.protobuf, application/json") is PLAIN
    kubectl = (
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
        "application/json"
    )
    assert negotiate(kubectl).shape == "Table"
    assert negotiate("application/json;q=0.5, application/yaml").yaml
    assert negotiate("application/json;as=Table;v=v9;g=meta.k8s.io, application/json") is PLAIN
    for accept in ("text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Chair;v=v1;g=x"):
        with pytest.raises(NotAcceptable):
            negotiate(accept)


def test_a_pool_gives_each_number_once() -> None:
    pool, rng = Pool(1, 20, dynamic_from=11), random.Random(1)
    taken = [pool.take_any(f"o{n}", rng) for n in range(20)]
    assert sorted(taken) == list(range(1, 21))
    assert all(number >= 11 for number in taken[:10]), "the lower part comes last"
    with pytest.raises(Exhausted):
        pool.take_any("x", rng)
    with pytest.raises(Taken):
        pool.take(5, "x")
    pool.release(taken[0], "somebody else")
    assert len(pool) == 20
    pool.release(taken[0], "o0")
    assert pool.take(taken[0], "x") is True
    assert pool.take(taken[0], "x") is False


def service(uid: str, **spec: object) -> dict:
    return {"metadata": {"name": uid, "uid": uid}, "spec": spec}


def test_what_a_failed_write_reserved_is_free_again() -> None:
    allocator = ServiceAllocator("10.0.0.0/24", (30000, 30002), random.Random(3))
    tree = service("a", type="NodePort", ports=[{"port": 1}, {"port": 2}, {"port": 3}])
    reservation = allocator.reserve(kinds.SERVICE, tree, None)
    assert {port["nodePort"] for port in tree["spec"]["ports"]} == {30000, 30001, 30002}
    with pytest.raises(Invalid):
        allocator.reserve(
            kinds.SERVICE,
            service("b", clusterIP=tree["spec"]["clusterIP"], clusterIPs=tree["spec"]["clusterIPs"]),
            None,
        )
    reservation.release()
    allocator.reserve(
        kinds.SERVICE,
        service("b", clusterIP=tree["spec"]["clusterIP"], clusterIPs=tree["spec"]["clusterIPs"]),
        None,
    )


def test_one_port_number_serves_two_protocols_of_a_service() -> None:
    allocator = ServiceAllocator("10.0.0.0/24", (30000, 30000), random.Random(3))
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    tree = service("dns", type="NodePort", ports=ports)
    allocator.reserve(kinds.SERVICE, tree, None)
    assert [port["nodePort"] for port in tree["spec"]["ports"]] == [30000, 30000]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.1.0.1", "the provided network does not match the current range"),
        ("10.0.0.0", "is not in the valid range. The range of valid IPs is 10.0.0.0/24"),
    ],
)
def test_addresses_outside_are_refused(address: str, message: str) -> None:
    allocator = ServiceAllocator("10.0.0.0/24", (30000, 30000), random.Random(3))
    with pytest.raises(Invalid) as caught:
        allocator.reserve(kinds.SERVICE, service("a", clusterIP=address, clusterIPs=[address]), None)
    assert message in caught.value.message

"""Services and Endpoints (upstream: test/e2e/network/{service,service_latency}.go); traffic goes through the simulated
network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import changed, gone, resolved, until, watching
from tests.conformance.workloads import pod

SERVICE = kinds.SERVICE
SLICE_LABEL = "kubernetes.io/service-name"


def service(name: str, ns: str, *ports: Obj, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": ns}, "spec": {"ports": [*ports], **spec}}


def server(name: str, ns: str, labels: dict[str, str], *container_ports: Obj) -> dict[str, Any]:
    container = {"name": "c", "image": IMAGE + "echo", "ports": [*container_ports]}
    return pod(name, ns, labels=labels, containers=[container], terminationGracePeriodSeconds=0)


async def endpoints(c: Cluster, ns: str, name: str, wanted: dict[str, list[int]]) -> None:
    """Waits until exactly these pods with these ports are behind a Service, in Endpoints and in EndpointSlices."""

    async def found() -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        old: dict[str, list[int]] = {}
        try:
            subsets = (await c.client.get(kinds.ENDPOINTS, name, ns)).get("subsets") or ()
        except NotFound:
            subsets = ()
        for subset in subsets:
            for address in subset.get("addresses") or ():
                old.setdefault(address["targetRef"]["name"], []).extend(p["port"] for p in subset["ports"])
        new: dict[str, list[int]] = {}
        for each in (await c.client.list(kinds.ENDPOINTSLICE, ns, labels=f"{SLICE_LABEL}={name}")).items:
            for endpoint in each.get("endpoints") or ():
                if endpoint["conditions"]["ready"]:
                    new.setdefault(endpoint["targetRef"]["name"], []).extend(
                        p["port"] for p in each["ports"] or ()
                    )
        return old, new

    async def same() -> bool:
        return all({k: sorted(v) for k, v in each.items()} == wanted for each in await found())

    await until(f"endpoints {wanted} of {name}", same)


async def answers(c: Cluster, ns: str, url: str) -> str:
    """The name of the pod that answers; who routes follows the API by a moment."""

    async def asked() -> Any:
        try:
            return await c.request("GET", url, namespace=ns)
        except OSError:
            return None

    reply = await until(f"an answer from {url}", asked, 5)
    assert reply.status == 200
    name: str = json.loads(reply.body)["pod"]
    return name


async def test_master_service(c: Cluster) -> None:
    """[sig-network] Services should provide secure master service [Conformance]"""
    found = await c.client.get(SERVICE, "kubernetes", "default")
    assert [(port["name"], port["port"]) for port in found["spec"]["ports"]] == [("https", 443)]
    assert found["spec"]["type"] == "ClusterIP"


async def test_listing_all_namespaces(c: Cluster) -> None:
    """[sig-network] Services should find a service from listing all namespaces [Conformance]"""
    found = [
        (obj["metadata"]["name"], obj["metadata"]["namespace"])
        for obj in (await c.client.list(SERVICE)).items
    ]
    assert ("kubernetes", "default") in found


async def test_basic_endpoint(c: Cluster, ns: str) -> None:
    """[sig-network] Services should serve a basic endpoint from pods [Conformance]"""
    port = {"port": 80, "targetPort": 80}
    await c.client.create(SERVICE, service("endpoint-test2", ns, port, selector={"name": "test"}))
    await endpoints(c, ns, "endpoint-test2", {})
    for name, behind in (("pod1", {"pod1": [80]}), ("pod2", {"pod1": [80], "pod2": [80]})):
        await c.client.create(kinds.POD, server(name, ns, {"name": "test"}, {"containerPort": 80}))
        await c.wait(f"pod/{name}", namespace=ns)
        await endpoints(c, ns, "endpoint-test2", behind)
        assert {await answers(c, ns, "http://endpoint-test2/") for _ in range(20)} == behind.keys()
    await c.client.delete(kinds.POD, "pod1", ns)
    await endpoints(c, ns, "endpoint-test2", {"pod2": [80]})
    assert await answers(c, ns, "http://endpoint-test2/") == "pod2"
    await c.client.delete(kinds.POD, "pod2", ns)
    await endpoints(c, ns, "endpoint-test2", {})
    with pytest.raises(AssertionError, match="an answer from"):
        await answers(c, ns, "http://endpoint-test2/")


async def test_several_ports(c: Cluster, ns: str) -> None:
    """[sig-network] Services should serve multiport endpoints from pods [Conformance]"""
    one = {"name": "portname1", "port": 80, "targetPort": "svc1"}
    two = {"name": "portname2", "port": 81, "targetPort": "svc2"}
    await c.client.create(SERVICE, service("multi-endpoint-test", ns, one, two, selector={"name": "test"}))
    await endpoints(c, ns, "multi-endpoint-test", {})
    await c.client.create(
        kinds.POD, server("pod1", ns, {"name": "test"}, {"name": "svc1", "containerPort": 100})
    )
    await endpoints(c, ns, "multi-endpoint-test", {"pod1": [100]})
    await c.client.create(
        kinds.POD, server("pod2", ns, {"name": "test"}, {"name": "svc2", "containerPort": 101})
    )
    await endpoints(c, ns, "multi-endpoint-test", {"pod1": [100], "pod2": [101]})
    await c.client.delete(kinds.POD, "pod1", ns)
    await endpoints(c, ns, "multi-endpoint-test", {"pod2": [101]})
    await c.client.delete(kinds.POD, "pod2", ns)
    await endpoints(c, ns, "multi-endpoint-test", {})


async def test_one_port_of_two_protocols(c: Cluster, ns: str) -> None:
    """[sig-network] Services should serve endpoints on same port and different protocols [Conformance]"""
    tcp = {"name": "tcp-port", "port": 80, "protocol": "TCP", "targetPort": 80}
    udp = {**tcp, "name": "udp-port", "protocol": "UDP"}
    made = await c.client.create(SERVICE, service("multiprotocol", ns, tcp, udp, selector={"name": "test"}))
    await c.client.create(kinds.POD, server("pod1", ns, {"name": "test"}, {"containerPort": 80}))
    await c.wait("pod/pod1", namespace=ns)

    async def protocols(*wanted: str) -> None:
        async def found() -> bool:
            slices = (
                await c.client.list(kinds.ENDPOINTSLICE, ns, labels=f"{SLICE_LABEL}=multiprotocol")
            ).items
            ports = [port["protocol"] for each in slices if each["endpoints"] for port in each["ports"]]
            return sorted(ports) == sorted(wanted)

        await until(f"endpoints of {wanted}", found)

    await protocols("TCP", "UDP")
    assert await answers(c, ns, "http://multiprotocol/") == "pod1"
    for port, word in ((tcp, "TCP"), (udp, "UDP")):
        current = await c.client.get(SERVICE, "multiprotocol", ns)
        updated = await c.client.update(SERVICE, {**current, "spec": {**current["spec"], "ports": [port]}})
        assert updated["spec"]["clusterIP"] == made["spec"]["clusterIP"]
        await protocols(word)


# ---- types


async def retyped(c: Cluster, ns: str, name: str, **spec: Any) -> Obj:
    current = await c.client.get(SERVICE, name, ns)
    fields = {key: value for key, value in {**current["spec"], **spec}.items() if value is not None}
    return await c.client.update(SERVICE, {**current, "spec": fields})


EXTERNAL = {"type": "ExternalName", "externalName": "foo.example.com"}


async def test_external_name_to_cluster_ip(c: Cluster, ns: str) -> None:
    """[sig-network] Services should be able to change the type from ExternalName to ClusterIP [Conformance]"""
    made = await c.client.create(SERVICE, {"metadata": {"name": "s", "namespace": ns}, "spec": EXTERNAL})
    assert "clusterIP" not in made["spec"]
    await c.client.create(kinds.POD, server("pod1", ns, {"name": "s"}, {"containerPort": 80}))
    await c.wait("pod/pod1", namespace=ns)
    port = {"port": 80, "name": "http", "protocol": "TCP"}
    updated = await retyped(
        c, ns, "s", type="ClusterIP", externalName=None, ports=[port], selector={"name": "s"}
    )
    assert updated["spec"]["clusterIP"]
    await endpoints(c, ns, "s", {"pod1": [80]})
    await resolved(c, ns, "s", [updated["spec"]["clusterIP"]])
    assert await answers(c, ns, f"http://{updated['spec']['clusterIP']}/") == "pod1"


async def test_external_name_to_node_port(c: Cluster, ns: str) -> None:
    """[sig-network] Services should be able to change the type from ExternalName to NodePort [Conformance]"""
    await c.client.create(SERVICE, {"metadata": {"name": "s", "namespace": ns}, "spec": EXTERNAL})
    port = {"port": 80, "name": "http", "protocol": "TCP"}
    updated = await retyped(
        c, ns, "s", type="NodePort", externalName=None, ports=[port], selector={"name": "s"}
    )
    assert updated["spec"]["clusterIP"]
    assert 30000 <= updated["spec"]["ports"][0]["nodePort"] <= 32767
    await c.client.create(kinds.POD, server("pod1", ns, {"name": "s"}, {"containerPort": 80}))
    await endpoints(c, ns, "s", {"pod1": [80]})
    assert await answers(c, ns, "http://s/") == "pod1"


async def test_cluster_ip_to_external_name(c: Cluster, ns: str) -> None:
    """[sig-network] Services should be able to change the type from ClusterIP to ExternalName [Conformance]"""
    made = await c.client.create(SERVICE, service("s", ns, {"port": 80}, selector={"name": "s"}))
    address = made["spec"]["clusterIP"]
    updated = await retyped(c, ns, "s", clusterIP=None, clusterIPs=None, **EXTERNAL)
    assert not updated["spec"].get("clusterIP")
    await resolved(c, ns, "s", ["foo.example.com"], "CNAME")
    taken = await c.client.create(SERVICE, service("again", ns, {"port": 80}, clusterIP=address))
    assert taken["spec"]["clusterIP"] == address


async def test_node_port_to_external_name(c: Cluster, ns: str) -> None:
    """[sig-network] Services should be able to change the type from NodePort to ExternalName [Conformance]"""
    made = await c.client.create(SERVICE, service("s", ns, {"port": 80}, type="NodePort"))
    number = made["spec"]["ports"][0]["nodePort"]
    updated = await retyped(c, ns, "s", clusterIP=None, clusterIPs=None, ports=None, **EXTERNAL)
    assert not updated["spec"].get("clusterIP")
    assert not updated["spec"].get("ports")
    await resolved(c, ns, "s", ["foo.example.com"], "CNAME")
    freed = {"port": 80, "nodePort": number}
    taken = await c.client.create(SERVICE, service("again", ns, freed, type="NodePort"))
    assert taken["spec"]["ports"][0]["nodePort"] == number


# ---- objects


async def test_status_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-network] Services should complete a service status lifecycle [Conformance]"""
    labels = {"test-service-static": "true"}
    made = service(
        "test-service", ns, {"port": 80}, type="LoadBalancer", loadBalancerClass="example.com/internal"
    )
    async with watching(c.client, SERVICE, ns, labels="test-service-static=true") as seen:
        await c.client.create(SERVICE, changed(made, labels=labels))
        await seen.until("ADDED")
        assert (await c.client.get(SERVICE, "test-service", ns, subresource="status"))["status"] == {
            "loadBalancer": {}
        }
        patch: Any = {
            "metadata": {"annotations": {"patchedstatus": "true"}},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}},
        }
        patched = await c.client.patch(SERVICE, "test-service", ns, patch, subresource="status")
        assert patched["status"]["loadBalancer"]["ingress"] == [{"ip": "203.0.113.1", "ipMode": "VIP"}]
        await seen.until("MODIFIED", lambda obj: "patchedstatus" in obj["metadata"].get("annotations", {}))
        condition = {
            "type": "StatusUpdate",
            "status": "True",
            "reason": "E2E",
            "message": "Set from e2e test",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {**patched["status"], "conditions": [condition]}
        updated = await c.client.update(SERVICE, {**patched, "status": status}, subresource="status")
        assert updated["status"]["conditions"] == [condition]
        await seen.until("MODIFIED", lambda obj: obj["status"].get("conditions"))
        patch = {"metadata": {"labels": {"test-service": "patched"}}}
        await c.client.patch(SERVICE, "test-service", ns, patch, patch_type="strategic")
        await seen.until("MODIFIED", lambda obj: "test-service" in obj["metadata"]["labels"])
        await c.client.delete(SERVICE, "test-service", ns)
        await seen.until("DELETED")


async def test_collection(c: Cluster, ns: str) -> None:
    """[sig-network] Services should delete a collection of services [Conformance]"""
    for name, label in (("one", "delete"), ("two", "delete"), ("three", "keep")):
        await c.client.create(SERVICE, changed(service(name, ns, {"port": 80}), labels={"e2e": label}))
    assert len((await c.client.list(SERVICE, ns)).items) == 3
    await c.client.delete_collection(SERVICE, ns, labels="e2e=delete")
    assert [obj["metadata"]["name"] for obj in (await c.client.list(SERVICE, ns)).items] == ["three"]


async def test_life_of_endpoints(c: Cluster, ns: str) -> None:
    """[sig-network] Services should test the lifecycle of an Endpoint [Conformance]"""
    kind, selector = kinds.ENDPOINTS, "test-endpoint-static=true"
    subset = {
        "addresses": [{"ip": "10.0.0.24"}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }
    metadata = {"name": "testservice", "namespace": ns, "labels": {"test-endpoint-static": "true"}}
    async with watching(c.client, kind, ns, labels=selector) as seen:
        made = await c.client.create(kind, {"metadata": metadata, "subsets": [subset]})
        await seen.until("ADDED")
        listed = (await c.client.list(kind, labels=selector)).items
        assert [obj["metadata"]["name"] for obj in listed] == ["testservice"]
        await c.client.update(kind, changed(made, labels={"test-service": "updated"}))
        await seen.until("MODIFIED", lambda obj: "test-service" in obj["metadata"]["labels"])
        other = {
            "addresses": [{"ip": "10.0.0.25"}],
            "ports": [{"name": "http-test", "port": 8080, "protocol": "TCP"}],
        }
        patch = {"metadata": {"labels": {"test-service": "patched"}}, "subsets": [other]}
        await c.client.patch(kind, "testservice", ns, patch, patch_type="strategic")
        patched = await c.client.get(kind, "testservice", ns)
        assert patched["subsets"] == [other]
        await c.client.delete_collection(kind, ns, labels=selector)
        await seen.until("DELETED")
    with pytest.raises(NotFound):
        await c.client.get(kind, "testservice", ns)


async def test_endpoints_latency(c: Cluster, ns: str) -> None:
    """[sig-network] Service endpoints latency should not be very high [Conformance]"""
    await c.client.create(kinds.POD, server("svc-latency", ns, {"name": "latency"}, {"containerPort": 80}))
    await c.wait("pod/svc-latency", namespace=ns)
    waited = []
    async with watching(c.client, kinds.ENDPOINTSLICE, ns) as seen:
        for number in range(50):
            began = c.now
            name = f"latency-{number}"
            await c.client.create(SERVICE, service(name, ns, {"port": 80}, selector={"name": "latency"}))
            await seen.until(
                "ADDED",
                lambda obj, name=name: obj["metadata"]["labels"][SLICE_LABEL] == name and obj["endpoints"],
            )
            waited.append((c.now - began).total_seconds())
    assert sorted(waited)[25] < 20
    assert sorted(waited)[45] < 50
    await c.client.delete_collection(SERVICE, ns)
    await gone(c.client, SERVICE, "latency-0", ns)

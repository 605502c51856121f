"""EndpointSlices, Ingresses, DNS, host ports and the API server's proxy (upstream: test/e2e/network)."""

from __future__ import annotations

import json
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import Raw, api_operations, gone, resolved, until
from tests.conformance.test_conformance_services import SLICE_LABEL, endpoints, server, service
from tests.conformance.workloads import pod

SERVICE, SLICE, ENDPOINTS = kinds.SERVICE, kinds.ENDPOINTSLICE, kinds.ENDPOINTS

# ---- EndpointSlices


async def slices(c: Cluster, ns: str, name: str) -> list[Obj]:
    return list((await c.client.list(SLICE, ns, labels=f"{SLICE_LABEL}={name}")).items)


async def test_slices_of_the_api_server(c: Cluster) -> None:
    """[sig-network] EndpointSlice should have Endpoints and EndpointSlices pointing to API Server [Conformance]"""
    await c.client.get(SERVICE, "kubernetes", "default")
    old = await c.client.get(ENDPOINTS, "kubernetes", "default")
    [subset] = old["subsets"]
    new = await slices(c, "default", "kubernetes")
    assert [endpoint["addresses"] for each in new for endpoint in each["endpoints"]] == [
        [address["ip"]] for address in subset["addresses"]
    ]
    assert [(p["name"], p["port"]) for p in new[0]["ports"]] == [
        (p["name"], p["port"]) for p in subset["ports"]
    ]


async def test_slices_come_and_go(c: Cluster, ns: str) -> None:
    """[sig-network] EndpointSlice should create and delete Endpoints and EndpointSlices for a Service with a selector specified [Conformance]"""
    port = {"name": "example", "port": 80, "targetPort": 80}
    await c.client.create(
        SERVICE, service("example-empty", ns, port, selector={"does-not-match": "anything"})
    )

    async def there() -> Any:
        return await slices(c, ns, "example-empty")

    [made] = await until("a slice is there", there)
    assert not made["endpoints"]
    assert (
        made["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"]
        == "endpointslice-controller.k8s.io"
    )
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Service", "example-empty", True)
    assert not (await c.client.get(ENDPOINTS, "example-empty", ns)).get("subsets")
    await c.client.delete(SERVICE, "example-empty", ns)
    await gone(c.client, ENDPOINTS, "example-empty", ns)

    async def removed() -> bool:
        return not await slices(c, ns, "example-empty")

    await until("the slice is gone", removed)


async def test_slices_of_pods(c: Cluster, ns: str) -> None:
    """[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service [Conformance]"""
    for name, labels, numbers in (
        ("pod1", {"foo": "bar"}, (3000, 3001)),
        ("pod2", {"foo": "bar", "baz": "x"}, (3001, 3002)),
    ):
        container_ports = [{"name": f"{name}-{n}", "containerPort": n} for n in numbers]
        if name == "pod1":
            container_ports[0]["name"] = "example-name"
        else:
            container_ports[0]["name"], container_ports[1]["name"] = "example-name", "other-port"
        await c.client.create(kinds.POD, server(name, ns, labels, *container_ports))
        await c.wait(f"pod/{name}", namespace=ns)
    fixed = {"name": "example", "port": 80, "targetPort": 3000}
    await c.client.create(SERVICE, service("example-int-port", ns, fixed, selector={"foo": "bar"}))
    named = {"name": "http", "port": 80, "targetPort": "example-name"}
    await c.client.create(SERVICE, service("example-named-port", ns, named, selector={"foo": "bar"}))
    both = {"name": "other", "port": 81, "targetPort": "other-port"}
    await c.client.create(SERVICE, service("example-no-match", ns, both, selector={"baz": "x"}))
    await endpoints(c, ns, "example-int-port", {"pod1": [3000], "pod2": [3000]})
    await endpoints(c, ns, "example-named-port", {"pod1": [3000], "pod2": [3001]})
    await endpoints(c, ns, "example-no-match", {"pod2": [3002]})
    for each in await slices(c, ns, "example-named-port"):
        assert (each["addressType"], each["ports"][0]["name"]) == ("IPv4", "http")
        for endpoint in each["endpoints"]:
            assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
            assert endpoint["nodeName"] in ("node1", "node2")


async def test_slice_operations(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]"""

    def make(name: str) -> Obj:
        endpoints = [{"addresses": ["1.2.3.4", "5.6.7.8"]}]
        return {"metadata": {"name": name, "namespace": ns}, "addressType": "IPv4", "endpoints": endpoints}

    await api_operations(raw, c.client, SLICE, make, namespace=ns)


async def test_mirrored_endpoints(c: Cluster, ns: str) -> None:
    """[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]"""
    name = "example-custom-endpoints"
    await c.client.create(SERVICE, service(name, ns, {"name": "example", "port": 80}))
    ports = [{"name": "example", "port": 80, "protocol": "TCP"}]
    subset = {"addresses": [{"ip": "10.1.2.3"}], "ports": ports}
    made = await c.client.create(
        ENDPOINTS, {"metadata": {"name": name, "namespace": ns}, "subsets": [subset]}
    )

    async def mirrored(address: str) -> None:
        async def same() -> bool:
            return [e["addresses"] for each in await slices(c, ns, name) for e in each["endpoints"]] == [
                [address]
            ]

        await until(f"{address} is mirrored", same)

    await mirrored("10.1.2.3")
    [each] = await slices(c, ns, name)
    assert each["ports"] == ports
    by = "endpointslicemirroring-controller.k8s.io"
    assert each["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == by
    await c.client.update(ENDPOINTS, {**made, "subsets": [{**subset, "addresses": [{"ip": "10.2.3.4"}]}]})
    await mirrored("10.2.3.4")
    await c.client.delete(ENDPOINTS, name, ns)

    async def removed() -> bool:
        return not await slices(c, ns, name)

    await until("the slice is gone", removed)


# ---- Ingresses


async def test_ingresses(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-network] Ingress API should support creating Ingress API operations [Conformance]"""
    backend = {"service": {"name": "default-backend", "port": {"number": 80}}}

    def make(name: str) -> Obj:
        return {"metadata": {"name": name, "namespace": ns}, "spec": {"defaultBackend": backend}}

    kind = kinds.INGRESS
    await api_operations(raw, c.client, kind, make, namespace=ns, subresources=("status",))
    made = await c.client.create(kind, make("with-status"))
    assert (await c.client.get(kind, "with-status", ns, subresource="status"))["status"] == {
        "loadBalancer": {}
    }
    balancer = {"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}}
    patch = {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": balancer}
    patched = await c.client.patch(kind, "with-status", ns, patch, subresource="status")
    assert patched["status"] == balancer
    assert patched["metadata"]["annotations"] == {"patchedstatus": "true"}
    other = {"loadBalancer": {"ingress": [{"ip": "169.1.1.2"}]}}
    updated = await c.client.update(kind, {**patched, "status": other}, subresource="status")
    assert updated["status"] == other
    assert updated["spec"] == made["spec"]


async def test_ingress_classes(c: Cluster, raw: Raw) -> None:
    """[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]"""

    def make(name: str) -> Obj:
        return {"metadata": {"name": name}, "spec": {"controller": "example.com/controller"}}

    await api_operations(raw, c.client, kinds.INGRESSCLASS, make)


# ---- DNS


async def ready_pod(c: Cluster, ns: str, name: str, **spec: Any) -> Obj:
    await c.client.create(kinds.POD, pod(name, ns, labels={"dns-test": "true"}, **spec))
    return await c.wait(f"pod/{name}", namespace=ns)


async def test_dns_of_the_cluster(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide DNS for the cluster [Conformance]"""
    address = (await c.client.get(SERVICE, "kubernetes", "default"))["spec"]["clusterIP"]
    for name in ("kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"):
        await resolved(c, ns, name, [address])


async def services_of(c: Cluster, ns: str) -> tuple[Obj, Obj, Obj]:
    """A headless and an ordinary Service before one pod."""
    running = await ready_pod(c, ns, "dns-server")
    port = {"port": 80, "name": "http", "protocol": "TCP"}
    label = {"dns-test": "true"}
    headless = await c.client.create(
        SERVICE, service("dns-test-service", ns, port, selector=label, clusterIP="None")
    )
    regular = await c.client.create(SERVICE, service("test-service-2", ns, port, selector=label))
    await endpoints(c, ns, "dns-test-service", {"dns-server": [80]})
    return running, headless, regular


async def test_dns_of_services(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide DNS for services [Conformance]"""
    running, _, regular = await services_of(c, ns)
    address, virtual = running["status"]["podIP"], regular["spec"]["clusterIP"]
    await resolved(c, ns, f"dns-test-service.{ns}.svc.cluster.local", [address])
    await resolved(c, ns, f"test-service-2.{ns}.svc.cluster.local", [virtual])
    for name in ("dns-test-service", "test-service-2"):
        [found] = c.resolve(f"_http._tcp.{name}.{ns}.svc.cluster.local", "SRV", namespace=ns)
        priority, weight, port, target = found.split()
        assert (priority, weight, port) == ("0", "100", "80")
        assert c.resolve(target.rstrip(".") + ".", namespace=ns) == (
            [address] if "dns-test" in name else [virtual]
        )
    back = ".".join(reversed(virtual.split("."))) + ".in-addr.arpa."
    assert [name.rstrip(".") for name in c.resolve(back, "PTR", namespace=ns)] == [
        f"test-service-2.{ns}.svc.cluster.local"
    ]


async def test_dns_of_partial_names(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should resolve DNS of partial qualified names for services [LinuxOnly] [Conformance]"""
    running, _, regular = await services_of(c, ns)
    for name, wanted in (
        ("dns-test-service", running["status"]["podIP"]),
        ("test-service-2", regular["spec"]["clusterIP"]),
    ):
        for partial in (name, f"{name}.{ns}", f"{name}.{ns}.svc"):
            await resolved(c, ns, partial, [wanted])
        assert c.resolve(f"_http._tcp.{name}.{ns}.svc", "SRV", namespace=ns)


async def test_dns_of_external_names(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide DNS for ExternalName services [Conformance]"""
    spec = {"type": "ExternalName", "externalName": "foo.example.com"}
    made = await c.client.create(SERVICE, {"metadata": {"name": "dns-test", "namespace": ns}, "spec": spec})
    name = f"dns-test.{ns}.svc.cluster.local"
    await resolved(c, ns, name, ["foo.example.com"], "CNAME")
    made = await c.client.update(
        SERVICE, {**made, "spec": {**made["spec"], "externalName": "bar.example.com"}}
    )
    await resolved(c, ns, name, ["bar.example.com"], "CNAME")
    plain = {"type": "ClusterIP", "ports": [{"port": 80, "name": "http", "protocol": "TCP"}]}
    made = await c.client.update(SERVICE, {**made, "spec": plain})
    await resolved(c, ns, name, [made["spec"]["clusterIP"]])


async def named_pod(c: Cluster, ns: str) -> str:
    """The address of a pod with a hostname below a headless Service."""
    await c.client.create(
        SERVICE,
        service("dns-test-service-2", ns, {"port": 80}, selector={"dns-test": "true"}, clusterIP="None"),
    )
    running = await ready_pod(c, ns, "named", hostname="dns-querier-2", subdomain="dns-test-service-2")
    await endpoints(c, ns, "dns-test-service-2", {"named": [80]})
    address: str = running["status"]["podIP"]
    return address


async def test_dns_of_hostnames(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide DNS for pods for Hostname [Conformance]"""
    address = await named_pod(c, ns)
    await resolved(c, ns, f"dns-querier-2.dns-test-service-2.{ns}.svc.cluster.local", [address])


async def test_dns_of_subdomains(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide DNS for pods for Subdomain [Conformance]"""
    address = await named_pod(c, ns)
    await resolved(c, ns, f"dns-test-service-2.{ns}.svc.cluster.local", [address])


# ---- host ports


async def test_host_ports(c: Cluster, ns: str) -> None:
    """[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly] [Conformance]"""
    for name, address, protocol in (
        ("pod1", "127.0.0.1", "TCP"),
        ("pod2", "172.18.0.2", "TCP"),
        ("pod3", "172.18.0.2", "UDP"),
    ):
        port = {"containerPort": 8080, "hostPort": 54323, "protocol": protocol, "hostIP": address}
        container = {"name": "c", "image": "pause", "ports": [port]}
        spec = {"containers": [container], "nodeSelector": {"kubernetes.io/hostname": "node1"}}
        await c.client.create(kinds.POD, pod(name, ns, **spec))
        running = await c.wait(f"pod/{name}", namespace=ns)
        assert running["spec"]["nodeName"] == "node1"
    port = {"containerPort": 8080, "hostPort": 54323, "protocol": "TCP"}
    spec["containers"] = [{"name": "c", "image": "pause", "ports": [port]}]
    await c.client.create(kinds.POD, pod("pod4", ns, **spec))
    await c.wait("pod/pod4", "PodScheduled=False", namespace=ns)


# ---- the proxy of the API server


async def behind_proxy(c: Cluster, ns: str, program: str) -> None:
    """A pod `agnhost` and a Service `test-service` before it."""
    container = {"name": "c", "image": IMAGE + program, "ports": [{"containerPort": 80}]}
    await c.client.create(kinds.POD, pod("agnhost", ns, labels={"test": "response"}, containers=[container]))
    await c.wait("pod/agnhost", namespace=ns)
    numbers = {"portname1": (80, 160), "portname2": (81, 162), "": (8080, 80)}
    ports = [
        {"name": name or "plain", "port": port, "targetPort": target}
        for name, (port, target) in numbers.items()
    ]
    if program == "echo":
        ports = [{"port": 80, "targetPort": 80}]
    await c.client.create(SERVICE, service("test-service", ns, *ports, selector={"test": "response"}))
    await endpoints(c, ns, "test-service", {"agnhost": sorted(p["targetPort"] for p in ports)})


VERBS = ("DELETE", "OPTIONS", "PATCH", "POST", "PUT")


async def test_proxy_with_path(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath [Conformance]"""
    await behind_proxy(c, ns, "echo")
    for target in ("pods/agnhost", "services/test-service"):
        for verb in (*VERBS, "GET"):
            told = await raw(verb, f"/api/v1/namespaces/{ns}/{target}/proxy/some/path/with/{verb}?a=b", b"x")
            assert told.status == 200
            seen = told.json()
            assert (seen["method"], seen["path"]) == (verb, f"/some/path/with/{verb}")
            assert (seen["query"], seen["body"]) == ("a=b", "x")
        told = await raw("HEAD", f"/api/v1/namespaces/{ns}/{target}/proxy/some/path/with/HEAD")
        assert told.status == 200


async def test_proxy_of_the_root(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy [Conformance]"""
    await behind_proxy(c, ns, "echo")
    for target in ("pods/agnhost", "services/test-service"):
        path = f"/api/v1/namespaces/{ns}/{target}/proxy"
        for verb in VERBS:
            told = await raw(verb, f"{path}?method={verb}")
            assert told.status == 200
            assert told.json()["method"] == verb
        for verb in ("GET", "HEAD"):
            told = await raw(verb, f"{path}?method={verb}")
            assert told.status == 301
            assert told.headers["location"].split("?")[0].endswith("/proxy/")


async def test_proxy_of_services_and_pods(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-network] Proxy version v1 should proxy through a service and a pod [Conformance]"""
    await behind_proxy(c, ns, "ports")
    for target, number in (
        ("services/test-service:portname1", 160),
        ("services/http:test-service:portname1", 160),
        ("services/test-service:portname2", 162),
        ("services/test-service:81", 162),
        ("pods/agnhost", 80),
        ("pods/agnhost:80", 80),
        ("pods/agnhost:160", 160),
        ("pods/http:agnhost:162", 162),
    ):
        told = await raw("GET", f"/api/v1/namespaces/{ns}/{target}/proxy/foo")
        assert (told.status, told.body.decode()) == (200, f"agnhost:{number} /foo"), target
    away = await raw("GET", f"/api/v1/namespaces/{ns}/services/test-service:nothing/proxy/")
    assert away.status == 503
    assert json.loads(away.body)["reason"] == "ServiceUnavailable"


async def test_own_nameservers(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should support configurable pod DNS nameservers [Conformance]"""
    config = {
        "nameservers": ["1.1.1.1"],
        "searches": ["resolv.conf.local"],
        "options": [{"name": "ndots", "value": "2"}],
    }
    container = {"name": "c", "image": IMAGE + "resolver"}
    spec = {"dnsPolicy": "None", "dnsConfig": config, "restartPolicy": "Never", "containers": [container]}
    await c.client.create(kinds.POD, pod("dns", ns, **spec))
    await c.wait("pod/dns", "status.phase=Succeeded", namespace=ns)
    assert await c.logs("dns", namespace=ns) == "1.1.1.1\nresolv.conf.local\nndots:2\n"

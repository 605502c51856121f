"""Pods as objects, on hollow nodes (upstream: test/e2e/common/node/pods.go, test/e2e/node/pods.go,
test/e2e/common/node/ephemeral_containers.go)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from pybernetes.client import kubeconfig
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.websocket import WebSocket, open_websocket
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import changed, until, watching
from tests.conformance.workloads import pod

POD = kinds.POD


async def started(c: Cluster, made: Obj) -> Obj:
    """Creates a pod and waits until it is ready."""
    await c.client.create(POD, made)
    metadata = made["metadata"]
    return await c.wait(f"pod/{metadata['name']}", namespace=metadata["namespace"])


async def test_submit_and_remove(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should be submitted and removed [NodeConformance] [Conformance]"""
    labels = {"name": "foo", "time": "now"}
    assert not (await c.client.list(POD, ns, labels="time=now")).items
    async with watching(c.client, POD, ns, labels="time=now") as seen:
        await c.client.create(POD, pod("pod-submit-remove", ns, labels=labels))
        await seen.until("ADDED")
        await seen.until("MODIFIED", lambda obj: obj["status"]["phase"] == "Running")
        assert len((await c.client.list(POD, ns, labels="time=now")).items) == 1
        marked = await c.client.delete(POD, "pod-submit-remove", ns, grace_period_seconds=30)
        assert marked["metadata"]["deletionTimestamp"]
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        last = await seen.until("DELETED")
        assert last["metadata"]["deletionTimestamp"]
    assert not (await c.client.list(POD, ns, labels="time=now")).items


async def test_update(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should be updated [NodeConformance] [Conformance]"""
    current = await started(c, pod("pod-update", ns, labels={"name": "foo", "time": "first"}))
    await c.client.update(POD, changed(current, labels={"time": "second"}))
    assert len((await c.client.list(POD, ns, labels="time=second")).items) == 1
    assert not (await c.client.list(POD, ns, labels="time=first")).items


async def test_active_deadline(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should allow activeDeadlineSeconds to be updated [NodeConformance] [Conformance]"""
    current = await started(c, pod("pod-deadline", ns))
    spec = {**current["spec"], "activeDeadlineSeconds": 5}
    await c.client.update(POD, {**current, "spec": spec})
    failed = await c.wait("pod/pod-deadline", "status.phase=Failed", namespace=ns)
    assert failed["status"]["reason"] == "DeadlineExceeded"


async def test_service_variables(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should contain environment variables for services [NodeConformance] [Conformance]"""
    spec = {"selector": {"name": "server"}, "ports": [{"port": 8765, "targetPort": 8080}]}
    service = await c.client.create(
        kinds.SERVICE, {"metadata": {"name": "fooservice", "namespace": ns}, "spec": spec}
    )
    container = {"name": "env", "image": IMAGE + "echo", "ports": [{"containerPort": 80}]}
    current = await started(c, pod("client", ns, containers=[container]))
    reply = await c.request("GET", f"http://{current['status']['podIP']}/", namespace=ns)
    env = json.loads(reply.body)["env"]
    address = service["spec"]["clusterIP"]
    expected = {
        "FOOSERVICE_SERVICE_HOST": address,
        "FOOSERVICE_SERVICE_PORT": "8765",
        "FOOSERVICE_PORT": f"tcp://{address}:8765",
        "FOOSERVICE_PORT_8765_TCP_PORT": "8765",
        "FOOSERVICE_PORT_8765_TCP_PROTO": "tcp",
        "FOOSERVICE_PORT_8765_TCP": f"tcp://{address}:8765",
        "FOOSERVICE_PORT_8765_TCP_ADDR": address,
    }
    assert env.items() >= expected.items()


async def test_collection(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should delete a collection of pods [Conformance]"""
    for number in range(3):
        made = pod(f"test-pod-{number}", ns, labels={"type": "Testing"}, terminationGracePeriodSeconds=1)
        await c.client.create(POD, made)
    assert len((await c.client.list(POD, ns, labels="type=Testing")).items) == 3
    await c.client.delete_collection(POD, ns, labels="type=Testing")

    async def emptied() -> bool:
        return not (await c.client.list(POD, ns, labels="type=Testing")).items

    await until("the pods are gone", emptied)


async def test_host_ip(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should get a host IP [NodeConformance] [Conformance]"""
    current = await started(c, pod("pod-hostip", ns))
    node = await c.client.get(kinds.NODE, current["spec"]["nodeName"])
    addresses = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
    assert current["status"]["hostIP"] in addresses
    assert current["status"]["hostIPs"] == [{"ip": addresses[0]}]
    ipaddress.ip_address(current["status"]["podIP"])


async def test_patch_status(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should patch a pod status [Conformance]"""
    await started(c, pod("pod-patch", ns))
    patch: Any = {
        "metadata": {"annotations": {"patchedstatus": "true"}},
        "status": {
            "conditions": [
                {"type": "Initialized", "status": "True", "reason": "E2E", "message": "Set by e2e"}
            ]
        },
    }
    patched = await c.client.patch(POD, "pod-patch", ns, patch, patch_type="strategic", subresource="status")
    [condition] = [each for each in patched["status"]["conditions"] if each["type"] == "Initialized"]
    assert condition["message"] == "Set by e2e"
    assert len(patched["status"]["conditions"]) > 1
    assert patched["metadata"]["annotations"] == {"patchedstatus": "true"}


async def test_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should run through the lifecycle of Pods and PodStatus [Conformance]"""
    static = {"test-pod-static": "true"}
    async with watching(c.client, POD, ns, labels="test-pod-static=true") as seen:
        await c.client.create(POD, pod("pod-test", ns, labels=static, terminationGracePeriodSeconds=1))
        await seen.until("ADDED")
        await c.wait("pod/pod-test", namespace=ns)
        patch = {
            "metadata": {"labels": {"test-pod": "patched"}},
            "spec": {"containers": [{"name": "c", "image": "pause:2"}]},
        }
        await c.client.patch(POD, "pod-test", ns, patch, patch_type="strategic")
        patched = await seen.until("MODIFIED", lambda obj: "test-pod" in obj["metadata"]["labels"])
        assert patched["spec"]["containers"][0]["image"] == "pause:2"
        current = await c.client.get(POD, "pod-test", ns, subresource="status")
        assert current["status"]["phase"] == "Running"
        conditions = [
            {**each, "status": "False"} if each["type"] == "Ready" else each
            for each in current["status"]["conditions"]
        ]
        status = {**current["status"], "conditions": conditions}
        updated = await c.client.update(POD, {**current, "status": status}, subresource="status")
        ready = {each["type"]: each["status"] for each in updated["status"]["conditions"]}["Ready"]
        assert ready == "False"
        await c.client.delete_collection(POD, ns, labels="test-pod-static=true")
        await seen.until("DELETED")
    with pytest.raises(NotFound):
        await c.client.get(POD, "pod-test", ns)


async def test_qos_class(c: Cluster, ns: str) -> None:
    """[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu [Conformance]"""
    amounts = {"cpu": "100m", "memory": "100Mi"}
    container = {"name": "c", "image": "pause", "resources": {"requests": amounts, "limits": amounts}}
    made = await c.client.create(POD, pod("pod-qos", ns, containers=[container]))
    assert made["status"]["qosClass"] == "Guaranteed"


# ---- ephemeral containers


async def debugged(c: Cluster, ns: str, *names: str) -> Obj:
    """Adds ephemeral containers and waits until all run."""
    current = await c.client.get(POD, "debugged", ns)
    there = current["spec"].get("ephemeralContainers") or []
    more = [{"name": name, "image": "busybox", "stdin": True, "tty": True} for name in names]
    spec = {**current["spec"], "ephemeralContainers": [*there, *more]}
    await c.client.update(POD, {**current, "spec": spec}, subresource="ephemeralcontainers")

    async def run() -> Any:
        found = await c.client.get(POD, "debugged", ns)
        states = {
            each["name"]: each["state"] for each in found["status"].get("ephemeralContainerStatuses") or ()
        }
        return found if all("running" in states.get(name, {}) for name in names) else None

    done: Obj = await until("the ephemeral containers run", run)
    return done


async def test_ephemeral_container(c: Cluster, ns: str) -> None:
    """[sig-node] Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod [Conformance]"""
    await started(c, pod("debugged", ns))
    current = await debugged(c, ns, "debugger")
    [added] = current["spec"]["ephemeralContainers"]
    assert (added["name"], added["terminationMessagePolicy"]) == ("debugger", "File")


async def test_more_ephemeral_containers(c: Cluster, ns: str) -> None:
    """[sig-node] Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod [Conformance]"""
    await started(c, pod("debugged", ns))
    first = await debugged(c, ns, "debugger")
    assert len(first["spec"]["ephemeralContainers"]) == 1
    second = await debugged(c, ns, "debugger2")
    assert [each["name"] for each in second["spec"]["ephemeralContainers"]] == ["debugger", "debugger2"]


# ---- over WebSockets


@asynccontextmanager
async def websocket(c: Cluster, path: str, *subprotocols: str) -> AsyncIterator[WebSocket]:
    """A WebSocket of the administrator to the API."""
    access = kubeconfig.load(Path((await c.serve()).kubeconfig))
    client = HttpClient(access.server, tls=access.tls)
    try:
        socket = await open_websocket(client, path, bytes(16), subprotocols=subprotocols, timeout=10)
        yield socket
        await socket.close()
    finally:
        await client.close()


async def test_logs_over_websocket(c: Cluster, ns: str) -> None:
    """[sig-node] Pods should support retrieving logs from the container over websockets [NodeConformance] [Conformance]"""
    container = {"name": "main", "image": IMAGE + "fails"}
    await c.client.create(POD, pod("pod-logs-websocket", ns, containers=[container], restartPolicy="Never"))
    await c.wait("pod/pod-logs-websocket", "status.phase=Failed", namespace=ns)
    path = f"/api/v1/namespaces/{ns}/pods/pod-logs-websocket/log?container=main"
    for subprotocol, wanted in (
        ("binary.k8s.io", [b"", b"failing\n"]),
        ("base64.binary.k8s.io", ["", "ZmFpbGluZwo="]),
    ):
        async with websocket(c, path, subprotocol) as socket:
            assert socket.subprotocol == subprotocol
            found = []
            while (message := await socket.receive()) is not None:
                found.append(message)
            assert found == wanted


async def test_watch_over_websocket(c: Cluster, ns: str) -> None:
    """Each event of a watch is a message; the watch ends with the socket."""
    path = f"/api/v1/namespaces/{ns}/configmaps?watch=true&fieldSelector=metadata.name%3Dwatched"
    async with websocket(c, path) as socket:
        for name in ("other", "watched"):
            await c.client.create(kinds.CONFIGMAP, {"metadata": {"name": name, "namespace": ns}})
        await c.client.patch(kinds.CONFIGMAP, "watched", ns, {"data": {"a": "b"}})
        await c.client.delete(kinds.CONFIGMAP, "watched", ns)
        events = []
        for _ in range(3):
            message = await socket.receive()
            assert isinstance(message, str)
            events.append(json.loads(message))
        assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
        assert events[1]["object"]["data"] == {"a": "b"}

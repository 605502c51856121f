"""Real kubectl against a cluster (upstream: test/e2e/kubectl)."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes import Cluster
from pybernetes.lang.timestamps import parse
from tests.conformance.commands import Kubectl
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import until
from tests.conformance.workloads import deployment, pod, replication_controller, running

pytestmark = pytest.mark.peer

HTTPD, BUSYBOX = (
    "registry.k8s.io/e2e-test-images/httpd:2.4.38-4",
    "registry.k8s.io/e2e-test-images/busybox:1.29-4",
)


def manifest(kind: str, obj: Any, version: str = "v1") -> str:
    return json.dumps({"apiVersion": version, "kind": kind, **obj})


def primary(ns: str, replicas: int = 1) -> dict[str, Any]:
    """A ReplicationController whose pods are labelled `app=agnhost`."""
    made = replication_controller("agnhost-primary", ns, replicas)
    made["spec"]["selector"] = {"app": "agnhost", "role": "primary"}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "agnhost", "role": "primary"}
    container = {
        "name": "agnhost-primary",
        "image": IMAGE + "primary",
        "ports": [{"name": "agnhost-server", "containerPort": 6379}],
    }
    made["spec"]["template"]["spec"]["containers"] = [container]
    return made


async def test_api_versions(kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]"""
    assert "v1" in (await kubectl("api-versions")).splitlines()


async def test_cluster_info(kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]"""
    told = re.sub(r"\x1b\[[0-9;]*m", "", await kubectl("cluster-info"))
    assert re.search(r"Kubernetes control plane is running at https://127\.0\.0\.1:\d+", told)


async def test_version(kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]"""
    told = await kubectl("version", "-o", "yaml")
    tree = yaml.safe_load(told)
    fields = {
        "major",
        "minor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    }
    for side in ("clientVersion", "serverVersion"):
        assert fields <= tree[side].keys()
        assert tree[side]["major"].isdigit()
        assert tree[side]["minor"].isdigit()
    assert {"Client Version: ", "Server Version: "} <= {
        line[:16] for line in (await kubectl("version")).splitlines()
    }


async def test_describe(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]"""
    await kubectl("create", "-f", "-", stdin=manifest("ReplicationController", primary(ns)))
    spec = {
        "selector": {"app": "agnhost", "role": "primary"},
        "ports": [{"port": 6379, "targetPort": "agnhost-server"}],
    }
    service = {
        "metadata": {"name": "agnhost-primary", "labels": {"app": "agnhost", "role": "primary"}},
        "spec": spec,
    }
    await kubectl("create", "-f", "-", stdin=manifest("Service", service))
    [made] = await running(c, ns, 1)
    name = made["metadata"]["name"]

    async def has(*wanted: tuple[str, str], of: tuple[str, ...]) -> None:
        told = await kubectl("describe", *of)
        for key, value in wanted:
            assert re.search(rf"{re.escape(key)}\s+.*{re.escape(value)}", told), (key, value, told)

    await has(
        ("Name:", name),
        ("Namespace:", ns),
        ("Node:", made["spec"]["nodeName"]),
        ("Labels:", "app=agnhost"),
        ("Status:", "Running"),
        ("IP:", made["status"]["podIP"]),
        ("Controlled By:", "ReplicationController/agnhost-primary"),
        ("Image:", IMAGE),
        ("State:", "Running"),
        ("QoS Class:", "BestEffort"),
        of=("pod", name),
    )
    await has(
        ("Name:", "agnhost-primary"),
        ("Namespace:", ns),
        ("Selector:", "app=agnhost,role=primary"),
        ("Replicas:", "1 current / 1 desired"),
        ("Pods Status:", "1 Running / 0 Waiting / 0 Succeeded / 0 Failed"),
        ("Image:", IMAGE),
        of=("rc", "agnhost-primary"),
    )
    assert "Created pod: agnhost-primary" in await kubectl("describe", "rc", "agnhost-primary")
    await has(
        ("Name:", "agnhost-primary"),
        ("Labels:", "app=agnhost"),
        ("Selector:", "app=agnhost,role=primary"),
        ("Type:", "ClusterIP"),
        ("Port:", "6379/TCP"),
        ("Endpoints:", f"{made['status']['podIP']}:6379"),
        ("Session Affinity:", "None"),
        of=("service", "agnhost-primary"),
    )
    await has(
        ("Name:", "node1"),
        ("Labels:", "beta.kubernetes.io/arch="),
        ("Type", "Status"),
        ("MemoryPressure", "False"),
        ("Ready", "True"),
        ("cpu:", ""),
        ("Kubelet Version:", "v1."),
        of=("node", "node1"),
    )
    await has(
        ("Name:", ns), ("Status:", "Active"), ("Labels:", "kubernetes.io/metadata.name"), of=("namespace", ns)
    )


async def test_diff(ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]"""

    def with_image(image: str) -> str:
        made = deployment("httpd-deployment", ns, 1)
        made["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return manifest("Deployment", made, "apps/v1")

    await kubectl("create", "-f", "-", stdin=with_image(HTTPD))
    done = await kubectl.run("diff", "-f", "-", stdin=with_image(BUSYBOX))
    assert done.returncode == 1, done.stderr
    assert re.search(rf"^-\s+- image: {re.escape(HTTPD)}$", done.stdout, re.MULTILINE)
    assert re.search(rf"^\+\s+- image: {re.escape(BUSYBOX)}$", done.stdout, re.MULTILINE)


async def test_expose(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]"""
    await kubectl("create", "-f", "-", stdin=manifest("ReplicationController", primary(ns)))
    await running(c, ns, 1)

    async def leads(name: str, port: int) -> None:
        service = await kubectl.json("get", "service", name)
        assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == [(port, 6379)]

        async def there() -> bool:
            slices = await kubectl.json("get", "endpointslices", "-l", f"kubernetes.io/service-name={name}")
            return any(each["endpoints"] and each["ports"][0]["port"] == 6379 for each in slices["items"])

        await until(f"endpoints of {name}", there, 5)

    await kubectl("expose", "rc", "agnhost-primary", "--name=rm2", "--port=1234", "--target-port=6379")
    await leads("rm2", 1234)
    await kubectl("expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379")
    await leads("rm3", 2345)


async def test_label(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]"""
    await kubectl("create", "-f", "-", stdin=manifest("Pod", pod("pause", ns)))
    await c.wait("pod/pause", namespace=ns)
    await kubectl("label", "pods", "pause", "testing-label=testing-label-value")
    assert "testing-label-value" in await kubectl("get", "pod", "pause", "-L", "testing-label")
    await kubectl("label", "pods", "pause", "testing-label-")
    assert "testing-label-value" not in await kubectl("get", "pod", "pause", "-L", "testing-label")


async def test_patch(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]"""
    await kubectl("create", "-f", "-", stdin=manifest("ReplicationController", primary(ns)))
    for each in await running(c, ns, 1):
        await kubectl(
            "patch", "pod", each["metadata"]["name"], "-p", '{"metadata":{"annotations":{"x":"y"}}}'
        )
    for each in await running(c, ns, 1):
        assert each["metadata"]["annotations"]["x"] == "y"


async def test_replace(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]"""
    name = "e2e-test-httpd-pod"
    await kubectl("run", name, f"--image={HTTPD}", f"--labels=run={name}")
    await c.wait(f"pod/{name}", namespace=ns)
    text = await kubectl("get", "pod", name, "-o", "json")
    await kubectl("replace", "-f", "-", stdin=text.replace(HTTPD, BUSYBOX))
    [container] = (await kubectl.json("get", "pod", name))["spec"]["containers"]
    assert container["image"] == BUSYBOX


async def test_run(kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]"""
    await kubectl("run", "e2e-test-httpd-pod", "--restart=Never", f"--image={HTTPD}")
    spec = (await kubectl.json("get", "pod", "e2e-test-httpd-pod"))["spec"]
    assert [container["image"] for container in spec["containers"]] == [HTTPD]
    assert spec["restartPolicy"] == "Never"


async def test_server_side_dry_run(kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]"""
    name = "e2e-test-httpd-pod"
    await kubectl("run", name, f"--image={HTTPD}")
    patch = json.dumps({"spec": {"containers": [{"name": name, "image": BUSYBOX}]}})
    told = await kubectl("patch", "pod", name, "-p", patch, "--dry-run=server")
    assert "patched (no change)" not in told
    assert "patched" in told
    [container] = (await kubectl.json("get", "pod", name))["spec"]["containers"]
    assert container["image"] == HTTPD


def asked_through(kubectl: Kubectl, socket_path: Path | None) -> Any:
    """Starts `kubectl proxy`, asks it for the API's versions, ends it."""
    where = ("-p", "0") if socket_path is None else (f"--unix-socket={socket_path}",)
    with kubectl.real.running("proxy", *where, "--disable-filter") as out:
        line = ""
        while "Starting to serve on" not in line:
            line = out.readline()
            assert line, "kubectl proxy has ended"
        if socket_path is None:
            port = int(line.strip().rpartition(":")[2])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        else:
            connection = http.client.HTTPConnection("localhost", timeout=30)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(socket_path))
        try:
            connection.request("GET", "/api/")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


async def test_proxy_on_any_port(c: Cluster, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]"""
    with c.clock.hold():
        told = await asyncio.to_thread(asked_through, kubectl, None)
    assert told["versions"] == ["v1"]


async def test_proxy_on_a_socket(c: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    """[sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]"""
    with c.clock.hold():
        told = await asyncio.to_thread(asked_through, kubectl, tmp_path / "test")
    assert told["versions"] == ["v1"]


async def test_replication_controller(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Update Demo should create and stop a replication controller [Conformance]"""
    text = manifest("ReplicationController", replication_controller("update-demo-nautilus", ns, 2))
    await kubectl("create", "-f", "-", stdin=text)
    await running(c, ns, 2)
    template = "{{range.items}}{{.metadata.name}} {{end}}"
    names = (await kubectl("get", "pods", "-o", "template", f"--template={template}")).split()
    assert len(names) == 2
    assert all(name.startswith("update-demo-nautilus-") for name in names)
    await kubectl("delete", "--grace-period=0", "--force", "-f", "-", stdin=text)
    assert await kubectl("get", "rc,pods", "-o", "name") == ""


async def test_scale(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Update Demo should scale a replication controller [Conformance]"""
    made = replication_controller("update-demo-nautilus", ns, 2)
    await kubectl("create", "-f", "-", stdin=manifest("ReplicationController", made))
    await running(c, ns, 2)
    for number in (1, 2):
        await kubectl("scale", "rc", "update-demo-nautilus", f"--replicas={number}", "--timeout=5m")
        await running(c, ns, number)


async def test_logs(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl logs logs should be able to retrieve and filter logs [Conformance]"""
    container = {"name": "agnhost", "image": IMAGE + "lines"}
    await c.client.create(c.kind("pods"), pod("logs-generator", ns, containers=[container]))

    await c.wait("pod/logs-generator", namespace=ns)

    async def all_printed() -> bool:
        return "line 19" in await c.logs("logs-generator", namespace=ns)

    await until("the last line is printed", all_printed)
    whole = await kubectl("logs", "logs-generator", "agnhost")
    assert whole.splitlines() == [f"line {number}" for number in range(20)]
    assert await kubectl("logs", "logs-generator", "agnhost", "--tail=1") == "line 19\n"
    assert await kubectl("logs", "logs-generator", "agnhost", "--limit-bytes=1") == "l"
    stamped = await kubectl("logs", "logs-generator", "agnhost", "--tail=1", "--timestamps")
    stamp, _, rest = stamped.partition(" ")
    assert rest == "line 19\n"
    assert abs(parse(stamp) - c.env.now()) < 600
    await c.advance(5)
    assert await kubectl("logs", "logs-generator", "agnhost", "--since=1s") == ""
    assert len((await kubectl("logs", "logs-generator", "agnhost", "--since=24h")).splitlines()) == 20


async def test_guestbook(c: Cluster, ns: str, kubectl: Kubectl) -> None:
    """[sig-cli] Kubectl client Guestbook application should create and stop a working application [Conformance]"""
    texts = []
    for name, program, port, replicas in (
        ("agnhost-primary", "primary", 6379, 1),
        ("agnhost-replica", "replica", 6379, 2),
        ("frontend", "frontend", 80, 3),
    ):
        made = deployment(name, ns, replicas)
        container = {"name": "c", "image": IMAGE + program, "ports": [{"containerPort": port}]}
        made["spec"]["template"]["spec"]["containers"] = [container]
        texts.append(manifest("Deployment", made, "apps/v1"))
        spec = {"selector": {"name": name}, "ports": [{"port": port}]}
        texts.append(manifest("Service", {"metadata": {"name": name}, "spec": spec}))
    whole = "\n---\n".join(texts)
    await kubectl("create", "-f", "-", stdin=whole)
    await running(c, ns, 6)

    async def guestbook(query: str) -> Any:
        async def asked() -> Any:
            try:
                reply = await c.request("GET", f"http://frontend/guestbook?{query}", namespace=ns)
            except OSError:
                return None
            return json.loads(reply.body) if reply.status == 200 else None

        return await until(f"an answer to {query}", asked)

    assert await guestbook("cmd=get&key=messages") == {"data": ""}
    await guestbook("cmd=set&key=messages&value=TestEntry")
    assert await guestbook("cmd=get&key=messages") == {"data": "TestEntry"}
    await kubectl("delete", "--grace-period=0", "--force", "-f", "-", stdin=whole)
    assert await kubectl("get", "deployments,services", "-o", "name") == ""

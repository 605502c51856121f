"""Every component its own process over HTTPS, the store a real etcd, two nodes with their own kernel networks."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pyberup import BIN, Kubectl, eventually
from tests.real.parts.etcd import Etcd
from tests.real.parts.fabric import Fabric, inside, run
from tests.real.parts.registry import Registry

pytestmark = pytest.mark.real

MASTER_IP, NODE_IPS = "198.51.100.1", {"node1": "198.51.100.11", "node2": "198.51.100.12"}
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: nginx, labels: {app: nginx}}
spec:
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: nginx}}}
      containers:
      - {name: leader, image: "docker.io/nginx:latest", ports: [{containerPort: 80}]}
"""


class TwoNodes:
    """Namespaces `master`, `node1`, `node2` on one link, no way out; processes are ended in reverse order."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "master"
        self.fabric = Fabric()
        self.processes: list[subprocess.Popen[bytes]] = []
        self._prefixes: dict[str, tuple[str, ...]] = {}
        self.registry: Registry
        self.etcd: Etcd
        self.kubectl: Kubectl

    def start(self, name: str, *command: str) -> None:
        log = self.directory / f"{Path(command[0]).name}-{command[1].strip('-')}-{name}.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(
                [*self._prefixes[name], *command], stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        self.processes.append(process)

    def pyber(self, name: str, *arguments: str) -> None:
        self.start(name, str(BIN / "pyber"), *arguments)

    def build(self) -> None:
        self.fabric.build()
        for name, address in {"master": MASTER_IP, **NODE_IPS}.items():
            self._prefixes[name] = inside(self.fabric.add_node(name, address, default_route=False))
        self.kubectl = Kubectl(self.state / "kubeconfig", self._prefixes["master"])
        self.registry = Registry(self.directory, f"{MASTER_IP}:5055", self._prefixes["master"])
        self.registry.start()

    def start_control_plane(self) -> None:
        self.etcd = Etcd(self.directory, self._prefixes["master"])
        self.etcd.start()
        self.pyber("master", "kube-apiserver", f"--etcd-servers={Etcd.url}", f"--data-dir={self.state}",
                   f"--advertise-address={MASTER_IP}", "--v=1")  # fmt: skip
        eventually("the API server", lambda: self.kubectl.run("get", "--raw", "/readyz").stdout == "ok")
        self.pyber(
            "master",
            "kube-controller-manager",
            f"--kubeconfig={self.state}/controller-manager.kubeconfig",
            "--v=1",
        )
        self.pyber("master", "kube-scheduler", f"--kubeconfig={self.state}/scheduler.kubeconfig", "--v=1")
        self.pyber(
            "master", "dns", f"--kubeconfig={self.state}/dns.kubeconfig", f"--address={MASTER_IP}", "--v=1"
        )

    def start_node(self, name: str) -> None:
        issue = [str(BIN / "pyber"), "issue-node", name, "--node-ip", NODE_IPS[name],
                 "--server", f"https://{MASTER_IP}:6443", "--data-dir", str(self.state)]  # fmt: skip
        credentials = run(*issue).split()
        root = self.directory / name
        self.pyber(name, "kubelet", *credentials, f"--network-kubeconfig={self.state}/kube-proxy.kubeconfig", f"--root-dir={root}", f"--hostname-override={name}",
                   f"--node-ip={NODE_IPS[name]}", f"--cgroup-root=/{self.fabric.name}{name}",
                   f"--registry-mirror={self.registry.url}", "--v=1")  # fmt: skip
        proxy = f"--kubeconfig={self.state}/kube-proxy.kubeconfig"
        self.pyber(name, "kube-proxy", proxy, f"--hostname-override={name}", "--v=1")

    def destroy(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()
        if hasattr(self, "etcd"):
            self.etcd.stop()
        if hasattr(self, "registry"):
            self.registry.stop()
        self.fabric.destroy()

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in self.directory.glob("pyber-*.log")
        )


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[TwoNodes]:
    made = TwoNodes(tmp_path)
    try:
        made.build()
        made.start_control_plane()
        for name in NODE_IPS:
            made.start_node(name)
        yield made
    finally:
        made.destroy()
        print(made.logs())  # shown where the test has failed


def test_a_deployment_on_two_nodes_over_real_etcd(nodes: TwoNodes) -> None:
    kubectl = nodes.kubectl
    eventually("both nodes are registered", lambda: len(kubectl.json("get", "nodes")["items"]) == 2)
    kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=60s")
    kubectl("apply", "-f", "-", stdin=MANIFEST)
    kubectl("rollout", "status", "deployment/nginx", "--timeout=90s", timeout=100)
    kubectl("expose", "deployment/nginx", "--port=80")
    pods = {pod["metadata"]["name"]: pod for pod in kubectl.json("get", "pods")["items"]}
    assert {pod["spec"]["nodeName"] for pod in pods.values()} == set(NODE_IPS)
    for name in pods:
        kubectl("exec", name, "--", "sh", "-c", f"echo {name} > /usr/share/nginx/html/who")
    one, other = pods
    across = f"http://{pods[other]['status']['podIP']}/who"
    assert kubectl("exec", one, "--", "wget", "-qO-", across).strip() == other

    def both() -> bool:
        seen = {kubectl("exec", one, "--", "wget", "-qO-", "http://nginx/who").strip() for _ in range(8)}
        return seen == set(pods)

    eventually("the Service answers by name from both nodes' pods", both, 40)
    assert "GET /who" in kubectl("logs", other)
    leases = kubectl("get", "leases", "-n", "kube-system")
    assert "kube-scheduler" in leases
    assert "kube-controller-manager" in leases

"""Storage on nodes that are processes of their own: `pyber kubelet --local-volumes-kubeconfig` makes and removes the
directories of StorageClass `local-path`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pyberup import BIN, eventually
from tests.real.parts.fabric import run
from tests.real.test_standalone import MASTER_IP, NODE_IPS, TwoNodes

pytestmark = pytest.mark.real

CLAIM_AND_POD = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 1234}
  containers:
  - name: main
    image: docker.io/nginx:latest
    command: [sh, -c, "echo kept > /data/file; sleep 3600"]
    volumeMounts: [{name: d, mountPath: /data}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
"""


class OneNode(TwoNodes):
    """A control plane and one node, which both know of local volumes."""

    @property
    def volumes(self) -> Path:
        return self.directory / "volumes"

    def start_control_plane(self) -> None:
        self.pyber(
            "master",
            "kube-apiserver",
            f"--data-dir={self.state}",
            f"--advertise-address={MASTER_IP}",
            "--v=1",
        )
        eventually("the API server", lambda: self.kubectl.run("get", "--raw", "/readyz").stdout == "ok")
        self.pyber(
            "master",
            "kube-controller-manager",
            f"--kubeconfig={self.state}/controller-manager.kubeconfig",
            "--local-volumes",
            f"--local-volumes-dir={self.volumes}",
            "--v=1",
        )
        self.pyber("master", "kube-scheduler", f"--kubeconfig={self.state}/scheduler.kubeconfig", "--v=1")

    def start_node(self, name: str) -> None:
        issue = [str(BIN / "pyber"), "issue-node", name, "--node-ip", NODE_IPS[name],
                 "--server", f"https://{MASTER_IP}:6443", "--data-dir", str(self.state)]  # fmt: skip
        credentials = run(*issue).split()
        self.pyber(
            name,
            "kubelet",
            *credentials,
            f"--network-kubeconfig={self.state}/kube-proxy.kubeconfig",
            f"--local-volumes-kubeconfig={self.state}/local-path.kubeconfig",
            f"--local-volumes-dir={self.volumes}",
            f"--root-dir={self.directory / name}",
            f"--hostname-override={name}",
            f"--node-ip={NODE_IPS[name]}",
            f"--cgroup-root=/{self.fabric.name}{name}",
            f"--registry-mirror={self.registry.url}",
            "--v=1",
        )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OneNode]:
    made = OneNode(tmp_path)
    try:
        made.build()
        made.start_control_plane()
        made.start_node("node1")
        yield made
    finally:
        made.destroy()
        print(made.logs())  # shown where the test has failed


def test_a_claim_gets_a_directory_that_goes_with_it(node: OneNode) -> None:
    kubectl = node.kubectl
    eventually("the node is registered", lambda: len(kubectl.json("get", "nodes")["items"]) == 1)
    kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=60s")
    eventually("the class is there", lambda: "local-path (default)" in kubectl("get", "storageclass"))
    kubectl("apply", "-f", "-", stdin=CLAIM_AND_POD)
    kubectl("wait", "pod/app", "--for=condition=Ready", "--timeout=60s", timeout=70)
    volume = kubectl.json("get", "pvc", "data")["spec"]["volumeName"]
    directory = node.volumes / volume
    eventually("the pod has written", lambda: (directory / "file").exists())
    assert (directory / "file").read_text() == "kept\n"
    kubectl("delete", "pod/app", "pvc/data", "--timeout=60s", timeout=70)
    eventually("the volume is gone", lambda: volume not in kubectl("get", "pv"), 30)
    eventually("and so is its directory", lambda: not directory.exists())


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("kubeconfig", "cert", "key", "ca")}
    access = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
    for path in files.values():
        path.write_text(access)
    command = [str(BIN / "pyber"), "kubelet", f"--kubeconfig={files['kubeconfig']}", f"--network-kubeconfig={files['kubeconfig']}",
               f"--local-volumes-kubeconfig={tmp_path}/none", f"--tls-cert-file={files['cert']}", f"--tls-private-key-file={files['key']}",
               f"--client-ca-file={files['ca']}", f"--root-dir={tmp_path}/root", "--node-ip=127.0.0.1"]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 1
    assert f"{tmp_path}/none" in found.stderr
    assert "Traceback" not in found.stderr

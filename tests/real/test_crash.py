"""kill -9 at a bad moment, and a stop: nothing acknowledged is lost, nothing restarted, nothing left behind."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pyberup import eventually
from tests.real.realcluster import RealCluster, real_cluster

pytestmark = pytest.mark.real
MANIFEST = Path(__file__).parents[1] / "manifests" / "nginx.yaml"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    with real_cluster(tmp_path) as made:
        yield made


def containers(cluster: RealCluster) -> dict[str, tuple[str, str, int]]:
    """Pod name to (container id, address, restarts)."""
    pods = cluster.kubectl.json("get", "pods")["items"]
    return {
        pod["metadata"]["name"]: (
            pod["status"]["containerStatuses"][0]["containerID"],
            pod["status"]["podIP"],
            pod["status"]["containerStatuses"][0]["restartCount"],
        )
        for pod in pods
    }


def test_a_crash_loses_no_write_and_restarts_no_container(cluster: RealCluster) -> None:
    kubectl = cluster.kubectl
    kubectl("apply", "-f", str(MANIFEST))
    kubectl("scale", "deployment/nginx", "--replicas=3")
    kubectl("expose", "deployment/nginx", "--port=80")
    kubectl("rollout", "status", "deployment/nginx", "--timeout=90s")
    before = containers(cluster)
    ip = kubectl.json("get", "service", "nginx")["spec"]["clusterIP"]
    acknowledged: list[str] = []

    def write() -> None:
        for number in range(1000):
            if kubectl.run("create", "configmap", f"c{number}").returncode:
                return
            acknowledged.append(f"c{number}")

    writer = threading.Thread(target=write)
    writer.start()
    eventually("some writes are acknowledged", lambda: len(acknowledged) > 5)
    cluster.pyber.kill()
    writer.join(30)
    assert "Welcome" in cluster.shell(
        f"curl -sS --max-time 5 http://{ip}/"
    )  # pods and rules go on without us
    cluster.start()
    present = {item["metadata"]["name"] for item in cluster.kubectl.json("get", "configmaps")["items"]}
    assert set(acknowledged) <= present
    cluster.kubectl("scale", "deployment/nginx", "--replicas=5")
    cluster.kubectl("rollout", "status", "deployment/nginx", "--timeout=60s")
    after = containers(cluster)
    assert {name: after[name] for name in before} == before
    assert len({address for _, address, _ in after.values()}) == 5
    assert "Welcome" in cluster.shell(f"curl -sS --max-time 5 http://{ip}/")


def test_a_stop_leaves_nothing_and_the_next_start_brings_everything_back(cluster: RealCluster) -> None:
    kubectl = cluster.kubectl
    kubectl("apply", "-f", str(MANIFEST))
    kubectl("rollout", "status", "deployment/nginx", "--timeout=90s")
    assert cluster.pyber.stop() == 0
    assert left_behind(cluster) == ""
    cluster.start()
    kubectl = cluster.kubectl
    kubectl("wait", "deployment/nginx", "--for=condition=Available", "--timeout=60s")
    eventually(
        "the same pod runs again",
        lambda: [restarts for _, _, restarts in containers(cluster).values()] == [1],
    )


def left_behind(cluster: RealCluster) -> str:
    """Everything of the cluster that is still there, in words: processes, mounts, rules, routes, links, cgroups."""
    state = str(cluster.directory / "state")
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if state in words:
            found.append(f"process {words}")
    found += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if state in line]
    found += [
        f"table {line}"
        for line in cluster.shell("nft list tables").splitlines()
        if "kube" in line or "pyber" in line
    ]
    found += [
        f"route {line}"
        for line in cluster.shell("ip route").splitlines()
        if "10.244" in line or "10.96" in line
    ]
    links = cluster.shell("ip -brief link").splitlines()
    found += [f"link {line}" for line in links if line.split()[0].split("@")[0] not in ("lo", "eth0")]
    groups = subprocess.run(
        ["find", "/sys/fs/cgroup", "-path", f"*{cluster.fabric.name}*kubepods*"],
        capture_output=True,
        text=True,
        check=False,
    )
    found += [f"cgroup {line}" for line in groups.stdout.splitlines()]
    return "\n".join(found)

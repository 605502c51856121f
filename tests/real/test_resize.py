"""A running container gets other resources in place: what the kernel holds it to changes, its process stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import eventually
from tests.real.realcluster import RealCluster, real_cluster

pytestmark = pytest.mark.real
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: c
    image: docker.io/nginx:latest
    resizePolicy:
    - {resourceName: cpu, restartPolicy: NotRequired}
    - {resourceName: memory, restartPolicy: RestartContainer}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
      limits: {cpu: 100m, memory: 128Mi}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    with real_cluster(tmp_path) as made:
        yield made


def container(cluster: RealCluster) -> Any:
    return cluster.kubectl.json("get", "pod", "web")["status"]["containerStatuses"][0]


def quota(cluster: RealCluster) -> str:
    """The processor time that the container's control group may have, as the container sees it."""
    files = "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || true"
    return cluster.kubectl("exec", "web", "--", "sh", "-c", files).split()[0]


def resize(cluster: RealCluster, cpu: str, memory: str) -> None:
    limits = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": cpu, "memory": memory}}
    patch = {"spec": {"containers": [{"name": "c", "resources": limits}]}}
    cluster.kubectl("patch", "pod", "web", "--subresource=resize", "-p", json.dumps(patch))
    eventually("it has them", lambda: container(cluster).get("resources") == limits)


def test_a_container_is_resized_in_place(cluster: RealCluster, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    cluster.kubectl("apply", "-f", str(tmp_path / "pod.yaml"))
    cluster.kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=90s")
    first = container(cluster)["containerID"]
    assert quota(cluster) == "10000"
    resize(cluster, "300m", "128Mi")
    assert (container(cluster)["containerID"], quota(cluster)) == (first, "30000")
    resize(cluster, "80m", "128Mi")
    assert (container(cluster)["containerID"], quota(cluster)) == (first, "8000")
    resize(cluster, "80m", "256Mi")
    assert container(cluster)["restartCount"] == 1
    conditions = cluster.kubectl.json("get", "pod", "web")["status"]["conditions"]
    assert not [each for each in conditions if each["type"].startswith("PodResize")]

"""The pytest plugin, run as a user's pytest would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ASYNC = """
import asyncio, pytest
from pybernetes import Cluster, Deadlock

async def test_real(cluster):
    assert isinstance(cluster, Cluster) and not cluster.virtual
    assert len(await cluster.list("nodes")) == 1

@pytest.mark.pybernetes(nodes=3, time="virtual", seed=5)
class TestVirtual:
    async def test_time_flies(self, cluster):
        assert len(await cluster.list("nodes")) == 3
        began = cluster.now
        await asyncio.sleep(3600)
        assert (cluster.now - began).total_seconds() >= 3600

    @pytest.mark.pybernetes(nodes=1)
    async def test_the_nearest_marker_counts(self, cluster):
        assert len(await cluster.list("nodes")) == 1 and cluster.seed == 5

    @pytest.mark.xfail(raises=Deadlock, strict=True)
    async def test_deadlock(self, cluster):
        await asyncio.Event().wait()

@pytest.fixture
async def installed(cluster):
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    yield "installed"
    await cluster.delete("configmap/x")

@pytest.fixture
def plain(installed):
    return installed

@pytest.mark.parametrize("number", [1, 2])
async def test_async_fixtures(plain, cluster, number):
    assert plain == "installed"
    await cluster.get("configmap/x")
"""

SYNC = """
import subprocess
import pytest

def test_methods_block(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    assert cluster.get("configmap/x")["metadata"]["uid"]

def test_fresh(cluster):
    assert "x" not in [c["metadata"]["name"] for c in cluster.list("configmaps")]

def test_official_client(kube_api_client, cluster):
    from kubernetes import client
    core = client.CoreV1Api(kube_api_client)
    core.create_namespaced_config_map("default", {"metadata": {"name": "y"}})
    assert cluster.get("configmap/y")

def test_lightkube(lightkube_client):
    from lightkube.resources.core_v1 import Node
    assert [node.metadata.name for node in lightkube_client.list(Node)] == ["node1"]

def test_kr8s(kr8s_api):
    assert [node.name for node in kr8s_api.get("nodes")] == ["node1"]

def test_file(kubeconfig):
    assert "certificate-authority-data" in open(kubeconfig).read()

async def test_async_clients(lightkube_client, kr8s_api, cluster):
    from lightkube.resources.core_v1 import Node
    assert [node.metadata.name async for node in lightkube_client.list(Node)] == ["node1"]
    assert [node.name async for node in kr8s_api.get("nodes")] == ["node1"]
    await lightkube_client.close()
"""

WRONG = """
import pytest

@pytest.mark.pybernetes(3)
def test_x(cluster): ...
"""


def run(tmp_path: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_it.py").write_text(code)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "pybernetes.testing.plugin",
    ]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, "--strict-markers", *options, "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_async_tests_need_no_other_plugin(tmp_path: Path) -> None:
    done = run(tmp_path, ASYNC, "-W", "error")
    assert "5 passed, 1 xfailed" in done.stdout, done.stdout


def test_blocking_clients_are_pointed_to_it(tmp_path: Path) -> None:
    done = run(tmp_path, SYNC)
    assert "7 passed" in done.stdout, done.stdout


def test_seed_and_settings(tmp_path: Path) -> None:
    code = (
        "async def test_x(cluster):\n    assert (cluster.seed, cluster.virtual) == (9, True)\n"
        "    assert len(await cluster.list('nodes')) == 2\n"
    )
    options = ("--pybernetes-seed=9", "-o", "pybernetes_time=virtual", "-o", "pybernetes_nodes=2")
    assert "1 passed" in run(tmp_path, code, *options).stdout


def test_wrong_use_of_the_marker_is_told(tmp_path: Path) -> None:
    assert "takes arguments by name" in run(tmp_path, WRONG).stdout


def test_a_suite_without_clusters_loads_nothing(tmp_path: Path) -> None:
    code = "import sys\ndef test_x():\n    assert 'pybernetes.cluster.library' not in sys.modules\n"
    assert "1 passed" in run(tmp_path, code).stdout


FLAKY = """
async def test_order(cluster):
    names = [(await cluster.client.create(cluster.kind("configmaps"), {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-", "namespace": "default"},
    }))["metadata"]["name"] for _ in range(3)]
    assert names[0] < max(names[1:])
"""


def test_fuzz_finds_the_smallest_seed_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "test_flaky.py"
    file.write_text(FLAKY)
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p pybernetes.testing.plugin",
    }

    def pyber(*words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from pybernetes.cli.main import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run([sys.executable, "-c", program, "fuzz", str(file), *words],
                              capture_output=True, text=True, check=False, env=environment)  # fmt: skip

    done = pyber("--seeds=12", "-j2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fails, the" in done.stdout
    seed = done.stdout.rpartition("--pybernetes-seed=")[2].split()[0]
    assert pyber(f"--first={seed}", "--seeds=1").returncode == 1
    missing = pyber("--seeds=1", str(tmp_path / "nothing.py"))
    assert missing.returncode == 2

"""The pytest plugin, run as a user's pytest would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASYNC = """
import asyncio, pytest
from pybernetes import Cluster

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
    assert "5 passed in" in done.stdout, done.stdout


def test_a_test_that_nothing_can_wake_fails_with_a_deadlock(tmp_path: Path) -> None:
    code = (
        "import asyncio, pytest\n@pytest.mark.pybernetes(time='virtual')\n"
        "async def test_x(cluster):\n    await asyncio.Event().wait()\n"
    )
    done = run(tmp_path, code, "-W", "error")
    assert "1 failed in" in done.stdout, done.stdout
    assert "Deadlock: nothing is due any more; waiting: " in done.stdout, done.stdout
    assert "test_it.py:4 (test_x)" in done.stdout, done.stdout


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

    done = pyber("--seeds=12", "-j2", f"--trace={tmp_path}/trace")
    assert done.returncode == 1, done.stdout + done.stderr
    assert " fails" in done.stdout
    assert "It replays to the byte." in done.stdout
    assert "kubernetes-admin create configmaps/default/x-" in (tmp_path / "trace").read_text()
    seed = done.stdout.rpartition("--pybernetes-seeds=")[2].split()[0]
    assert pyber(f"--first={seed}", "--seeds=1", f"--trace={tmp_path}/again").returncode == 1
    assert (tmp_path / "again").read_text() == (tmp_path / "trace").read_text()
    missing = pyber("--seeds=1", str(tmp_path / "nothing.py"))
    assert missing.returncode == 2


SCOPE = ("-W", "error", "-o", "asyncio_default_fixture_loop_scope=function")
BESIDE = """
import asyncio
import pytest
import pytest_asyncio

loops = set()

@pytest_asyncio.fixture
async def installed(cluster):
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    yield asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_with_a_cluster(cluster, installed):
    assert asyncio.get_running_loop() is installed
    await cluster.get("configmap/x")

@pytest.mark.asyncio
async def test_without():
    await asyncio.sleep(0)

@pytest_asyncio.fixture
async def elsewhere():
    return asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_their_loop(elsewhere):
    assert asyncio.get_running_loop() is elsewhere

def test_blocking(cluster):
    assert cluster.list("nodes")
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_beside_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    done = run(tmp_path, BESIDE, "-p", "pytest_asyncio.plugin", f"--asyncio-mode={mode}", *SCOPE)
    assert "4 passed" in done.stdout, done.stdout


def test_async_tests_of_auto_mode_need_no_mark(tmp_path: Path) -> None:
    code = BESIDE.replace("@pytest.mark.asyncio\n", "").replace("@pytest_asyncio.fixture", "@pytest.fixture")
    done = run(tmp_path, code, "-p", "pytest_asyncio.plugin", "--asyncio-mode=auto", *SCOPE)
    assert "4 passed" in done.stdout, done.stdout


def test_under_xdist(tmp_path: Path) -> None:
    code = "import pytest\n@pytest.mark.parametrize('n', range(6))\nasync def test_x(cluster, n):\n    assert await cluster.list('nodes')\n"
    assert "6 passed" in run(tmp_path, code, "-p", "xdist.plugin", "-n2").stdout


def test_seeds_run_each_test_for_each_seed(tmp_path: Path) -> None:
    code = (
        "import pytest\n@pytest.mark.pybernetes(seed=1, time='virtual')\n"
        "async def test_a(cluster):\n    assert cluster.seed != 4\n"
        "def test_b(kubeconfig, cluster):\n    assert cluster.seed in (3, 4)\n"
    )
    done = run(tmp_path, code, "--pybernetes-seeds=3-4", f"--pybernetes-trace={tmp_path}/t")
    assert "1 failed, 3 passed" in done.stdout, done.stdout
    assert (tmp_path / "t").read_text().startswith("# test_it.py::test_a[seed4] seed 4\n")
    wrong = run(tmp_path, code, "--pybernetes-seeds=many")
    assert "FIRST-LAST or one number is wanted" in wrong.stdout + wrong.stderr

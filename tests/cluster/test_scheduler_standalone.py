"""`pyber kube-scheduler` against a running cluster: profiles, a plugin of one's own, leader election, what it serves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import BIN, Kubectl, PyberUp, eventually, free_port

pytestmark = pytest.mark.peer

PLUGIN = """
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.pernode import per_node_filter

PLUGIN = Plugin("Picky", filter=per_node_filter(
    lambda pod, node: "" if pod["metadata"]["name"] == "chosen" else "node(s) were not for this pod"
))
"""
CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaseDuration: 3s, renewDeadline: 2s, retryPeriod: 500ms}
profiles:
- schedulerName: picky
  plugins: {multiPoint: {enabled: [{name: "picky_plugin:PLUGIN"}]}}
"""


class Alone:
    """One running `pyber kube-scheduler`."""

    def __init__(self, state: Path, config: Path, log: Path) -> None:
        self.port = free_port()
        self.log = log
        self.state = state
        command = [
            BIN / "pyber", "kube-scheduler", f"--kubeconfig={state}/scheduler.kubeconfig", f"--config={config}",
            f"--secure-port={self.port}", "--bind-address=127.0.0.1", "-v=1",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": f"{config.parent}:{os.environ.get('PYTHONPATH', '')}"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def get(self, path: str, *, admin: bool = True) -> tuple[int, str]:
        """(status, body); (0, the error) where nothing is served yet."""
        context = ssl.create_default_context(cafile=None)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if admin:
            context.load_cert_chain(self.state / "pki" / "admin.crt", self.state / "pki" / "admin.key")
        url = f"https://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, context=context, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    @property
    def leads(self) -> bool:
        return 'leader_election_master_status{name="kube-scheduler"} 1' in self.get("/metrics")[1]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The configuration's file, with the plugin's module beside it."""
    (tmp_path / "picky_plugin.py").write_text(PLUGIN)
    (tmp_path / "scheduler.yaml").write_text(CONFIGURATION)
    return tmp_path / "scheduler.yaml"


@contextlib.contextmanager
def alone(cluster: PyberUp, config: Path, name: str) -> Iterator[Alone]:
    running = Alone(cluster.state, config, config.parent / f"{name}.log")
    try:
        yield running
    finally:
        running.stop()


def pod(name: str) -> str:
    spec = {"schedulerName": "picky", "containers": [{"name": "c", "image": "img"}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def test_it_schedules_the_pods_of_its_profile_and_another_takes_over(
    hollow: PyberUp, kubectl: Kubectl, namespace: str, files: Path
) -> None:
    def get(name: str) -> Any:
        return kubectl.json("get", "-n", namespace, "pod", name)

    def refusal() -> str:
        conditions = (get("other").get("status") or {}).get("conditions") or ()
        return next((c.get("message", "") for c in conditions if c["type"] == "PodScheduled"), "")

    with alone(hollow, files, "first") as first:
        eventually("the first leads", lambda: first.leads)
        with alone(hollow, files, "second") as second:
            eventually("the second is alive", lambda: second.get("/healthz") == (200, "ok"))
            assert not second.leads
            for name in ("chosen", "other"):
                kubectl("create", "-n", namespace, "-f", "-", stdin=pod(name))
            eventually("it has a node", lambda: get("chosen")["spec"].get("nodeName"))
            assert eventually("it says why", refusal).startswith(
                "0/1 nodes are available: 1 node(s) were not for this pod."
            )
            pages(first, namespace)
            assert first.stop() == 0
            eventually("the second leads", lambda: second.leads)
            lease = kubectl.json("get", "-n", "kube-system", "lease", "kube-scheduler")["spec"]
            assert (lease["leaseTransitions"], lease["leaseDurationSeconds"]) == (1, 3)
            kubectl("delete", "-n", namespace, "pod", "chosen", "--force")
            kubectl("create", "-n", namespace, "-f", "-", stdin=pod("chosen"))
            eventually("it has a node again", lambda: get("chosen")["spec"].get("nodeName"))


def pages(scheduler: Alone, namespace: str) -> None:
    """What it serves, and to whom."""
    for path in ("/healthz", "/livez", "/readyz"):
        assert scheduler.get(path, admin=False) == (200, "ok")
    assert "[+]informer-sync ok" in scheduler.get("/readyz?verbose", admin=False)[1]
    assert scheduler.get("/metrics", admin=False)[0] == 401
    status, metrics = scheduler.get("/metrics")
    assert status == 200
    assert 'scheduler_schedule_attempts_total{profile="picky",result="scheduled"} 1' in metrics
    assert 'scheduler_pending_pods{queue="unschedulable"} 1' in metrics
    assert "scheduler_pod_scheduling_sli_duration_seconds_count" in metrics
    other = json.loads(scheduler.get(f"/decisions/{namespace}/other")[1])
    assert other["nodes"] == {
        "node1": {"refused": [{"plugin": "Picky", "reason": "node(s) were not for this pod"}]}
    }
    assert '"picky"' in scheduler.get("/configz")[1]
    told = subprocess.run(
        [
            BIN / "pyber", "why", "pod/chosen", "-n", namespace, f"--scheduler=https://127.0.0.1:{scheduler.port}",
            "--kubeconfig", str(scheduler.state / "kubeconfig"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "The scheduler chose node node1 at " in told.stdout, told.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "--kubeconfig, or clientConnection.kubeconfig in --config, is needed"),
        (["--kubeconfig=nope"], "No such file or directory: 'nope'"),
        (["--config=nope.yaml", "--kubeconfig={kubeconfig}"], "nope.yaml: No such file or directory"),
        (
            ["--config=wrong.yaml", "--kubeconfig={kubeconfig}"],
            "wrong.yaml: profiles[0].plugins.multiPoint.enabled[0].name: plugin 'absent_plugin:PLUGIN' cannot be "
            "loaded: No module named 'absent_plugin'",
        ),
        (
            ["--leader-elect-lease-duration=1s", "--kubeconfig={kubeconfig}"],
            "leaderElection: leaseDuration must be greater than renewDeadline",
        ),
        (["--feature-gates=Nope=true", "--kubeconfig={kubeconfig}"], "unrecognized feature gate: Nope"),
    ],
)
def test_wrong_flags_are_told_at_the_start(
    arguments: list[str], problem: str, hollow: PyberUp, tmp_path: Path
) -> None:
    (tmp_path / "wrong.yaml").write_text(CONFIGURATION.replace("picky_plugin", "absent_plugin"))
    kubeconfig = hollow.state / "scheduler.kubeconfig"
    command = [BIN / "pyber", "kube-scheduler", *(each.format(kubeconfig=kubeconfig) for each in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("pyber kube-scheduler: ")
    assert problem in done.stderr


def test_a_port_that_is_taken_is_told(hollow: PyberUp, files: Path) -> None:
    with alone(hollow, files, "first") as first:
        eventually("it serves", lambda: first.get("/healthz")[0] == 200)
        command = [
            BIN / "pyber", "kube-scheduler", f"--kubeconfig={hollow.state}/scheduler.kubeconfig",
            f"--secure-port={first.port}", "--bind-address=127.0.0.1",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 1
        assert f"--secure-port {first.port}: " in done.stderr

"""Devices and gangs through real kubectl, on hollow nodes: no device is there, and nobody can tell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import Kubectl, eventually, free_port, pyber_up

MANIFEST = Path(__file__).parents[1] / "manifests" / "devices.yaml"

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Three hollow nodes, and the Workload API."""
    state = tmp_path_factory.mktemp("devices") / "state"
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    gates = ("--feature-gates=GenericWorkload=true", "--runtime-config=scheduling.k8s.io/v1beta1=true")
    with pyber_up(
        state, "--node", "hollow", "--nodes", "3", "--bind-address", "127.0.0.1", *ports, *gates
    ) as up:
        yield up.kubectl


def slice_of(node: str, sizes: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node}-gpus"},
        "spec": {
            "driver": "gpu.example.com",
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": [
                {"name": f"gpu-{number}", "capacity": {"memory": {"value": size}}}
                for number, size in enumerate(sizes)
            ],
        },
    }


def test_a_deployment_with_devices(kubectl: Kubectl) -> None:
    names = sorted(each["metadata"]["name"] for each in kubectl.json("get", "nodes")["items"])
    slices = [slice_of(names[0], ["80Gi", "40Gi", "16Gi"]), slice_of(names[1], ["80Gi"])]
    kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, slices)))
    assert kubectl("apply", "-f", str(MANIFEST)).splitlines() == [
        "deviceclass.resource.k8s.io/gpu.example.com created",
        "resourceclaimtemplate.resource.k8s.io/large-gpu created",
        "deployment.apps/train created",
    ]

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = kubectl.json("get", "pods", "-l", "app=train")["items"]
        return found

    def running() -> list[dict[str, Any]]:
        return [each for each in pods() if each["status"]["phase"] == "Running"]

    eventually("three pods run", lambda: len(running()) == 3)
    assert sorted(each["spec"]["nodeName"] for each in running()) == [names[0], names[0], names[1]]
    (waiting,) = [each for each in pods() if each["status"]["phase"] == "Pending"]
    name = waiting["metadata"]["name"]
    eventually("the event", lambda: "FailedScheduling" in kubectl("describe", "pod", name))
    assert (
        "0/3 nodes are available: 3 cannot allocate all claims. still not schedulable, "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    ) in kubectl("describe", "pod", name)
    states = [line.split()[1] for line in kubectl("get", "resourceclaims", "--no-headers").splitlines()]
    assert sorted(states) == ["allocated,reserved"] * 3 + ["pending"]
    assert "gpu-0" in kubectl("describe", "resourceclaims")

    kubectl("delete", "pod", running()[0]["metadata"]["name"], "--wait=false")
    eventually(
        "the waiting pod runs", lambda: kubectl.json("get", "pod", name)["status"]["phase"] == "Running"
    )
    kubectl("delete", "-f", str(MANIFEST))
    eventually(
        "the claims are gone",
        lambda: kubectl("get", "resourceclaims", "--no-headers", "--ignore-not-found") == "",
    )


GROUP = """
apiVersion: scheduling.k8s.io/v1beta1
kind: PodGroup
metadata:
  name: ring
spec:
  schedulingPolicy:
    gang:
      minCount: 2
"""


def member(name: str, **spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}],
                "schedulingGroup": {"podGroupName": "ring"},
                **spec,
            },
        }
    )


def test_a_gang(kubectl: Kubectl) -> None:
    assert "podgroups" in kubectl("api-resources", "--api-group=scheduling.k8s.io")
    kubectl("apply", "-f", "-", stdin=GROUP)
    kubectl("apply", "-f", "-", stdin=member("one"))
    header, row = kubectl("get", "podgroups", "-o", "wide").splitlines()
    assert header.split() == ["NAME", "POLICY", "WORKLOAD", "STATUS", "AGE"]
    assert row.split()[:3] == ["ring", "Gang", "<none>"]
    assert kubectl.json("get", "pod", "one")["status"]["phase"] == "Pending"
    kubectl("apply", "-f", "-", stdin=member("two", nodeSelector={"nowhere": "x"}))
    eventually("the group is unschedulable", lambda: "Unschedulable" in kubectl("get", "podgroup", "ring"))
    assert not kubectl.json("get", "pod", "one")["spec"].get("nodeName")
    kubectl("apply", "-f", "-", stdin=member("three"))
    eventually("the gang runs", lambda: kubectl.json("get", "pod", "three")["status"]["phase"] == "Running")
    assert kubectl.json("get", "pod", "one")["status"]["phase"] == "Running"
    eventually("the group is scheduled", lambda: "Scheduled" in kubectl("get", "podgroup", "ring").split())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--feature-gates=Nope=true"], "pyber up: --feature-gates: unrecognized feature gate: Nope"),
        (
            ["--feature-gates=GenericWorkload=true"],
            "pyber up: --feature-gates: GenericWorkload needs the API scheduling.k8s.io/v1beta1: "
            "add --runtime-config=scheduling.k8s.io/v1beta1=true",
        ),
        (["--runtime-config=x/v1=true"], "pyber up: --runtime-config: unknown API x/v1"),
    ],
)
def test_wrong_flags_are_named(flags: list[str], message: str, tmp_path: Path) -> None:
    pyber = Path(sys.executable).parent / "pyber"
    command = [str(pyber), "up", "--state-dir", str(tmp_path), "--node", "hollow"]
    found = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode != 0
    assert message in found.stderr

"""The scheduler through real kubectl: messages, taints, gates, spreading, preemption, volumes, and `pyber why`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import BIN, Kubectl, PyberUp, eventually, free_port, pyber_up

pytestmark = pytest.mark.peer

CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  plugins: {score: {disabled: [{name: NodeResourcesBalancedAllocation}, {name: PodTopologySpread}]}}
  pluginConfig:
  - {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyberUp]:
    """Three hollow nodes of 8 CPUs each."""
    directory = tmp_path_factory.mktemp("scheduled")
    file = directory / "scheduler.yaml"
    file.write_text(CONFIGURATION)
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    nodes = ("--node", "hollow", "--nodes", "3", "--store", "memory", "--bind-address", "127.0.0.1")
    with pyber_up(directory / "state", *nodes, *ports, "--scheduler-config", str(file)) as running:
        yield running


@pytest.fixture
def kubectl(cluster: PyberUp) -> Iterator[Kubectl]:
    """With a clean `default` namespace and clean nodes afterwards."""
    run = cluster.kubectl
    run("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=30s")
    eventually("the service account", lambda: run.run("get", "serviceaccount", "default").returncode == 0)
    yield run
    run("delete", "deployments,pods,pvc,pdb,jobs", "--all", "--force", "--grace-period=0")
    run("uncordon", "node1", "node2", "node3")
    for name in ("node1", "node2", "node3"):
        run.run("taint", "node", name, "k-")
        run.run("label", "node", name, "zone-", "disk-")


def pod(name: str, cpu: str = "100m", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "img", "resources": {"requests": {"cpu": cpu}}}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    kubectl(
        "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    )


def get(kubectl: Kubectl, name: str) -> Any:
    return kubectl.json("get", "pod", name)


def condition(kubectl: Kubectl, name: str) -> Any:
    conditions = (get(kubectl, name).get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "PodScheduled"), {})


def waits(kubectl: Kubectl, name: str, message: str = "") -> str:
    """The message of a pod that cannot be scheduled, once it begins as wanted."""

    def told() -> str:
        now = condition(kubectl, name)
        found = str(now.get("message", ""))
        return found if now.get("status") == "False" and found.startswith(message) else ""

    return eventually(f"{name} waits: {message}", told)


def node_of(kubectl: Kubectl, name: str) -> str:
    return eventually(f"{name} has a node", lambda: get(kubectl, name)["spec"].get("nodeName"))


def why(cluster: PyberUp, what: str) -> str:
    done = subprocess.run(
        [BIN / "pyber", "why", what, "--kubeconfig", str(cluster.kubectl.kubeconfig)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_why_no_node_will_do(kubectl: Kubectl, cluster: PyberUp) -> None:
    kubectl("taint", "node", "node1", "k=v:NoSchedule")
    kubectl("cordon", "node2")
    apply(kubectl, pod("big", cpu="99"), pod("picky", nodeSelector={"disk": "ssd"}))
    hopeless = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    message = waits(kubectl, "big")
    assert message == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were "
        f"unschedulable. {hopeless}"
    )
    assert waits(kubectl, "picky").endswith(hopeless)
    assert condition(kubectl, "big")["reason"] == "Unschedulable"
    described = kubectl("describe", "pod", "big")
    assert "FailedScheduling" in described
    assert "default-scheduler  0/3 nodes are available: 1 Insufficient cpu" in described
    told = why(cluster, "pod/big")
    assert "node node1: refused by TaintToleration" in told
    assert "node node3: refused by NodeResourcesFit: Insufficient cpu" in told
    kubectl("label", "node", "node3", "disk=ssd")
    assert node_of(kubectl, "picky") == "node3"


def test_a_taint_that_goes_lets_the_pod_in(kubectl: Kubectl) -> None:
    for name in ("node1", "node2", "node3"):
        kubectl("taint", "node", name, "k=v:NoSchedule")
    apply(kubectl, pod("web"), pod("tolerant", tolerations=[{"key": "k", "operator": "Exists"}]))
    waits(kubectl, "web", "0/3 nodes are available: 3 node(s) had untolerated taint")
    node_of(kubectl, "tolerant")
    kubectl("taint", "node", "node2", "k-")
    assert node_of(kubectl, "web") == "node2"


def test_gates_hold_a_pod_back(kubectl: Kubectl, cluster: PyberUp) -> None:
    apply(kubectl, pod("gated", schedulingGates=[{"name": "example.com/a"}]))
    assert condition(kubectl, "gated")["reason"] == "SchedulingGated"
    assert kubectl("get", "pod", "gated", "--no-headers").split()[2] == "SchedulingGated"
    assert "example.com/a" in why(cluster, "pod/gated")
    patch = '[{"op": "remove", "path": "/spec/schedulingGates/0"}]'
    kubectl("patch", "pod", "gated", "--type=json", "-p", patch)
    node_of(kubectl, "gated")


def test_pods_are_spread(kubectl: Kubectl) -> None:
    for name, zone in (("node1", "a"), ("node2", "a"), ("node3", "b")):
        kubectl("label", "node", name, f"zone={zone}", "--overwrite")
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "s"}},
    }
    names = [f"s{number}" for number in range(4)]
    for name in names:
        apply(kubectl, pod(name, labels={"app": "s"}, topologySpreadConstraints=[constraint]))
    assert [node_of(kubectl, name) for name in names].count("node3") == 2
    kubectl("cordon", "node3")
    for name in ("s4", "s5"):
        apply(kubectl, pod(name, labels={"app": "s"}, topologySpreadConstraints=[constraint]))
    placed = eventually(
        "one of them finds room", lambda: [n for n in ("s4", "s5") if get(kubectl, n)["spec"].get("nodeName")]
    )
    (left,) = {"s4", "s5"} - set(placed)
    assert waits(kubectl, left).startswith(
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints."
    )


def test_a_pod_of_higher_priority_takes_the_place_of_others(kubectl: Kubectl) -> None:
    classes = [
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000},
        {
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "polite"},
            "value": 2000, "preemptionPolicy": "Never",
        },
    ]  # fmt: skip
    kubectl("cordon", "node3")
    guarded = {"app": "guarded"}
    budget = {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guarded"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": guarded}},
    }  # fmt: skip
    to = {name: {"kubernetes.io/hostname": name} for name in ("node1", "node2")}
    apply(
        kubectl, *classes, budget,
        pod("guarded", cpu="7", labels=guarded, nodeSelector=to["node1"]),
        pod("victim", cpu="7", nodeSelector=to["node2"]),
    )  # fmt: skip
    kubectl("wait", "pods", "guarded", "victim", "--for=condition=Ready", "--timeout=30s")
    uid = get(kubectl, "victim")["metadata"]["uid"]
    apply(kubectl, pod("polite", cpu="7", priorityClassName="polite"))
    assert waits(kubectl, "polite").endswith("preemption: not eligible due to preemptionPolicy=Never.")
    kubectl("delete", "pod", "polite")
    apply(kubectl, pod("urgent", cpu="7", priorityClassName="high"))
    assert node_of(kubectl, "urgent") == "node2"
    assert get(kubectl, "guarded")["status"]["phase"] == "Running"
    assert "nominatedNodeName" not in get(kubectl, "urgent")["status"]

    def events(reason: str) -> list[Any]:
        listed = kubectl.json("get", "events", f"--field-selector=reason={reason}")["items"]
        return [each for each in listed if each["involvedObject"]["name"] in ("victim", "urgent")]

    (preempted,) = eventually("the event", lambda: events("Preempted"))
    assert preempted["involvedObject"]["uid"] == uid
    urgent = get(kubectl, "urgent")["metadata"]["uid"]
    assert preempted["message"] == f"Preempted by pod {urgent} on node node2"
    assert events("FailedScheduling")[0]["message"].startswith(
        "0/3 nodes are available: 1 node(s) were unschedulable"
    )


def test_a_claim_that_waits_for_its_first_consumer(kubectl: Kubectl) -> None:
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "local-path",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }  # fmt: skip
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    apply(kubectl, pod("early", volumes=volumes, container=mounts))
    waits(kubectl, "early", '0/3 nodes are available: persistentvolumeclaim "data" not found.')
    apply(kubectl, claim)
    where = node_of(kubectl, "early")
    kubectl("wait", "pod", "early", "--for=condition=Ready", "--timeout=30s")
    bound = kubectl.json("get", "pvc", "data")
    assert bound["status"]["phase"] == "Bound"
    assert bound["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == where
    # Its volume is on that node, and so is whoever uses it next.
    apply(kubectl, pod("late", volumes=volumes, container=mounts))
    assert node_of(kubectl, "late") == where


def test_a_node_that_comes_back_takes_the_pods_that_wait(kubectl: Kubectl) -> None:
    kubectl("cordon", "node1", "node2", "node3")
    apply(kubectl, pod("web"))
    waits(kubectl, "web", "0/3 nodes are available: 3 node(s) were unschedulable.")
    kubectl("uncordon", "node2")
    assert node_of(kubectl, "web") == "node2"


def test_a_profile_of_its_own_packs_nodes(kubectl: Kubectl) -> None:
    names = [f"p{number}" for number in range(4)]
    for name in names:
        apply(kubectl, pod(name, cpu="1", schedulerName="packing"))
        node_of(kubectl, name)
    assert len({node_of(kubectl, name) for name in names}) == 1
    events = kubectl.json("get", "events", "--field-selector=reason=Scheduled,involvedObject.name=p0")
    assert events["items"][0]["source"]["component"] == "packing"


def test_what_if_on_a_dump(kubectl: Kubectl, tmp_path: Path) -> None:
    apply(kubectl, pod("there", cpu="7", nodeSelector={"kubernetes.io/hostname": "node1"}))
    node_of(kubectl, "there")
    dump, asked = tmp_path / "dump.yaml", tmp_path / "pods.json"
    dump.write_text(kubectl("get", "nodes,pods,services,pvc,pv,sc,pdb,priorityclasses", "-A", "-o", "yaml"))
    asked.write_text(
        json.dumps({"kind": "List", "apiVersion": "v1", "items": [pod(f"n{n}", "5") for n in range(3)]})
    )
    command = [BIN / "pyber", "schedule", "--dump", str(dump), "-f", str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert {line.split()[1] for line in lines[:2]} == {"node2", "node3"}
    assert lines[2].startswith("default/n2  <none>  0/3 nodes are available: 3 Insufficient cpu.")
    assert kubectl.json("get", "pods")["items"][0]["metadata"]["name"] == "there"
    assert len(kubectl.json("get", "pods")["items"]) == 1


def test_a_configuration_that_is_wrong_is_told_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(CONFIGURATION.replace("MostAllocated", "Best"))
    command = [BIN / "pyber", "up", "--node", "hollow", "--scheduler-config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert (
        f"{file}: profiles[1].pluginConfig[0].args.scoringStrategy.type: Unsupported value: 'Best'"
        in done.stderr
    )


def test_why_a_pod_is_where_it_is(kubectl: Kubectl, cluster: PyberUp) -> None:
    kubectl("taint", "node", "node1", "k=v:NoSchedule")
    apply(kubectl, pod("web"))
    where = node_of(kubectl, "web")
    kubectl("wait", "pod", "web", "--for=condition=Ready", "--timeout=30s")
    told = why(cluster, "pod/web")
    assert f"The scheduler chose node {where} at " in told
    assert ": 2 of 3 nodes would do." in told
    assert "node node1: refused by TaintToleration: node(s) had untolerated taint" in told
    scored = next(line for line in told.splitlines() if line.startswith(f"node {where}: "))
    assert "TaintToleration 300" in scored
    assert "NodeResourcesFit " in scored

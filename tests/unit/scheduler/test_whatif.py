"""Where pods would go: the function and `pyber schedule`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.cli.main import main
from pybernetes.scheduler import whatif
from pybernetes.scheduler.bindingcycle import NotBound
from pybernetes.scheduler.configuration.read import read
from pybernetes.scheduler.framework import Attempt
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.whatif import Placement, what_if
from pybernetes.scheduler.whatifinput import WhatIfError

from .trees import node, pod


def web(name: str = "web", cpu: str = "1", **spec: Any) -> dict[str, Any]:
    """A pod as a user writes it."""
    container = {"name": "c", "image": "img", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


def workload(kind: str, name: str = "w", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": web()["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def placed(name: str, where: str, **rest: Any) -> dict[str, Any]:
    return pod(name, nodeName=where, **rest)


def nodes_of(placements: list[Placement]) -> dict[str, str]:
    return {each.pod.partition("/")[2]: each.node for each in placements}


def test_each_placement_counts_for_the_next() -> None:
    found = what_if([node("a", cpu="2"), node("b", cpu="2")], [web(f"p{n}") for n in range(5)])
    counts = [[each.node for each in found].count(name) for name in ("a", "b", "")]
    assert counts == [2, 2, 1]
    assert found[-1].message == (
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims "
        "found for incoming pod."
    )
    assert found[-1].explanation["nodes"]["a"]["refused"] == [
        {"plugin": "NodeResourcesFit", "reason": "Insufficient cpu"}
    ]


def test_what_is_given_is_not_touched_and_the_seed_decides() -> None:
    cluster, asked = [node(f"n{n}") for n in range(20)], [web()]
    before = json.dumps([cluster, asked])
    first = what_if(cluster, asked, seed=1)
    assert what_if(cluster, asked, seed=1) == first
    assert len({what_if(cluster, asked, seed=n)[0].node for n in range(10)}) > 3
    assert json.dumps([cluster, asked]) == before


def test_the_pods_that_are_there_count() -> None:
    cluster = [node("a", cpu="2"), node("b", cpu="2"), placed("x", "a", cpu="2")]
    assert nodes_of(what_if(cluster, [web()])) == {"web": "b"}


def test_a_pod_that_cannot_be_reserved_for_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    def reserve(attempt: Attempt, _profile: Profile) -> None:
        if not refused:
            refused.append(attempt)
            raise NotBound("no")

    monkeypatch.setattr(whatif, "reserve", reserve)
    first, second = what_if([node("a", cpu="1")], [web("p"), web("q")])
    assert (first.node, first.message) == ("", "no")
    assert second.node == "a"


def test_who_would_have_to_go_is_told() -> None:
    high = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 9,
    }
    cluster = [node("a", cpu="2"), placed("x", "a", cpu="2", priority=0), high]
    (found,) = what_if(cluster, [web(priorityClassName="high")])
    assert (found.node, found.nominated, found.victims) == ("", "a", ("default/x",))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (workload("Deployment", replicas=2), ["w-0", "w-1"]),
        (workload("ReplicaSet"), ["w-0"]),
        (workload("DaemonSet"), ["w-a", "w-b"]),
        ({**workload("Job", parallelism=3), "apiVersion": "batch/v1"}, ["w-0", "w-1", "w-2"]),
        ({**workload("Job", parallelism=3, completions=2), "apiVersion": "batch/v1"}, ["w-0", "w-1"]),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_workloads_stand_for_their_pods(asked: dict[str, Any], names: list[str]) -> None:
    if asked["kind"] == "Job":
        del asked["spec"]["selector"]
        asked["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    found = nodes_of(what_if([node("a"), node("b")], [asked]))
    assert sorted(found) == names
    if asked["kind"] == "DaemonSet":
        assert found == {"w-a": "a", "w-b": "b"}
    assert "" not in found.values()


def test_a_deployments_pods_are_spread_as_those_of_its_replica_set() -> None:
    cluster = [node("a", cpu="64"), node("b", cpu="1500m")]
    found = nodes_of(what_if(cluster, [workload("Deployment", replicas=2)]))
    assert sorted(found.values()) == ["a", "b"]


def test_claims_that_come_with_a_pod() -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "local"},
        "provisioner": "example.com/local",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claim = {
        "metadata": {"name": "d"},
        "spec": {
            "storageClassName": "local",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    stateful = workload("StatefulSet", replicas=2, serviceName="w", volumeClaimTemplates=[claim])
    assert "" not in nodes_of(what_if([node("a"), storage], [stateful])).values()
    uses = web(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}])
    (found,) = what_if([node("a"), storage], [uses])
    assert found.message.startswith('0/1 nodes are available: persistentvolumeclaim "d" not found.')
    with_claim = [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim}, uses]
    assert nodes_of(what_if([node("a"), storage], with_claim)) == {"web": "a"}


def test_those_that_nobody_tries_say_why() -> None:
    gated = web("gated", schedulingGates=[{"name": "example.com/a"}])
    found = what_if([node("a")], [gated, web("other", schedulerName="other")])
    assert [(each.node, each.message) for each in found] == [
        ("", "waiting for scheduling gates: [example.com/a]"),
        ("", "its scheduler is other"),
    ]


def test_a_configuration_is_tried() -> None:
    text = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- pluginConfig:
  - {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}
  plugins: {score: {disabled: [{name: NodeResourcesBalancedAllocation}]}}
"""
    cluster = [node("a", cpu="8"), node("b", cpu="8"), placed("x", "b", cpu="4")]
    assert nodes_of(what_if(cluster, [web()])) == {"web": "a"}
    assert nodes_of(what_if(cluster, [web()], read(text))) == {"web": "b"}


WRONG: tuple[tuple[str, str], ...] = (
    ("[3]", "no Kubernetes object (a mapping with a kind): [3]"),
    ("{kind: Pod, metadata: {}}", "Pod: metadata.name: Required value"),
    ("{apiVersion: v1, kind: Pood, metadata: {name: x}}", 'Pood x: no matches for kind "Pood" in "v1"'),
    ("{apiVersion: v1, kind: Pod, metadata: {name: x}}", "Pod x: spec.containers: Required value"),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {nodeSelectors: {}, containers: [{name: c, image: i}]}}",
        'Pod x: Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nodeSelectors"',
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: z}}}]}}",
        "Pod x: Pod in version",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {priorityClassName: p, containers: [{name: c, image: i}]}}",
        "Pod x: no PriorityClass with name p was found",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=[problem[:40] for _, problem in WRONG])
def test_what_cannot_be_used_is_named(text: str, problem: str) -> None:
    with pytest.raises(WhatIfError) as error:
        what_if([node("a")], [yaml.safe_load(text)])
    assert problem in str(error.value)


def test_a_cluster_object_that_cannot_be_used_is_named() -> None:
    with pytest.raises(WhatIfError, match="Node a: QuantityError"):
        what_if([node("a", cpu="much")], [web()])


def write(path: Path, *objects: Any) -> str:
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


def test_a_priority_class_without_a_number_is_named() -> None:
    broken = {"kind": "PriorityClass", "metadata": {"name": "odd"}, "value": "1Gi", "globalDefault": True}
    with pytest.raises(WhatIfError, match=r"^PriorityClass odd: value: '1Gi' is no whole number$"):
        what_if([node("a"), broken], [web()])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [node("a", cpu="2")]}
    dump, asked = write(tmp_path / "dump.yaml", items), write(tmp_path / "pods.yaml", web(), web("big", "9"))
    assert main(["schedule", "--dump", dump, "-f", asked]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "default/web  a"
    assert lines[1].startswith("default/big  <none>  0/1 nodes are available: 1 Insufficient cpu.")
    fits = write(tmp_path / "fits.yaml", web())
    assert main(["schedule", "--dump", dump, "-f", fits, "-o", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["pod"], told["node"], told["decision"]["feasible"]) == ("default/web", "a", 1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--dump", "nope.yaml", "-f", "nope.yaml"], "nope.yaml: [Errno 2] No such file or directory"),
        (["--dump", "bad.yaml", "-f", "bad.yaml"], "bad.yaml: error converting YAML to JSON"),
        (["--dump", "three.yaml", "-f", "three.yaml"], "three.yaml: no Kubernetes object"),
        (["--dump", "ok.yaml", "-f", "ok.yaml", "--config", "bad.yaml"], "bad.yaml: error converting"),
        (["--dump", "ok.yaml", "-f", "ok.yaml", "--config", "ok.yaml"], "ok.yaml: apiVersion: Unsupported value"),
    ],
)  # fmt: skip
def test_the_command_names_the_file(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("a: [")
    Path("three.yaml").write_text("- 3\n")
    write(Path("ok.yaml"), web())
    with pytest.raises(SystemExit) as error:
        main(["schedule", *arguments])
    assert str(error.value).startswith("pyber schedule: ")
    assert problem in str(error.value)


def gang(least: int) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": least}}},
    }


def test_a_gang_goes_as_a_whole_or_not_at_all() -> None:
    members = [web(f"p{number}", schedulingGroup={"podGroupName": "train"}) for number in range(3)]
    found = what_if([node("a", cpu="4"), gang(3)], members)
    assert [each.node for each in found] == ["a", "a", "a"]
    found = what_if([node("a", cpu="2")], [gang(3), *members])
    assert [each.node for each in found] == ["", "", ""]
    assert found[0].message == (
        "minCount (3) cannot be satisfied: 2 scheduled, 0 remaining, "
        "pod group preemption: No preemption victims found for incoming preemptor"
    )
    assert found[2].message.startswith("0/1 nodes are available: 1 Insufficient cpu.")
    found = what_if([node("a", cpu="2")], members)
    assert {each.message for each in found} == {
        'waiting for pod\'s pod group "train" to appear in scheduling queue'
    }


def test_a_gang_tells_who_would_have_to_go() -> None:
    there = [node("a", cpu="2"), placed("low1", "a", cpu="1"), placed("low2", "a", cpu="1")]
    urgent = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "u"},
        "value": 5,
    }
    members = [
        web(f"p{number}", priorityClassName="u", schedulingGroup={"podGroupName": "train"})
        for number in range(2)
    ]
    found = what_if([*there, urgent, gang(2)], members)
    assert [(each.node, each.nominated) for each in found] == [("", "a"), ("", "a")]
    assert sorted(found[0].victims) == ["default/low1", "default/low2"]

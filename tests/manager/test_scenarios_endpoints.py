"""Endpoints and EndpointSlices by upstream's documentation and KEPs (752, 1672, 2433, 4974), as tables.

A `Bench` applies what a controller's plan writes to a Service and counts the writes; pods are values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_manager_services import listed, service, slices
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Create, Delete, Report, Update
from pybernetes.controllers import endpoints, endpointslicemirroring
from pybernetes.controllers.endpointslice import plan as endpointslice
from pybernetes.lang.timestamps import rfc3339

NOW = 1_790_000_000.0
SETTINGS = Settings()
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"


def web(**spec: Any) -> Obj:
    given = {"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], **spec}
    made = service(**{key: value for key, value in given.items() if value is not None})
    return {**made, "metadata": {**made["metadata"], "uid": "web", "creationTimestamp": rfc3339(NOW - 60)}}


def labelled(obj: Obj, **labels: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def backing(
    number: int, *, ready: bool = True, since: float = NOW, ips: tuple[str, ...] = (), **more: Any
) -> Obj:
    """A pod `p1`, …; `port` is the number of its port `http`."""
    at = ips or (f"10.1.{number // 250}.{number % 250 + 1}",)
    entry = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": rfc3339(since)}
    ports = [{"name": "http", "containerPort": more.pop("port")}] if "port" in more else []
    made = pod(
        f"p{number}", {"app": "web"}, containers=[{"name": "c", "ports": ports}], **more.pop("spec", {})
    )
    metadata = {**made["metadata"], "uid": f"u{number:05}", **more.pop("metadata", {})}
    status = {
        "phase": "Running",
        "podIP": at[0],
        "podIPs": [{"ip": ip} for ip in at],
        "conditions": [entry],
        **more,
    }
    return {**made, "metadata": metadata, "status": status}


def going(number: int, *, ready: bool = True) -> Obj:
    return backing(number, ready=ready, metadata={"deletionTimestamp": rfc3339(NOW)})


@dataclass
class Bench:
    """The slices of a Service."""

    service: Obj = field(default_factory=web)
    slices: list[Obj] = field(default_factory=list)
    nodes: Mapping[str, Obj] = field(default_factory=dict)
    memory: endpointslice.Memory | None = None

    def look(self, pods: list[Obj], most: int = 100) -> tuple[int, int, int]:
        """How many slices were made, changed, deleted."""
        seen = endpointslice.Seen(self.service, pods, self.nodes, self.slices, memory=self.memory)
        decided = endpointslice.plan(seen, NOW, Settings(max_endpoints_per_slice=most))
        self.memory = decided.memory
        counts = [0, 0, 0]
        for step in decided.steps:
            if isinstance(step, Create):
                counts[0] += 1
                name = f"web-{len(self.slices)}-{counts[0]}"
                self.slices.append(
                    {**step.obj, "metadata": {**step.obj["metadata"], "name": name, "uid": name}}
                )
            elif isinstance(step, Update):
                counts[1] += 1
                self.slices = [step.obj if name_of(s) == name_of(step.obj) else s for s in self.slices]
            elif isinstance(step, Delete):
                counts[2] += 1
                self.slices = [s for s in self.slices if name_of(s) != step.name]
            else:
                assert isinstance(step, Report)
        made, changed, deleted = counts
        return made, changed, deleted

    def sizes(self) -> list[int]:
        return [len(piece["endpoints"]) for piece in self.slices]

    def by_pod(self) -> dict[str, Obj]:
        return {e["targetRef"]["name"]: e for piece in self.slices for e in piece["endpoints"]}


# Packing: few writes rather than full slices.


def some(*numbers: int) -> list[Obj]:
    return [backing(number) for number in numbers]


PACKING: list[tuple[str, list[list[Obj]], tuple[int, int, int], list[int]]] = [
    ("a first pod", [some(1)], (1, 0, 0), [1]),
    ("as many as one takes", [some(*range(10))], (1, 0, 0), [10]),
    ("one more", [some(*range(11))], (2, 0, 0), [10, 1]),
    ("nothing new", [some(1, 2), some(1, 2)], (0, 0, 0), [2]),
    ("one comes into a slice with room", [some(1), some(1, 2)], (0, 1, 0), [2]),
    ("one goes", [some(1, 2, 3), some(1, 3)], (0, 1, 0), [2]),
    ("one comes and one goes: one write", [some(*range(10)), some(*range(1, 11))], (0, 1, 0), [10]),
    ("full slices are not touched", [some(*range(20)), some(*range(21))], (1, 0, 0), [10, 10, 1]),
    ("gaps are filled where a slice is written anyhow", [some(*range(20)), some(*range(1, 20), 30)], (0, 1, 0), [10, 10]),
    ("slices are not merged for its own sake", [some(*range(20)), some(*range(7), *range(10, 17))], (0, 2, 0), [7, 7]),
    ("what is left goes into the fullest that takes it all", [some(*range(20)), some(*range(7), *range(10, 14)), some(*range(7), *range(10, 14), 40, 41, 42)], (0, 1, 0), [10, 4]),
    ("more than one can take: a new one", [some(*range(20)), some(*range(7), *range(10, 14)), some(*range(7), *range(10, 14), *range(40, 47))], (1, 0, 0), [7, 4, 7]),
    ("the last one goes: one slice stays, empty", [some(1), []], (0, 1, 0), [0]),
    ("all of two go: one slice goes", [some(*range(11)), []], (0, 1, 1), [0]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "writes", "sizes"), [row[1:] for row in PACKING], ids=[r[0] for r in PACKING]
)
def test_packing(steps: list[list[Obj]], writes: tuple[int, int, int], sizes: list[int]) -> None:
    bench = Bench()
    found = [bench.look(pods, most=10) for pods in steps]
    assert found[-1] == writes
    assert sorted(bench.sizes()) == sorted(sizes)


def test_a_thousand_pods_and_a_rolling_update_of_them() -> None:
    """100 a slice; while pods are replaced ten at a time, no step rewrites more slices than it changes pods."""
    bench = Bench()
    now = list(range(1000))
    assert bench.look(some(*now)) == (10, 0, 0)
    for step in range(20):
        now = [*now[10:], *range(2000 + 10 * step, 2010 + 10 * step)]
        made, changed, deleted = bench.look(some(*now))
        assert (made, deleted) == (0, 0)
        assert changed <= 10
    assert sum(bench.sizes()) == 1000
    assert max(bench.sizes()) <= 100


# What an endpoint says.

READY, NOT, GOING, LEFT = (
    (True, True, False),
    (False, False, False),
    (False, True, True),
    (False, False, True),
)
STATES: list[tuple[str, Obj, Obj, tuple[bool, bool, bool] | None]] = [
    ("ready", web(), backing(1), READY),
    ("not ready", web(), backing(1, ready=False), NOT),
    ("going and serving", web(), going(1), GOING),
    ("going and done", web(), going(1, ready=False), LEFT),
    ("published whatever it is", web(publishNotReadyAddresses=True), backing(1, ready=False), (True, False, False)),
    ("published even while it goes", web(publishNotReadyAddresses=True), going(1), (True, True, True)),
    ("without an address", web(), backing(1, podIP="", podIPs=[]), None),
    ("succeeded", web(), backing(1, phase="Succeeded"), None),
    ("failed", web(), backing(1, phase="Failed"), None),
    ("on a node that is not known", web(), backing(1, spec={"nodeName": "gone"}), None),
    ("published on a node that is not known", web(publishNotReadyAddresses=True), backing(1, spec={"nodeName": "gone"}), READY),
    ("of the other family", web(ipFamilies=["IPv6"]), backing(1), None),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "one", "state"), [row[1:] for row in STATES], ids=[r[0] for r in STATES])
def test_states(owner: Obj, one: Obj, state: tuple[bool, bool, bool] | None) -> None:
    bench = Bench(owner)
    bench.look([one])
    found = bench.by_pod().get("p1")
    told = found and found["conditions"]
    assert (told and (told["ready"], told["serving"], told["terminating"])) == state


def test_an_endpoint_says_where_it_is_and_how_it_is_called() -> None:
    zone = {"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}}
    bench = Bench(web(clusterIP="None"), nodes={"n": zone})
    bench.look(
        [
            backing(1, spec={"nodeName": "n", "hostname": "db-0", "subdomain": "web"}),
            backing(2, spec={"hostname": "x", "subdomain": "other"}),
        ]
    )
    first, second = bench.by_pod()["p1"], bench.by_pod()["p2"]
    assert (first["nodeName"], first["zone"], first["hostname"]) == ("n", "z", "db-0")
    assert first["targetRef"] == {"kind": "Pod", "namespace": "default", "name": "p1", "uid": "u00001"}
    assert not {"hostname", "zone", "nodeName"} & second.keys()


NAMED = {"ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}]}
PORTS: list[tuple[str, Obj, list[Obj], list[tuple[list[int], int]]]] = [
    ("a number", web(), some(1, 2), [([80], 2)]),
    ("a name that differs from pod to pod", web(**NAMED), [backing(1, port=80), backing(2, port=81), backing(3, port=81)], [([80], 1), ([81], 2)]),
    ("a name that a pod does not have", web(**NAMED), [backing(1, port=80), backing(2)], [([], 1), ([80], 1)]),
    ("several", web(ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2}]), some(1), [([1, 2], 1)]),
    ("none, headless", web(clusterIP="None", ports=None), some(1), [([], 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "pods", "expected"), [row[1:] for row in PORTS], ids=[r[0] for r in PORTS])
def test_ports(owner: Obj, pods: list[Obj], expected: list[tuple[list[int], int]]) -> None:
    if owner["spec"].get("clusterIP") == "None":
        owner = {**owner, "spec": {key: value for key, value in owner["spec"].items() if key != "ports"}}
    bench = Bench(owner)
    bench.look(pods)
    assert sorted(([p["port"] for p in s["ports"]], len(s["endpoints"])) for s in bench.slices) == expected


DUAL = web(ipFamilies=["IPv4", "IPv6"])
BOTH = backing(1, ips=("10.1.0.1", "fd00::1"))


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (DUAL, {"IPv4": ["10.1.0.1"], "IPv6": ["fd00::1"]}),
        (web(), {"IPv4": ["10.1.0.1"]}),
        (web(ipFamilies=["IPv6"]), {"IPv6": ["fd00::1"]}),
        (web(ipFamilies=None, clusterIP="fd01::1"), {"IPv6": ["fd00::1"]}),
    ],
)
def test_families(owner: Obj, expected: dict[str, list[str]]) -> None:
    bench = Bench(owner)
    bench.look([BOTH])
    assert {s["addressType"]: s["endpoints"][0]["addresses"] for s in bench.slices} == expected


def test_labels_of_the_service_are_those_of_its_slices() -> None:
    bench = Bench(labelled(web(clusterIP="None"), team="a", **{"kubernetes.io/service-name": "mine"}))
    bench.look(some(1))
    expected = {
        "team": "a",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "service.kubernetes.io/headless": "",
    }
    assert labels_of(bench.slices[0]) == expected
    bench.service = labelled(bench.service, team="b")
    assert bench.look(some(1)) == (0, 1, 0)
    assert labels_of(bench.slices[0])["team"] == "b"


# Endpoints, the older form.


def older(owner: Obj, pods: list[Obj], current: Obj | None = None, memory: Any = None) -> Obj | None:
    """What the Endpoints become; None: they stay."""
    decided = endpoints.plan(endpoints.Seen(owner, pods, current, memory), NOW, SETTINGS)
    if not decided.steps:
        return None
    (step,) = decided.steps
    assert isinstance(step, Create | Update)
    return step.obj


OLDER: list[tuple[str, Obj, list[Obj], list[tuple[list[str], list[str], list[int]]]]] = [
    ("none", web(), [], []),
    ("ready and not ready", web(), [backing(2), backing(1), backing(3, ready=False)], [(["p1", "p2"], ["p3"], [80])]),
    ("what goes is not there", web(), [backing(1), going(2)], [(["p1"], [], [80])]),
    ("unless all are published", web(publishNotReadyAddresses=True), [going(1), backing(2, ready=False)], [(["p1", "p2"], [], [80])]),
    ("a name that differs", web(**NAMED), [backing(1, port=80), backing(2, port=81)], [(["p1"], [], [80]), (["p2"], [], [81])]),
    ("a name that a pod does not have", web(**NAMED), [backing(1, port=80), backing(2)], [(["p1"], [], [80])]),
    ("ended", web(), [backing(1, phase="Failed")], []),
    ("of another family", web(ipFamilies=["IPv6"]), [backing(1), BOTH], [(["p1"], [], [80])]),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "pods", "expected"), [row[1:] for row in OLDER], ids=[r[0] for r in OLDER])
def test_endpoints(
    owner: Obj, pods: list[Obj], expected: list[tuple[list[str], list[str], list[int]]]
) -> None:
    tree = older(owner, pods)
    assert tree is not None
    found = [
        (*listed({"subsets": [subset]}), [p["port"] for p in subset["ports"]])
        for subset in tree.get("subsets") or ()
    ]
    assert found == expected
    assert labels_of(tree)["endpoints.kubernetes.io/managed-by"] == "endpoint-controller"


CAPACITY: list[tuple[int, int, int, int, bool]] = [
    (999, 1, 999, 1, False),
    (1000, 0, 1000, 0, False),
    (1001, 0, 1000, 0, True),
    (1500, 40, 1000, 0, True),
    (900, 300, 900, 100, True),
    (0, 1200, 0, 1000, True),
]


@pytest.mark.parametrize(("ready", "waiting", "shown", "shown_waiting", "truncated"), CAPACITY)
def test_capacity(ready: int, waiting: int, shown: int, shown_waiting: int, truncated: bool) -> None:
    pods = [backing(n) for n in range(ready)] + [backing(ready + n, ready=False) for n in range(waiting)]
    tree = older(web(), pods)
    assert tree is not None
    (subset,) = tree["subsets"]
    assert len(subset.get("addresses") or ()) == shown
    assert len(subset.get("notReadyAddresses") or ()) == shown_waiting
    assert annotations_of(tree).get(OVER_CAPACITY) == ("truncated" if truncated else None)
    assert older(web(), pods, tree) is None
    fewer = older(web(), pods[:5], tree)
    assert fewer is not None
    assert OVER_CAPACITY not in annotations_of(fewer)


def test_capacity_is_shared_between_subsets() -> None:
    pods = [backing(n, port=80 + n % 3) for n in range(1500)]
    tree = older(web(**NAMED), pods)
    assert tree is not None
    assert [len(subset["addresses"]) for subset in tree["subsets"]] == [334, 334, 332]


def test_both_say_when_the_change_happened() -> None:
    first, bench = older(web(), some(1)), Bench()
    bench.look(some(1))
    assert first is not None
    made = rfc3339(NOW - 60)
    assert annotations_of(first)[LAST_CHANGE] == annotations_of(bench.slices[0])[LAST_CHANGE] == made
    later = [backing(1), backing(2, since=NOW + 9), backing(3, since=NOW + 7)]
    second = older(web(), later, first, {"p1": rfc3339(NOW)})
    bench.look(later)
    assert second is not None
    assert (
        annotations_of(second)[LAST_CHANGE]
        == annotations_of(bench.slices[0])[LAST_CHANGE]
        == rfc3339(NOW + 7)
    )
    # A change of labels alone is none of the network's.
    third = older(
        labelled(web(), a="b"),
        later,
        second,
        {"p1": rfc3339(NOW), "p2": rfc3339(NOW + 9), "p3": rfc3339(NOW + 7)},
    )
    assert third is not None
    assert LAST_CHANGE not in annotations_of(third)


# Mirroring.


def written(**more: Any) -> Obj:
    made = new_object(kinds.ENDPOINTS, "web", "default", **more)
    return {**made, "metadata": {**made["metadata"], "uid": "e", **more.pop("metadata", {})}}


def addresses(count: int, start: int = 0) -> list[Obj]:
    return [{"ip": f"10.2.{n // 250}.{n % 250 + 1}"} for n in range(start, start + count)]


HTTP = [{"name": "http", "port": 80, "protocol": "TCP"}]
MIRRORED: list[tuple[str, list[Obj], list[tuple[str, int, int]], list[tuple[str, str]]]] = [
    ("ready and not", [{"addresses": addresses(2), "notReadyAddresses": addresses(1, 9), "ports": HTTP}], [("IPv4", 2, 1)], []),
    ("both families", [{"addresses": [{"ip": "10.2.0.1"}, {"ip": "fd00::1"}], "ports": HTTP}], [("IPv4", 1, 0), ("IPv6", 1, 0)], []),
    ("other ports, another slice", [{"addresses": addresses(1), "ports": HTTP}, {"addresses": addresses(1, 5), "ports": []}], [("IPv4", 1, 0), ("IPv4", 1, 0)], []),
    ("the same ports, one slice", [{"addresses": addresses(1), "ports": HTTP}, {"addresses": addresses(1, 5), "ports": HTTP}], [("IPv4", 2, 0)], []),
    ("what is no address", [{"addresses": [{"ip": "10.2.0.1"}, {"ip": "x"}], "ports": HTTP}], [("IPv4", 1, 0)], [("InvalidIPAddress", "Skipped 1 invalid IP addresses when mirroring to EndpointSlices")]),
    ("too many, and before them what is no address", [{"addresses": [{"ip": "x"}, *addresses(1001), {"ip": "y"}], "ports": HTTP}], [("IPv4", 1000, 0)], [("InvalidIPAddress", "Skipped 1 invalid IP addresses when mirroring to EndpointSlices"), ("TooManyAddressesToMirror", "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped")]),
    ("too many", [{"addresses": addresses(1100), "ports": HTTP}], [("IPv4", 1000, 0)], [("TooManyAddressesToMirror", "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("subsets", "expected", "told"), [row[1:] for row in MIRRORED], ids=[r[0] for r in MIRRORED]
)
def test_mirroring(
    subsets: list[Obj], expected: list[tuple[str, int, int]], told: list[tuple[str, str]]
) -> None:
    seen = endpointslicemirroring.Seen(written(subsets=subsets), ())
    steps = endpointslicemirroring.plan(seen, NOW, SETTINGS).steps
    made = [step.obj for step in steps if isinstance(step, Create)]
    found = [
        (
            piece["addressType"],
            sum(e["conditions"]["ready"] for e in piece["endpoints"]),
            sum(not e["conditions"]["ready"] for e in piece["endpoints"]),
        )
        for piece in made
    ]
    assert sorted(found) == sorted(expected)
    assert [(step.reason, step.message) for step in steps if isinstance(step, Report)] == told
    for piece in made:
        assert (
            labels_of(piece)["endpointslice.kubernetes.io/managed-by"]
            == "endpointslicemirroring-controller.k8s.io"
        )


def test_services_that_say_where_they_are_themselves() -> None:
    """Without a selector nobody but their author writes Endpoints, and these are mirrored; an ExternalName is a name."""

    async def story(world: World) -> None:
        await world.client.create(
            kinds.SERVICE, service("named", selector=None, type="ExternalName", externalName="a.example.org")
        )
        await world.client.create(kinds.SERVICE, service("own", selector=None))
        subset = {"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}
        metadata = {
            "name": "own",
            "namespace": "default",
            "labels": {"team": "a"},
            "annotations": {"note": "b"},
        }
        await world.client.create(
            kinds.ENDPOINTS,
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]},
        )
        await world.settle(5)
        assert await slices(world, "named") == []
        assert await world.get(kinds.ENDPOINTS, "named") is None
        (piece,) = await slices(world, "own")
        assert piece["endpoints"][0]["addresses"] == ["192.0.2.1"]
        assert labels_of(piece)["team"] == "a"
        assert annotations_of(piece)["note"] == "b"
        await world.client.patch(
            kinds.ENDPOINTS,
            "own",
            "default",
            {"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}},
        )
        await world.settle(2)
        assert await slices(world, "own") == []
        await world.client.patch(
            kinds.ENDPOINTS,
            "own",
            "default",
            {"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": None}}},
        )
        await world.settle(2)
        assert len(await slices(world, "own")) == 1
        await world.client.delete(kinds.SERVICE, "own", "default")
        await world.settle(10)
        assert await slices(world, "own") == []

    play(
        story,
        "endpoints-controller,endpointslice-controller,endpointslice-mirroring-controller,garbage-collector-controller",
    )


def test_what_cannot_be_written_is_told() -> None:
    """With upstream's events; of mirrored slices upstream tells nobody."""

    def told(steps: Any) -> list[tuple[str, str, str]]:
        found = [getattr(step, "failure", None) for step in steps]
        return [(each.type, each.reason, each.message) for each in found if each is not None]

    def of_slices(what: str) -> list[tuple[str, str, str]]:
        message = (
            "Error updating Endpoint Slices for Service default/web: "
            f"failed to {what} EndpointSlice for Service default/web: {{error}}"
        )
        return [("Warning", "FailedToUpdateEndpointSlices", message)]

    service = web()
    made = endpointslice.plan(endpointslice.Seen(service, [backing(1)], {}, []), NOW, SETTINGS).steps
    assert told(made) == of_slices("create")
    assert isinstance(made[0], Create)
    there = {**made[0].obj, "metadata": {**made[0].obj["metadata"], "name": "web-a", "uid": "a"}}
    seen = endpointslice.Seen(service, [backing(1), backing(2)], {}, [there])
    assert told(endpointslice.plan(seen, NOW, SETTINGS).steps) == of_slices("update web-a")
    two = {**there, "metadata": {**there["metadata"], "name": "web-b", "uid": "b"}}
    seen = endpointslice.Seen(service, [backing(1)], {}, [there, {**two, "addressType": "IPv6"}])
    assert of_slices("delete web-b")[0] in told(endpointslice.plan(seen, NOW, SETTINGS).steps)
    current = older(service, [backing(1)])
    old = endpoints.plan(endpoints.Seen(service, [backing(1), backing(2)], current), NOW, SETTINGS).steps
    message = "Failed to update endpoint default/web: {error}"
    assert told(old) == [("Warning", "FailedToUpdateEndpoint", message)]

"""Which backends a node's frontends get, by the rules of the Service documentation."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.proxy.compile import Node, compile_rules
from pybernetes.proxy.model import Backend, Frontend

NODE = Node("n1", zone="a")


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]
    whole = {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.9",
        "clusterIPs": ["10.96.0.9"],
        "ports": ports,
        **spec,
    }
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": whole}


def endpoint(ip: str, node: str = "n1", **rest: Any) -> dict[str, Any]:
    conditions = {"ready": True, "serving": True, "terminating": False, **rest.pop("conditions", {})}
    return {"addresses": [ip], "nodeName": node, "conditions": conditions, **rest}


def slice_of(*endpoints: dict[str, Any], port: int = 8080) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web-x",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": port}],
        "endpoints": list(endpoints),
    }


def backends(svc: dict[str, Any], *slices: dict[str, Any]) -> list[list[str]]:
    return [[b.ip for b in frontend.backends] for frontend in compile_rules([svc], slices, NODE)]


def hints(zone: str, node: str = "") -> dict[str, Any]:
    return {"forZones": [{"name": zone}], **({"forNodes": [{"name": node}]} if node else {})}


TERMINATING = {"ready": False, "serving": True, "terminating": True}
READY, OTHER = endpoint("10.1.0.1"), endpoint("10.1.0.2", "n2")

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[list[str]]]] = {
    "all ready endpoints, in order": (service(), slice_of(OTHER, READY), [["10.1.0.1", "10.1.0.2"]]),
    "an unready endpoint is left out": (
        service(),
        slice_of(READY, endpoint("10.1.0.3", conditions={"ready": False, "serving": False})),
        [["10.1.0.1"]],
    ),
    "terminating endpoints serve only when nothing is ready": (
        service(),
        slice_of(endpoint("10.1.0.3", conditions=TERMINATING)),
        [["10.1.0.3"]],
    ),
    "terminating endpoints leave while others are ready": (
        service(),
        slice_of(READY, endpoint("10.1.0.3", conditions=TERMINATING)),
        [["10.1.0.1"]],
    ),
    "internal policy Local": (service(internalTrafficPolicy="Local"), slice_of(READY, OTHER), [["10.1.0.1"]]),
    "hints for this zone are followed when complete": (
        service(),
        slice_of(
            endpoint("10.1.0.1", hints={"forZones": [{"name": "a"}]}),
            endpoint("10.1.0.2", hints={"forZones": [{"name": "b"}]}),
        ),
        [["10.1.0.1"]],
    ),
    "incomplete hints are ignored": (
        service(),
        slice_of(endpoint("10.1.0.1", hints={"forZones": [{"name": "b"}]}), OTHER),
        [["10.1.0.1", "10.1.0.2"]],
    ),
    "hints for this node come before those for its zone": (
        service(),
        slice_of(
            endpoint("10.1.0.1", hints=hints("a", "n1")),
            endpoint("10.1.0.2", "n2", hints=hints("a", "n2")),
            endpoint("10.1.0.3", "n3", hints=hints("b", "n3")),
        ),
        [["10.1.0.1"]],
    ),
    "where no hint is for this node, those for its zone count": (
        service(),
        slice_of(
            endpoint("10.1.0.2", "n2", hints=hints("a", "n2")),
            endpoint("10.1.0.3", "n3", hints=hints("b", "n3")),
        ),
        [["10.1.0.2"]],
    ),
    "incomplete hints for nodes leave those for zones": (
        service(),
        slice_of(
            endpoint("10.1.0.1", hints=hints("a", "n1")),
            endpoint("10.1.0.2", "n2", hints=hints("a")),
            endpoint("10.1.0.3", "n3", hints=hints("b")),
        ),
        [["10.1.0.1", "10.1.0.2"]],
    ),
    "hints that are all for elsewhere are ignored": (
        service(),
        slice_of(
            endpoint("10.1.0.2", "n2", hints=hints("b", "n2")),
            endpoint("10.1.0.3", "n3", hints=hints("c", "n3")),
        ),
        [["10.1.0.2", "10.1.0.3"]],
    ),
    "an endpoint that is not ready needs no hint": (
        service(),
        slice_of(
            endpoint("10.1.0.1", hints=hints("a")),
            endpoint("10.1.0.2", "n2", hints=hints("b")),
            endpoint("10.1.0.3", conditions={"ready": False, "serving": False}),
        ),
        [["10.1.0.1"]],
    ),
    "hints are for traffic to any endpoint, not for policy Local": (
        service(internalTrafficPolicy="Local"),
        slice_of(endpoint("10.1.0.1", hints=hints("b")), endpoint("10.1.0.2", "n2", hints=hints("a"))),
        [["10.1.0.1"]],
    ),
    "terminating endpoints serve wherever they are hinted for": (
        service(),
        slice_of(
            endpoint("10.1.0.1", hints=hints("a"), conditions=TERMINATING),
            endpoint("10.1.0.2", "n2", hints=hints("b"), conditions=TERMINATING),
        ),
        [["10.1.0.1", "10.1.0.2"]],
    ),
    "policy Local falls back to this node's terminating endpoints": (
        service(internalTrafficPolicy="Local"),
        slice_of(OTHER, endpoint("10.1.0.3", conditions=TERMINATING)),
        [["10.1.0.3"]],
    ),
    "policy Local with nothing here has nothing": (
        service(internalTrafficPolicy="Local"),
        slice_of(OTHER),
        [[]],
    ),
    "an endpoint published as ready counts though it terminates": (
        service(),
        slice_of(READY, endpoint("10.1.0.3", conditions={"ready": True, "terminating": True})),
        [["10.1.0.1", "10.1.0.3"]],
    ),
    "a service without endpoints has a frontend that refuses": (service(), slice_of(), [[]]),
    "headless services are not proxied": (
        service(clusterIP="None", clusterIPs=["None"]),
        slice_of(READY),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_backends(case: str) -> None:
    svc, piece, expected = CASES[case]
    assert backends(svc, piece) == expected


def test_node_port_follows_the_external_policy() -> None:
    ports = [{"name": "http", "protocol": "TCP", "port": 80, "nodePort": 30080}]
    svc = service(type="NodePort", externalTrafficPolicy="Local", ports=ports, externalIPs=["198.51.100.7"])
    inside, external, node_port = compile_rules([svc], [slice_of(READY, OTHER)], NODE)
    assert (inside.ip, len(inside.backends)) == ("10.96.0.9", 2)
    local = (Backend("10.1.0.1", 8080),)
    assert external == Frontend("198.51.100.7", "tcp", 80, local, 0, True, "default/web:http")
    assert node_port == Frontend(None, "tcp", 30080, local, 0, True, "default/web:http")


def test_endpoints_of_several_slices_are_joined_once_each() -> None:
    assert backends(service(), slice_of(READY), slice_of(READY, OTHER)) == [["10.1.0.1", "10.1.0.2"]]
    assert compile_rules([service()], [slice_of(READY, port=9000)], NODE)[0].backends == (
        Backend("10.1.0.1", 9000),
    )

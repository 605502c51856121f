"""A node's network as computed from the Nodes."""

from __future__ import annotations

import json
from typing import Any

from pybernetes.network.layout import NetworkConfig, Route, conflist, layout, route_commands

CONFIG = NetworkConfig("n1", "10.244.0.0/16", "10.96.0.0/12", ipam_dir="/x")


def node(name: str, pod_cidr: str = "", ip: str = "") -> dict[str, Any]:
    spec = {"podCIDR": pod_cidr} if pod_cidr else {}
    addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": ip}]
    return {"metadata": {"name": name}, "spec": spec, "status": {"addresses": addresses if ip else []}}


def test_nothing_before_the_node_has_a_share() -> None:
    assert layout([], CONFIG) is None
    assert layout([node("n1")], CONFIG) is None


def test_shares_of_others_are_routed_and_the_rest_is_unreachable() -> None:
    nodes = [
        node("n1", "10.244.0.0/24", "198.51.100.1"),
        node("n2", "10.244.1.0/24", "198.51.100.2"),
        node("n3"),
    ]
    made = layout(nodes, CONFIG)
    assert made is not None
    assert made.gateway == "10.244.0.1/24"
    assert set(made.routes) == {
        Route("10.244.0.0/16", metric=9999),
        Route("10.96.0.0/12", dev="cni0"),
        Route("10.244.1.0/24", via="198.51.100.2"),
    }


def test_routes_change_by_difference() -> None:
    a, b = Route("10.244.1.0/24", via="198.51.100.2"), Route("10.244.2.0/24", via="198.51.100.3")
    assert route_commands([a], [a]) == []
    assert route_commands([a], [b]) == [
        "route del 10.244.1.0/24 via 198.51.100.2 proto 86",
        "route replace 10.244.2.0/24 via 198.51.100.3 proto 86",
    ]
    assert route_commands([], [Route("10.244.0.0/16", metric=9999)]) == [
        "route replace unreachable 10.244.0.0/16 proto 86 metric 9999"
    ]


def test_the_cni_configuration() -> None:
    tree = json.loads(conflist("10.244.0.0/24", CONFIG))
    bridge, portmap = tree["plugins"]
    assert bridge["ipam"] == {
        "type": "host-local",
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
        "dataDir": "/x",
    }
    assert bridge["hairpinMode"] is True
    assert portmap["capabilities"] == {"portMappings": True}

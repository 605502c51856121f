"""A node's network as computed from the Nodes."""

from __future__ import annotations

import json
from typing import Any

from pybernetes.network.layout import (
    NetworkConfig,
    Route,
    conflist,
    layout,
    masquerade,
    parse_routes,
    route_commands,
)

CONFIG = NetworkConfig("n1", "10.244.0.0/16", "10.96.0.0/12", ipam_dir="/x")
REST = Route("10.244.0.0/16", metric=9999)
SERVICES = Route("10.96.0.0/12", dev="lo")


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
        node("n3", "10.244.2.0/24"),
        node("n4"),
    ]
    made = layout(nodes, CONFIG)
    assert made is not None
    assert made.pod_cidr == "10.244.0.0/24"
    assert set(made.routes) == {REST, SERVICES, Route("10.244.1.0/24", via="198.51.100.2")}


def test_routes_change_by_difference() -> None:
    a, b = Route("10.244.1.0/24", via="198.51.100.2"), Route("10.244.2.0/24", via="198.51.100.3")
    assert route_commands([a], [a]) == []
    assert route_commands([a], [b]) == [
        "route del 10.244.1.0/24 via 198.51.100.2 proto 86",
        "route replace 10.244.2.0/24 via 198.51.100.3 proto 86",
    ]
    assert route_commands([], [REST, SERVICES]) == [
        "route replace unreachable 10.244.0.0/16 proto 86 metric 9999",
        "route replace 10.96.0.0/12 dev lo proto 86",
    ]


def test_what_ip_prints_is_read_back_as_the_same_routes() -> None:
    listing = json.dumps(
        [
            {"dst": "10.96.0.0/12", "dev": "lo", "scope": "link", "flags": []},
            {"type": "unreachable", "dst": "10.244.0.0/16", "dev": "lo", "metric": 9999, "flags": []},
            {"dst": "10.244.1.0/24", "gateway": "198.51.100.2", "dev": "eth0", "flags": []},
        ]
    )
    assert parse_routes(listing) == (SERVICES, REST, Route("10.244.1.0/24", via="198.51.100.2"))
    assert parse_routes("") == ()


def test_the_cni_configuration() -> None:
    tree = json.loads(conflist("10.244.0.0/24", CONFIG))
    cable, portmap = tree["plugins"]
    assert cable["type"] == "ptp"
    assert cable["ipam"] == {
        "type": "host-local",
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/x",
    }
    assert "mtu" not in cable
    assert portmap["capabilities"] == {"portMappings": True}
    jumbo = NetworkConfig("n1", "10.244.0.0/16", "10.96.0.0/12", mtu=8951)
    assert json.loads(conflist("10.244.0.0/24", jumbo))["plugins"][0]["mtu"] == 8951


def test_only_what_leaves_the_pod_range_is_masqueraded() -> None:
    script = masquerade(CONFIG)
    assert "ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16" in script
    assert script.index("ip daddr 10.96.0.0/12 return") < script.index(" masquerade")

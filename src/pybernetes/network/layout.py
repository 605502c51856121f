"""What a node's network looks like, computed from the Node objects.

- A bridge holds the node's pods; its address is the first of the node's share of the pod range, their gateway.
- Other nodes' shares are routed to those nodes directly (they are neighbours on one link).
- Every other address of the pod range is unreachable, so that it cannot leave by the default route.
- The service range is routed to the bridge. It must have some route, or a connect() on the node fails before kube-proxy's
  rules see it; an `unreachable` route would fail it just the same; on the bridge, what the rules do not translate or
  refuse finds no neighbour, and goes nowhere.
- What pods send to the rest of the world carries the node's address.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.meta import Obj, name_of

TABLE = "pybernetes-network"
PROTOCOL = 86  # of routes that are ours: by it they are found again


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """`bridge` is the name of the device, `ipam_dir` where addresses in use are remembered."""

    node_name: str
    cluster_cidr: str
    service_cidr: str
    bridge: str = "cni0"
    ipam_dir: str = "/var/lib/cni/networks"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """`via` an address, or `dev` a device, or neither: unreachable."""

    destination: str
    via: str = ""
    dev: str = ""
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything of one node. `gateway` is in CIDR notation ("10.244.0.1/24")."""

    pod_cidr: str
    gateway: str
    routes: tuple[Route, ...]


def pod_cidr_of(node: Obj) -> str:
    """The node's share of the pod range, "" while it has none."""
    return str(node["spec"].get("podCIDR") or "")


def internal_ip(node: Obj) -> str:
    """The node's InternalIP, "" where it has not said."""
    for address in (node.get("status") or {}).get("addresses") or ():
        if address["type"] == "InternalIP":
            return str(address["address"])
    return ""


def layout(nodes: Iterable[Obj], config: NetworkConfig) -> Layout | None:
    """The layout for the node that `config` names; None until it has a share of the pod range."""
    by_name = {name_of(node): node for node in nodes}
    me = by_name.pop(config.node_name, None)
    if me is None or not pod_cidr_of(me):
        return None
    share = ipaddress.ip_network(pod_cidr_of(me))
    routes = [
        Route(config.cluster_cidr, metric=9999),
        Route(config.service_cidr, dev=config.bridge),
        *(
            Route(pod_cidr_of(node), via=internal_ip(node))
            for node in by_name.values()
            if pod_cidr_of(node) and internal_ip(node)
        ),
    ]
    return Layout(str(share), f"{share[1]}/{share.prefixlen}", tuple(sorted(routes)))


def conflist(pod_cidr: str, config: NetworkConfig) -> str:
    """The CNI network configuration: Debian's bridge, host-local and portmap plugins."""
    bridge = {
        "type": "bridge",
        "bridge": config.bridge,
        "isGateway": True,
        "isDefaultGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pod_cidr}]], "dataDir": config.ipam_dir},
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    tree = {"cniVersion": "1.0.0", "name": "pybernetes", "plugins": [bridge, portmap]}
    return json.dumps(tree, indent=2) + "\n"


def masquerade(config: NetworkConfig) -> str:
    """The nft script that gives pods' traffic to the outside the node's address."""
    leaving = f"ip saddr {config.cluster_cidr} ip daddr != {config.cluster_cidr}"
    return f"""table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat + 10;
    ip daddr {config.service_cidr} return
    {leaving} ip daddr != 224.0.0.0/4 fib daddr type != local masquerade
  }}
}}
"""


def without_masquerade() -> str:
    """The nft script that takes it away again."""
    return f"table ip {TABLE}\ndelete table ip {TABLE}\n"


def setup_commands(wanted: Layout, config: NetworkConfig) -> list[str]:
    """`ip -batch` lines for the bridge; harmless where it is there already."""
    return [
        f"link add {config.bridge} type bridge",
        f"addr add {wanted.gateway} dev {config.bridge}",
        f"link set {config.bridge} up",
    ]


def route_commands(before: Iterable[Route], after: Iterable[Route]) -> list[str]:
    """`ip -batch` lines from one set of routes to another."""
    old, new = set(before), set(after)
    gone = [f"route del {_route(route)}" for route in sorted(old - new)]
    return gone + [f"route replace {_route(route)}" for route in sorted(new - old)]


def _route(route: Route) -> str:
    metric = f" metric {route.metric}" if route.metric else ""
    if route.via:
        return f"{route.destination} via {route.via} proto {PROTOCOL}{metric}"
    if route.dev:
        return f"{route.destination} dev {route.dev} proto {PROTOCOL}{metric}"
    return f"unreachable {route.destination} proto {PROTOCOL}{metric}"

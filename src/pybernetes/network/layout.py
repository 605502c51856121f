"""What a node's network looks like, computed from the Node objects.

- Each pod hangs on a cable of its own (CNI's ptp plugin): the node has one route per pod, the pod reaches everything
  through the node. There is no bridge, so packets between two pods of a node pass the node's rules like all others:
  a Service answers correctly without the `br_netfilter` module, and no address sits behind an ARP that nobody answers.
- Other nodes' shares of the pod range are routed to those nodes directly (they are neighbours on one link).
- Every other address of the pod range is unreachable, so it is refused at once and cannot leave by the default route.
- The service range is routed to the loopback device. It must have some route on a node without a default route, or a
  connect() of the node's own programs fails before kube-proxy's rules (output hook) see it; an `unreachable` route would
  fail it just the same. With this route the packet gets a source address of the node and reaches the hooks; what
  kube-proxy translates is routed anew, what it does not know it refuses, and without kube-proxy it stays on loopback.
  Proven with and without a default route in `tests/real/test_network_agent.py`.
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
LOWEST_PRIORITY = 9999  # metric of the unreachable rest of the pod range


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """`ipam_dir` is where addresses in use are remembered; `mtu` 0 leaves the kernel's default."""

    node_name: str
    cluster_cidr: str
    service_cidr: str
    ipam_dir: str = "/var/lib/cni/networks"
    mtu: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """`via` an address, or `dev` a device, or neither: unreachable."""

    destination: str
    via: str = ""
    dev: str = ""
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything of one node."""

    pod_cidr: str
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
    routes = [
        Route(config.cluster_cidr, metric=LOWEST_PRIORITY),
        Route(config.service_cidr, dev="lo"),
        *(
            Route(pod_cidr_of(node), via=internal_ip(node))
            for node in by_name.values()
            if pod_cidr_of(node) and internal_ip(node)
        ),
    ]
    return Layout(str(ipaddress.ip_network(pod_cidr_of(me))), tuple(sorted(routes)))


def conflist(pod_cidr: str, config: NetworkConfig) -> str:
    """The CNI network configuration: Debian's ptp, host-local and portmap plugins."""
    cable = {
        "type": "ptp",
        "ipMasq": False,
        **({"mtu": config.mtu} if config.mtu else {}),
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": config.ipam_dir,
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    tree = {"cniVersion": "1.0.0", "name": "pybernetes", "plugins": [cable, portmap]}
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
    {leaving} ip daddr != 224.0.0.0/4 fib daddr type != local masquerade fully-random
  }}
}}
"""


def without_masquerade() -> str:
    """The nft script that takes it away again."""
    return f"table ip {TABLE}\ndelete table ip {TABLE}\n"


def route_commands(before: Iterable[Route], after: Iterable[Route]) -> list[str]:
    """`ip -batch` lines from one set of routes to another."""
    old, new = set(before), set(after)
    gone = [f"route del {_route(route)}" for route in sorted(old - new)]
    return gone + [f"route replace {_route(route)}" for route in sorted(new - old)]


def parse_routes(listing: str) -> tuple[Route, ...]:
    """The routes in what `ip -json route show` printed ("" for none)."""
    return tuple(
        Route(
            entry["dst"],
            via=entry.get("gateway", ""),
            dev="" if "gateway" in entry or entry.get("type") == "unreachable" else entry.get("dev", ""),
            metric=entry.get("metric", 0),
        )
        for entry in json.loads(listing or "[]")
    )


def _route(route: Route) -> str:
    metric = f" metric {route.metric}" if route.metric else ""
    if route.via:
        return f"{route.destination} via {route.via} proto {PROTOCOL}{metric}"
    if route.dev:
        return f"{route.destination} dev {route.dev} proto {PROTOCOL}{metric}"
    return f"unreachable {route.destination} proto {PROTOCOL}{metric}"

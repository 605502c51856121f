"""node-ipam-controller: a share of each pod range for every node, never the same for two."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.ownership import those
from pybernetes.control.plan import Plan, Report, Update


@dataclass(frozen=True, slots=True)
class Seen:
    """A node, and the shares that the others have where it needs one."""

    node: Obj
    taken: frozenset[str] = frozenset()


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    if node is None:
        return None
    if _is_served(node):
        return Seen(node)  # nodes change all the time: nobody looks at 5,000 others for that
    others = those(caches.list(kinds.NODE), lambda other: bool(other["spec"].get("podCIDRs")))
    taken = {cidr for other in others for cidr in other["spec"]["podCIDRs"]}
    return Seen(node, frozenset(taken))


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    if _is_served(seen.node):
        return Plan.nothing("the node has a share")
    found = [free_share(each, seen.taken, settings) for each in settings.cluster_cidr.split(",")]
    shares = [share for share in found if share is not None]
    if len(shares) < len(found):
        message = f"Node {name_of(seen.node)} status is now: CIDRNotAvailable"
        return Plan((Report(seen.node, "Normal", "CIDRNotAvailable", message),), 60.0, "the range is used up")
    text = ", ".join(shares)
    spec = {**seen.node["spec"], "podCIDR": shares[0], "podCIDRs": shares}
    return Plan(
        (Update(kinds.NODE, {**seen.node, "spec": spec}, f"its pods get {text}"),), None, f"giving {text}"
    )


def _is_served(node: Obj) -> bool:
    return bool(node["spec"].get("podCIDR")) or is_deleting(node)


def free_share(cluster_range: str, taken: Collection[str], settings: Settings) -> str | None:
    """The first share of a range that nobody has and that no Service can have; None where there is none left."""
    cluster = ipaddress.ip_network(cluster_range.strip())
    ipv6 = cluster.version == 6
    services = [
        ipaddress.ip_network(each.strip()) for each in settings.service_cidr.split(",") if each.strip()
    ]
    prefix = settings.node_cidr_mask_size_ipv6 if ipv6 else settings.node_cidr_mask_size
    for share in cluster.subnets(new_prefix=prefix):
        if str(share) not in taken and not any(_overlap(share, each) for each in services):
            return str(share)
    return None


def _overlap(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return one.version == other.version and one.overlaps(other)


# One worker: two nodes that are looked at together must not be given the same share.
CONTROLLER = ControllerDef(
    "node-ipam-controller",
    watches=(itself(kinds.NODE),),
    observe=observe,
    plan=plan,
    account="node-controller",
    source="cidrAllocator",
    workers=1,
)

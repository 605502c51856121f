"""node-ipam-controller: a share of the pod range for every node, never the same for two."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Report, Update


@dataclass(frozen=True, slots=True)
class Seen:
    """A node, and the shares that the others have."""

    node: Obj
    taken: frozenset[str]


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    if node is None:
        return None
    taken = {cidr for other in caches.list(kinds.NODE) for cidr in other["spec"].get("podCIDRs") or ()}
    return Seen(node, frozenset(taken))


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    if seen.node["spec"].get("podCIDR") or is_deleting(seen.node):
        return Plan.nothing("the node has a share")
    cluster = ipaddress.ip_network(settings.cluster_cidr)
    shares = cluster.subnets(new_prefix=settings.node_cidr_mask_size)
    free = next((str(share) for share in shares if str(share) not in seen.taken), None)
    if free is None:
        message = f"Node {name_of(seen.node)} status is now: CIDRNotAvailable"
        return Plan((Report(seen.node, "Normal", "CIDRNotAvailable", message),), 60.0, "the range is used up")
    spec = {**seen.node["spec"], "podCIDR": free, "podCIDRs": [free]}
    return Plan(
        (Update(kinds.NODE, {**seen.node, "spec": spec}, f"its pods get {free}"),), None, f"giving {free}"
    )


# One worker: two nodes that are looked at together must not be given the same share.
CONTROLLER = ControllerDef(
    "node-ipam-controller",
    watches=(itself(kinds.NODE),),
    observe=observe,
    plan=plan,
    account="node-controller",
    workers=1,
)

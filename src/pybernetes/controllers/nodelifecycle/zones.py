"""How fast nodes that are lost are emptied: by zones, and by how many nodes of a zone are lost at once. Pure.

The rules are upstream's: in a zone that is well, or that is wholly down while others are up, one node every ten seconds;
in one of which more than half is lost, hardly any (a network is rather cut than that many machines broken); where
everything is lost, none at all, since it is then the control plane that is cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pybernetes.api.meta import Obj, labels_of
from pybernetes.control.definition import Settings
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import parse

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
LEAST_LOST = 2
"""So many lost nodes are no disruption of a zone yet, whatever share they are."""

Mode = Literal["Normal", "PartialDisruption", "FullDisruption"]


@dataclass(frozen=True, slots=True)
class Disruption:
    """What is known of a node's zone: its mode and size, when a node of it was last begun to be emptied (Unix seconds,
    None: never), and whether every zone is wholly down."""

    mode: Mode = "Normal"
    nodes: int = 1
    last: float | None = None
    everywhere: bool = False

    def wait(self, now: float, settings: Settings) -> float | None:
        """Seconds until the next node of the zone may be emptied; None while none may."""
        rate = self.rate(settings)
        if rate <= 0:
            return None
        return 0.0 if self.last is None else max(0.0, self.last + 1 / rate - now)

    def rate(self, settings: Settings) -> float:
        """Nodes per second."""
        if self.everywhere:
            return 0.0
        if self.mode != "PartialDisruption":
            return settings.node_eviction_rate
        return settings.secondary_node_eviction_rate if self.nodes > settings.large_cluster_size else 0.0


def zone_of(node: Obj) -> tuple[str, str]:
    labels = labels_of(node)
    return labels.get(REGION, ""), labels.get(ZONE, "")


def mode_of(ready: int, lost: int, settings_threshold: float) -> Mode:
    """The mode of a zone with so many nodes that are ready and that are not."""
    if not ready and lost:
        return "FullDisruption"
    if lost > LEAST_LOST and lost / (lost + ready) >= settings_threshold:
        return "PartialDisruption"
    return "Normal"


def disruption(node: Obj, nodes: Sequence[Obj], threshold: float) -> Disruption:
    """The disruption of a node's zone, among all nodes."""
    zones: dict[tuple[str, str], list[Obj]] = {}
    for each in nodes:
        zones.setdefault(zone_of(each), []).append(each)
    modes = {zone: _mode(members, threshold) for zone, members in zones.items()}
    mine = zones.get(zone_of(node), [node])
    return Disruption(
        modes.get(zone_of(node), "Normal"),
        len(mine),
        max(_emptied(mine), default=None),
        all(mode == "FullDisruption" for mode in modes.values()),
    )


def _mode(nodes: Sequence[Obj], threshold: float) -> Mode:
    ready = sum((condition(node, "Ready") or {}).get("status") == "True" for node in nodes)
    return mode_of(ready, len(nodes) - ready, threshold)


def _emptied(nodes: Iterable[Obj]) -> Iterable[float]:
    for node in nodes:
        for taint in node["spec"].get("taints") or ():
            if (
                taint["key"] in (NOT_READY, UNREACHABLE)
                and taint["effect"] == "NoExecute"
                and taint.get("timeAdded")
            ):
                yield parse(taint["timeAdded"])

"""Hints by `service.kubernetes.io/topology-mode: Auto` (KEP-2433): zones get endpoints in proportion to their CPU.

Every ready endpoint is first for its own zone; then zones with more than their share lend to zones with less. Where some
zone's endpoints would carry more than `OVERLOAD` above their fair load whatever is done, there are no hints.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pybernetes.api.meta import Obj, labels_of
from pybernetes.controllers.pods import condition
from pybernetes.lang import quantity

from .draft import Draft, is_ready
from .endpoint import ZONE
from .hints import remove

OVERLOAD = 0.2
EXCLUDED = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
ENABLED = "Topology Aware Hints has been enabled"
DISABLED = "Topology Aware Hints has been disabled"
NO_ZONE = "One or more endpoints do not have a zone specified"
NO_HINTS = "No hints allocated for zones"
NO_NODE_INFO = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
TOO_FEW = "Insufficient number of endpoints"
OVERLOADED = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"


@dataclass(frozen=True, slots=True)
class Share:
    """How many endpoints a zone is to have."""

    least: int
    most: int
    desired: float


def node_facts(node: Obj | None) -> tuple[str, str] | None:
    """Zone and allocatable CPU of a node that counts; None for one that does not: not ready, or a control plane."""
    if node is None or any(label in labels_of(node) for label in EXCLUDED):
        return None
    ready = condition(node, "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return labels_of(node).get(ZONE, ""), str(allocatable.get("cpu", "0"))


def zone_cpu(nodes: Iterable[Obj]) -> dict[str, int]:
    """Thousandths of CPUs by zone; nothing where it is unknown of some node, or there are not two zones."""
    found: Counter[str] = Counter()
    for node in nodes:
        facts = node_facts(node)
        if facts is not None:
            zone, cpu = facts[0], quantity.milli(facts[1])
            if not zone or not cpu:
                return {}
            found[zone] += cpu
    return dict(sorted(found.items())) if len(found) > 1 else {}


def allocate(cpu: Mapping[str, int], count: int) -> dict[str, Share] | str:
    """The share of each zone in so many ready endpoints, or in words why there is none."""
    if not cpu:
        return NO_NODE_INFO
    told = f"({count} endpoints, {len(cpu)} zones)"
    if len(cpu) > count:
        return f"{TOO_FEW} {told}"
    total = sum(cpu.values())
    desired = {zone: amount / total * count for zone, amount in cpu.items()}
    least = {zone: math.ceil(share * (1 / (1 + OVERLOAD))) for zone, share in desired.items()}
    spare = count - sum(least.values())
    if spare < 0:
        return f"{OVERLOADED} {told}"
    return {zone: Share(least[zone], least[zone] + spare, max(desired[zone], least[zone])) for zone in cpu}


def add_hints(drafts: Sequence[Draft], cpu: Mapping[str, int]) -> str:
    """Sets the hints of all ready endpoints of one address family and answers ""; or removes all hints and answers
    why. A slice whose hints still do stays as it is."""
    shares = allocate(cpu, sum(is_ready(entry) for draft in drafts for entry in draft.endpoints))
    why = shares if isinstance(shares, str) else _add(drafts, shares)
    if why:
        remove(drafts)
    return why


def _add(drafts: Sequence[Draft], shares: Mapping[str, Share]) -> str:
    hinted: Counter[str] = Counter()
    for draft in drafts:
        if not draft.written:
            counts = _counts(draft, hinted, shares)
            if counts is None:
                draft.changed = True
            else:
                hinted.update(counts)
    written = [d for d in drafts if d.piece is None] + [d for d in drafts if d.piece and d.changed]
    for draft in written:
        for index, entry in enumerate(draft.endpoints):
            if not is_ready(entry):
                draft.hint(index, None)
            elif not entry.get("zone"):
                return NO_ZONE
            else:
                hinted[entry["zone"]] += 1
                draft.hint(index, {"forZones": [{"name": entry["zone"]}]})
    _lend(written, *_moves(shares, hinted))
    return "" if hinted else NO_HINTS


def _counts(draft: Draft, hinted: Mapping[str, int], shares: Mapping[str, Share]) -> Counter[str] | None:
    """The hints of a slice by zone; None where it needs new ones: one is missing, is for a zone without a share, or a
    zone would have more than it may."""
    found: Counter[str] = Counter()
    for entry in filter(is_ready, draft.endpoints):
        zones = [zone["name"] for zone in (entry.get("hints") or {}).get("forZones") or ()]
        if not zones or any(zone not in shares for zone in zones):
            return None
        found.update(zones)
    over = any(count + hinted.get(zone, 0) > shares[zone].most for zone, count in found.items())
    return None if over else found


def _moves(shares: Mapping[str, Share], hinted: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """How many endpoints zones give and get: whole ones, from the richest to the poorest, as long as that helps."""
    rich = {z: hinted.get(z, 0) - s.desired for z, s in shares.items() if hinted.get(z, 0) > s.desired}
    poor = {z: s.desired - hinted.get(z, 0) for z, s in shares.items() if hinted.get(z, 0) < s.desired}
    giving: Counter[str] = Counter()
    getting: Counter[str] = Counter()
    while rich and poor:
        giver, taker = max(rich, key=lambda z: rich[z]), max(poor, key=lambda z: poor[z])
        if max(rich[giver], poor[taker]) < 1.0 or min(rich[giver], poor[taker]) < 0.5:
            break
        giving[giver] += 1
        rich[giver] -= 1
        getting[taker] += 1
        poor[taker] -= 1
    return giving, getting


def _lend(written: Sequence[Draft], giving: Counter[str], getting: Counter[str]) -> None:
    """Hints endpoints of giving zones for getting ones."""
    for draft in written:
        for index, entry in enumerate(draft.endpoints):
            taker = next((zone for zone in sorted(getting) if getting[zone] > 0), None)
            if taker is None:
                return
            if is_ready(entry) and giving[entry["zone"]] > 0:
                draft.hint(index, {"forZones": [{"name": taker}]})
                giving[entry["zone"]] -= 1
                getting[taker] -= 1

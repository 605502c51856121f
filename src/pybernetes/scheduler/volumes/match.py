"""Which volume serves which claim on which node: for all nodes at once.

A claim gets the smallest volume that is large enough, as upstream's `FindMatchingVolume`; claims are served from the
smallest up, and a volume serves one of them. Where none is found, it is to be provisioned, if the class can do so
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pybernetes.api.meta import (
    Obj,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
    resource_version_of,
    uid_of,
)
from pybernetes.lang import labelselector, quantity

from ..nodetable import Ints, Mask, NodeTable
from ..plugins.node_affinity import expression, matches_terms
from .claims import SELECTED_NODE, requested
from .view import VolumeView, class_of

NO_PROVISIONER = "kubernetes.io/no-provisioner"


@dataclass(slots=True)
class Matching:
    """`chosen[i]` is, per row, the place in `volumes` of the volume for the i-th of `claims`, -1 for none. `unbindable`
    and `too_small` are the rows where a claim finds neither volume nor provisioner, or no room."""

    claims: list[Obj]
    volumes: list[Obj]
    chosen: list[Ints]
    unbindable: Mask
    too_small: Mask

    def on(self, row: int) -> tuple[list[tuple[Obj, Obj]], list[Obj]]:
        """(claims with their volumes, claims to be provisioned) if the pod goes to this row."""
        static, dynamic = [], []
        for claim, chosen in zip(self.claims, self.chosen, strict=True):
            place = int(chosen[row])
            if place >= 0:
                static.append((claim, self.volumes[place]))
            else:
                dynamic.append(claim)
        return static, dynamic


def allowed_nodes(volume: Obj, table: NodeTable) -> Mask | None:
    """The rows that a volume's node affinity allows; None where it has none. Kept while nodes and volume stand."""
    required = ((volume["spec"].get("nodeAffinity") or {}).get("required")) or None
    if required is None:
        return None
    kept: dict[tuple[str, str], Mask] = table.memo.setdefault("volume masks", {})
    if table.memo.get("volume masks at") != (table.nodes_version, table.size):
        kept.clear()
        table.memo["volume masks at"] = (table.nodes_version, table.size)
    key = (uid_of(volume) or name_of(volume), resource_version_of(volume))
    mask = kept.get(key)
    if mask is None:
        mask = kept[key] = matches_terms(tuple(required.get("nodeSelectorTerms") or ()), table)
    return mask


def match(claims: tuple[Obj, ...], view: VolumeView, table: NodeTable, wanted: Mask) -> Matching:
    """Serves the claims on every wanted row. On each, the first claim that cannot be served is the reason."""
    selected = [claim for claim in claims if SELECTED_NODE in annotations_of(claim)]
    others = sorted((each for each in claims if SELECTED_NODE not in annotations_of(each)), key=requested)
    none = np.zeros(table.size, np.bool_)
    found = Matching([*selected, *others], [], [], none, none.copy())
    for claim in selected:
        elsewhere = wanted.copy()
        row = table.rows.get(annotations_of(claim)[SELECTED_NODE])
        if row is not None:
            elsewhere[row] = False
        found.unbindable |= elsewhere
        found.chosen.append(np.full(table.size, -1, np.int64))
    taken: dict[int, Mask] = {}
    places: dict[str, int] = {}
    for claim in others:
        chosen: Ints = np.full(table.size, -1, np.int64)
        _static(claim, view, table, wanted, chosen, found, taken, places)
        found.chosen.append(chosen)
    for claim, chosen in zip(found.claims, found.chosen, strict=True):
        left = wanted & (chosen < 0) & ~found.unbindable & ~found.too_small
        if left.any():
            able, roomy = _dynamic(claim, view, table)
            found.unbindable |= left & ~able
            found.too_small |= left & able & ~roomy
    return found


def _static(
    claim: Obj,
    view: VolumeView,
    table: NodeTable,
    here: Mask,
    chosen: Ints,
    found: Matching,
    taken: dict[int, Mask],
    places: dict[str, int],
) -> None:
    for volume in _fitting(claim, view):
        free = here & (chosen < 0)
        if not free.any():
            return
        allowed = allowed_nodes(volume, table)
        if allowed is not None:
            free &= allowed
        place = places.setdefault(name_of(volume), len(found.volumes))
        if place == len(found.volumes):
            found.volumes.append(volume)
        if place in taken:
            free &= ~taken[place]
        if free.any():
            chosen[free] = place
            taken[place] = taken.get(place, np.zeros(table.size, np.bool_)) | free


def _fitting(claim: Obj, view: VolumeView) -> Iterator[Obj]:
    """The volumes that may serve a claim: only its own, where one is bound to it beforehand, or else from the smallest
    up."""
    spec, size = claim["spec"], requested(claim)
    selector = labelselector.from_label_selector(spec["selector"]) if spec.get("selector") else None
    modes = set(spec.get("accessModes") or ())
    found: list[tuple[int, int, str, Obj]] = []
    for volume in view.of_class(class_of(claim)):
        its = volume["spec"]
        if (its.get("volumeMode") or "Filesystem") != (spec.get("volumeMode") or "Filesystem"):
            continue
        capacity = quantity.units((its.get("capacity") or {}).get("storage") or "0")
        if capacity < size or volume["metadata"].get("deletionTimestamp"):
            continue
        reference = its.get("claimRef")
        if reference:
            if _is_for(reference, claim):
                found.append((0, capacity, name_of(volume), volume))
            continue
        if ((volume.get("status") or {}).get("phase") or "Available") != "Available":
            continue
        if (its.get("volumeAttributesClassName") or "") != (spec.get("volumeAttributesClassName") or ""):
            continue
        if selector is not None and not selector.matches(labels_of(volume)):
            continue
        if modes <= set(its.get("accessModes") or ()):
            found.append((1, capacity, name_of(volume), volume))
    found.sort(key=lambda each: each[:3])
    for own, _, _, volume in found:
        yield volume
        if own == 0:
            return


def _is_for(reference: Mapping[str, str], claim: Obj) -> bool:
    if (reference.get("name"), reference.get("namespace")) != (name_of(claim), namespace_of(claim)):
        return False
    return not reference.get("uid") or reference["uid"] == uid_of(claim)


def _dynamic(claim: Obj, view: VolumeView, table: NodeTable) -> tuple[Mask, Mask]:
    """(rows where the class may provision, rows where its storage has room)."""
    none, every = np.zeros(table.size, np.bool_), np.ones(table.size, np.bool_)
    storage_class = view.get("StorageClass", class_of(claim))
    provisioner = (storage_class or {}).get("provisioner") or ""
    if storage_class is None or provisioner in ("", NO_PROVISIONER):
        return none, every
    able = every
    if topologies := storage_class.get("allowedTopologies"):
        able = none.copy()
        for term in topologies:
            matching = every.copy()
            for each in term.get("matchLabelExpressions") or ():
                matching &= expression(table, each["key"], "In", list(each.get("values") or ()))
            able |= matching if term.get("matchLabelExpressions") else none
    driver = view.get("CSIDriver", provisioner)
    if driver is None or not (driver.get("spec") or {}).get("storageCapacity"):
        return able, every
    return able, _room(claim, name_of(storage_class), view, table)


def _room(claim: Obj, class_name: str, view: VolumeView, table: NodeTable) -> Mask:
    """The rows in a segment whose reported capacity is enough."""
    size, roomy = requested(claim), np.zeros(table.size, np.bool_)
    for each in view.all("CSIStorageCapacity"):
        if each.get("storageClassName") != class_name or each.get("nodeTopology") is None:
            continue
        most = each.get("maximumVolumeSize") or each.get("capacity")
        if most is None or quantity.units(most) < size:
            continue
        selector = labelselector.from_label_selector(each["nodeTopology"])
        roomy |= np.fromiter(
            (selector.matches(table.labels_at(row)) for row in range(table.size)), np.bool_, table.size
        )
    return roomy

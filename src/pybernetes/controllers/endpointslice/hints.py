"""Hints by `spec.trafficDistribution` (KEPs 4444 and 3015): each ready endpoint is for its own zone, or its own node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.meta import Obj, annotations_of

from .draft import Draft, is_ready

MODE = "service.kubernetes.io/topology-mode"
OLDER_MODE = "service.kubernetes.io/topology-aware-hints"
"""The annotation of before 1.27; where both are there, it counts."""
CLOSE = ("PreferClose", "PreferSameZone", "PreferSameNode")


def is_auto(service: Obj) -> bool:
    """Whether the Service's annotation asks for hints in proportion to the zones' CPU (`topology.py`)."""
    found = annotations_of(service)
    return found.get(OLDER_MODE, found.get(MODE)) in ("Auto", "auto")


def distribute(distribution: str, drafts: Iterable[Draft]) -> None:
    """Sets the hints of `PreferSameZone` (or its older name `PreferClose`) or `PreferSameNode`; a slice that has them
    already stays as it is."""
    for draft in drafts:
        if draft.written or any(_is_off(entry, distribution) for entry in draft.endpoints):
            draft.changed = True
            for index, entry in enumerate(draft.endpoints):
                draft.hint(index, _wanted(entry, distribution) if is_ready(entry) else None)


def remove(drafts: Iterable[Draft]) -> None:
    """No hints anywhere: traffic goes to every endpoint alike."""
    for draft in drafts:
        for index, entry in enumerate(draft.endpoints):
            if entry.get("hints"):
                draft.hint(index, None)
                draft.changed = True


def _is_off(entry: Obj, distribution: str) -> bool:
    present = {k: v for k, v in (entry.get("hints") or {}).items() if v}
    return is_ready(entry) and present != _wanted(entry, distribution)


def _wanted(entry: Obj, distribution: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if entry.get("zone"):
        found["forZones"] = [{"name": entry["zone"]}]
    if entry.get("nodeName") and distribution == "PreferSameNode":
        found["forNodes"] = [{"name": entry["nodeName"]}]
    return found

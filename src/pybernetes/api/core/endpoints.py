"""Endpoints: the addresses behind a Service, in one object (superseded by EndpointSlices)."""

from __future__ import annotations

from ..cells import AGE, NAME
from ..kind import Cell, Column, Kind
from ..meta import Obj

SHOWN = 3


def endpoints_cell(endpoints: Obj, _now: float) -> Cell:
    """The first three `address:port` pairs, and how many there are beyond them."""
    pairs: list[str] = []
    for subset in endpoints.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            pairs += [f"{address['ip']}:{port['port']}" for port in ports] or [address["ip"]]
    if not pairs:
        return "<none>"
    more = f" + {len(pairs) - SHOWN} more..." if len(pairs) > SHOWN else ""
    return ",".join(pairs[:SHOWN]) + more


ENDPOINTS = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    namespaced=True,
    singular="endpoints",
    short_names=("ep",),
    storage_prefix="services/endpoints",
    schema="io.k8s.api.core.v1.Endpoints",
    columns=(NAME, Column("Endpoints", endpoints_cell), AGE),
)

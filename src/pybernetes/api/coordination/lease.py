"""Leases: heartbeats and leader election."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..kind import Column, Kind

LEASE = Kind(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    namespaced=True,
    singular="lease",
    schema="io.k8s.api.coordination.v1.Lease",
    columns=(NAME, Column("Holder", at("spec", "holderIdentity")), AGE),
)

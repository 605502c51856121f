"""Ingresses: rules by which HTTP from outside reaches services."""

from __future__ import annotations

from typing import Any

from ..cells import AGE, NAME, at, dig
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, annotations_of
from .ingress_validation import (
    CLASS_ANNOTATION,
    validate_create,
    validate_status,
    validate_update,
)

MOST_HOSTS = 3


def prepare_create(ingress: MutableObj) -> None:
    ingress["status"] = {"loadBalancer": {}}


def warnings(ingress: Obj, old: Obj | None) -> list[str]:
    if old is None and CLASS_ANNOTATION in annotations_of(ingress):
        return [
            f"annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ]
    return []


def _points(ingress: Obj) -> list[Any]:
    return dig(ingress, "status", "loadBalancer", "ingress") or []


def _hosts(ingress: Obj, _now: float) -> Cell:
    hosts = [rule["host"] for rule in dig(ingress, "spec", "rules") or () if rule.get("host")]
    more = f" + {len(hosts) - MOST_HOSTS} more..." if len(hosts) > MOST_HOSTS else ""
    return (",".join(hosts[:MOST_HOSTS]) or "*") + more


def _address(ingress: Obj, _now: float) -> Cell:
    return ",".join(
        sorted({point.get("ip") or point.get("hostname") or "" for point in _points(ingress)} - {""})
    )


def _ports(ingress: Obj, _now: float) -> Cell:
    return "80, 443" if dig(ingress, "spec", "tls") else "80"


INGRESS = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    namespaced=True,
    singular="ingress",
    short_names=("ing",),
    subresources=("status",),
    storage_prefix="ingress",
    schema="io.k8s.api.networking.v1.Ingress",
    generation=True,
    prepare_create=prepare_create,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Class", at("spec", "ingressClassName", default="<none>")),
        Column("Hosts", _hosts),
        Column("Address", _address),
        Column("Ports", _ports),
        AGE,
    ),
)

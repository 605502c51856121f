"""IPAddresses: that an address of the service network is taken, and by whom. The name is the address."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj
from ..validation.values import immutable, named
from .references import validate_reference


def validate(address: Obj, errors: FieldErrors) -> None:
    at, parent = errors.at("spec"), dig(address, "spec", "parentRef")
    if parent is None:
        at.required("parentRef")
        return
    # The group of services is "": nothing to check.
    reference = {**parent, "group": parent.get("group") or None}
    validate_reference(reference, at.at("parentRef"), "resource", "group")
    named(parent, "namespace", names.path_segment, at.at("parentRef"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new.get("spec") or {}, old.get("spec") or {}, "parentRef", errors.at("spec"))


def _parent(address: Obj, _now: float) -> Cell:
    """`services/default/kubernetes`."""
    parent = dig(address, "spec", "parentRef")
    if parent is None:
        return "<none>"
    group = f".{parent['group']}" if parent.get("group") else ""
    parts = (f"{parent.get('resource', '')}{group}".lower(), parent.get("namespace"), parent.get("name", ""))
    return "/".join(part for part in parts if part)


IPADDRESS = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IPAddress",
    plural="ipaddresses",
    namespaced=False,
    singular="ipaddress",
    short_names=("ip",),
    schema="io.k8s.api.networking.v1.IPAddress",
    name_rule="ipaddress",
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("ParentRef", _parent)),
)

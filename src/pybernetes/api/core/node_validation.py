"""What a Node may say, and what of it stays: upstream's `ValidateNode` and `ValidateNodeUpdate`."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..cells import dig
from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_resources import validate_amount
from ..validation.addresses import legacy_cidr

EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_ONCE = 'node updates may not change {} except from "" to valid'


def validate(node: Obj, errors: FieldErrors) -> None:
    """Of a node that is made or replaced."""
    _validate_taints(dig(node, "spec", "taints") or (), errors.at("metadata", "taints"))
    for field in ("capacity", "allocatable"):
        for name, amount in (dig(node, "status", field) or {}).items():
            validate_amount(name, amount, errors.at("status", field, name))
    _validate_blocks(dig(node, "spec", "podCIDRs") or (), errors.at("spec", "podCIDRs"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Of the node and of its status."""
    seen: list[Any] = []
    for index, address in enumerate(dig(new, "status", "addresses") or ()):
        if address in seen:
            shown = {"Type": address.get("type", ""), "Address": address.get("address", "")}
            errors.at("status", "addresses", index).duplicate(shown)
        seen.append(address)
    at, after, before = errors.at("spec"), new.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs") and after.get("podCIDRs") != before["podCIDRs"]:
        at.forbidden(_ONCE.format("podCIDR"), "podCIDRs")
    if before.get("providerID") and after.get("providerID") != before["providerID"]:
        at.forbidden(_ONCE.format("providerID"), "providerID")
    if (after.get("externalID") or "") != (before.get("externalID") or ""):
        at.forbidden("may not be updated", "externalID")


def _validate_taints(taints: Any, at: FieldErrors) -> None:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        here = at.at(index)
        _validate_taint(taint, here)
        identity = (taint.get("key") or "", taint.get("effect") or "")
        if identity in seen:
            shown = {
                "Key": identity[0],
                "Value": taint.get("value") or "",
                "Effect": identity[1],
                "TimeAdded": taint.get("timeAdded"),
            }
            here.duplicate(shown, detail="taints must be unique by key and effect pair")
        seen.add(identity)


def _validate_taint(taint: Obj, at: FieldErrors) -> None:
    key, value, effect = (taint.get(field) or "" for field in ("key", "value", "effect"))
    for message in names.qualified_name(key):
        at.invalid(key, message, "key")
    if faults := names.label_value(value):
        at.invalid(value, ";".join(faults), "value")
    if not effect:
        at.required("effect")
    elif effect not in EFFECTS:
        at.not_supported(effect, EFFECTS, "effect")


def _validate_blocks(blocks: Any, at: FieldErrors) -> None:
    """One for each family at most."""
    good = [legacy_cidr(text, at.at(index)) for index, text in enumerate(blocks)]
    if len(blocks) > 1 and all(good) and (len(blocks) > 2 or len({":" in text for text in blocks}) < 2):
        at.invalid(list(blocks), "may specify no more than one CIDR for each IP family")

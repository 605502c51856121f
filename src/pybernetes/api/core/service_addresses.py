"""Cluster addresses and address families of Services: what goes together, and what may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import Obj
from ..validation.addresses import legacy_address, parse_address

FAMILIES = ["IPv4", "IPv6"]
FAMILY_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"]
ONCE_SET = "may not change once set"


def is_headless(spec: Obj) -> bool:
    """Whether a Service's spec asks for no address."""
    given: Sequence[str] = spec.get("clusterIPs") or ()
    return len(given) == 1 and given[0] == "None"


def family_of(text: str) -> str:
    """Of a valid address."""
    return "IPv6" if ":" in text else "IPv4"


def validate_addresses(spec: Obj, before: Obj, at: FieldErrors) -> None:
    """The addresses and families of a Service's spec, by themselves and with each other; `before` is the spec that it
    had (empty where it is new), whose addresses stay good."""
    if spec.get("type") == "ExternalName":
        return
    found = FieldErrors()
    here = found.at("spec")
    given, families = spec.get("clusterIPs") or (), spec.get("ipFamilies") or ()
    _match(spec.get("clusterIP") or "", given, here)
    for index, family in enumerate(families):
        if family not in FAMILIES:
            here.at("ipFamilies", index).not_supported(family, FAMILIES)
        if family in families[:index]:
            here.at("ipFamilies", index).duplicate(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in FAMILY_POLICIES:
        here.not_supported(policy, FAMILY_POLICIES, "ipFamilyPolicy")
    if _readable(given, before.get("clusterIPs") or (), here):
        if len(given) > 2:
            here.invalid(given, "may only hold up to 2 values", "clusterIPs")
        if len(given) > 1 and len({family_of(text) for text in given}) < 2:
            here.invalid(given, "may specify no more than one IP for each IP family", "clusterIPs")
        if not found and not is_headless(spec):
            _match_families(given, families, here)
    at.add(found)


def _match(first: str, given: Any, at: FieldErrors) -> None:
    if first and not given:
        at.required("clusterIPs")
    elif first and given[0] != first:
        at.invalid(given, "first value must match `clusterIP`", "clusterIPs")
    elif given and not first:
        at.invalid(given, "must be empty when `clusterIP` is not specified", "clusterIPs")


def _readable(given: Any, known: Any, at: FieldErrors) -> bool:
    """Whether all addresses are addresses: what else is wrong with them makes no sense before."""
    good = True
    for index, text in enumerate(given):
        if index == 0 and text == "None":
            if len(given) > 1:
                good = False
                at.invalid(given, "'None' must be the first and only value", "clusterIPs")
        else:
            good = legacy_address(text, at.at("clusterIPs", index), known) and good
            good = good and parse_address(text) is not None
    return good


def _match_families(given: Any, families: Any, at: FieldErrors) -> None:
    for index, (text, family) in enumerate(zip(given, families, strict=False)):
        if family_of(text) != family:
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            at.at("clusterIPs", index).invalid(text, why)


def validate_addresses_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A second address and family may come and go; the first ones stay, unless there were none."""
    at = errors.at("spec")
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if "ExternalName" in (before.get("type"), after.get("type")):
        return
    if is_headless(after) and is_headless(before):
        return
    _kept("clusterIPs", after, before, at)
    if is_headless(after) == is_headless(before):
        _kept("ipFamilies", after, before, at)


def _kept(field: str, after: Obj, before: Obj, at: FieldErrors) -> None:
    is_now: Sequence[str] = after.get(field) or ()
    was: Sequence[str] = before.get(field) or ()
    if len(is_now) == len(was):
        for index, text in enumerate(was):
            if is_now[index] != text:
                at.at(field, index if field == "clusterIPs" else 0).invalid(is_now, ONCE_SET)
        return
    if was and not is_now:
        if field == "clusterIPs":
            at.at(field, 0).invalid(NO_ITEMS, "primary clusterIP can not be unset")
        return
    if was and is_now[0] != was[0]:
        at.at(field, 0).invalid(is_now, ONCE_SET)
    if len(was) > len(is_now) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        second = "clusterIP" if field == "clusterIPs" else "ipFamily"
        why = f"must be set to 'SingleStack' when releasing the secondary {second}"
        at.invalid(after.get("ipFamilyPolicy"), why, "ipFamilyPolicy")

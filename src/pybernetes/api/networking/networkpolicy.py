"""NetworkPolicies: which traffic the pods of a namespace take and send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybernetes.lang import names

from ..cells import AGE, NAME, dig, format_selector
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..validation.addresses import cidr_warnings, legacy_cidr, parse_block
from ..validation.selectors import validate_label_selector

DIRECTIONS = (("ingress", "from"), ("egress", "to"))
POLICY_TYPES = ["Ingress", "Egress"]
PROTOCOLS = ["TCP", "UDP", "SCTP"]


def default(policy: MutableObj) -> None:
    """A policy is about ingress, and about egress where it has rules for it."""
    spec = policy.get("spec")
    if not isinstance(spec, dict):
        return
    for direction, _ in DIRECTIONS:
        for rule in spec.get(direction) or ():
            for port in rule.get("ports") or ():
                if port.get("protocol") is None:
                    port["protocol"] = "TCP"
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _validate(policy: Obj, errors: FieldErrors, known: set[Any]) -> None:
    """`known` are CIDRs that are not judged again."""
    spec, at = policy.get("spec") or {}, errors.at("spec")
    validate_label_selector(spec.get("podSelector"), at.at("podSelector"))
    for direction, side in DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            here = at.at(direction, index)
            for position, port in enumerate(rule.get("ports") or ()):
                _validate_port(port, here.at("ports", position))
            for position, peer in enumerate(rule.get(side) or ()):
                _validate_peer(peer, here.at(side, position), known)
    types = spec.get("policyTypes") or ()
    if len(types) > len(POLICY_TYPES):
        at.invalid(types, "may not specify more than two policyTypes", "policyTypes")
        return
    for index, each in enumerate(types):
        if each not in POLICY_TYPES:
            at.at("policyTypes", index).not_supported(each, POLICY_TYPES)


def validate_create(policy: Obj, errors: FieldErrors) -> None:
    _validate(policy, errors, set())


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A CIDR that the old policy has anywhere is not judged again."""
    known = {text for _, block in _blocks(old) for text in (block.get("cidr"), *(block.get("except") or ()))}
    _validate(new, errors, known)


def warnings(policy: Obj, _old: Obj | None) -> list[str]:
    found = []
    for steps, block in _blocks(policy):
        path = FieldErrors().at(*steps).path
        found += cidr_warnings(f"{path}.cidr", block.get("cidr") or "")
        for index, text in enumerate(block.get("except") or ()):
            found += cidr_warnings(f"{path}.except[{index}]", text)
    return found


def _validate_port(port: Obj, at: FieldErrors) -> None:
    if port.get("protocol") is not None and port["protocol"] not in PROTOCOLS:
        at.not_supported(port["protocol"], PROTOCOLS, "protocol")
    first, last = port.get("port"), port.get("endPort")
    if first is None:
        if last is not None:
            at.invalid(last, "may not be specified when `port` is not specified", "endPort")
    elif isinstance(first, str):
        if last is not None:
            at.invalid(last, "may not be specified when `port` is non-numeric", "endPort")
        for message in names.port_name(first):
            at.invalid(first, message, "port")
    else:
        for message in names.port_number(first):
            at.invalid(first, message, "port")
        if last is not None:
            if last < first:
                at.invalid(first, "must be greater than or equal to `port`", "endPort")  # so upstream
            for message in names.port_number(last):
                at.invalid(last, message, "endPort")


def _validate_peer(peer: Obj, at: FieldErrors, known: set[Any]) -> None:
    given = [
        field for field in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(field) is not None
    ]
    for field in given:
        if field != "ipBlock":
            validate_label_selector(peer[field], at.at(field))
        else:
            _validate_block(peer[field], at.at(field), known)
    if not given:
        at.required(detail="must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        at.forbidden("may not specify both ipBlock and another peer")


def _blocks(policy: Obj) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """(path, block) of each ipBlock."""
    for direction, side in DIRECTIONS:
        for index, rule in enumerate(dig(policy, "spec", direction) or ()):
            for position, peer in enumerate(rule.get(side) or ()):
                if peer.get("ipBlock") is not None:
                    yield ("spec", direction, index, side, position, "ipBlock"), peer["ipBlock"]


def _validate_block(block: Obj, at: FieldErrors, known: set[Any]) -> None:
    cidr = block.get("cidr") or ""
    if not cidr:
        at.required("cidr")
        return
    legacy_cidr(cidr, at.at("cidr"), known)
    whole = parse_block(cidr)
    if whole is None:
        return
    for index, text in enumerate(block.get("except") or ()):
        here = at.at("except", index)
        legacy_cidr(text, here, known)
        part = parse_block(text)
        if part is not None and not whole.contains(part):
            here.invalid(text, "must be a strict subset of `cidr`")


NETWORKPOLICY = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="NetworkPolicy",
    plural="networkpolicies",
    namespaced=True,
    singular="networkpolicy",
    short_names=("netpol",),
    schema="io.k8s.api.networking.v1.NetworkPolicy",
    generation=True,
    default=default,
    validate_create=validate_create,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Pod-Selector", lambda policy, _now: format_selector(dig(policy, "spec", "podSelector"))),
        AGE,
    ),
)

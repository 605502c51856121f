"""PriorityLevelConfigurations: how many requests a priority level may run at once, and what happens to more."""

from __future__ import annotations

import math

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..validation.metadata import without_status
from .mandatory import EXEMPT, MANDATORY_LEVELS
from .status import validate_status, validate_status_update

TYPES = ["Exempt", "Limited"]
RESPONSES = ["Queue", "Reject"]
MOST_QUEUES = 10_000_000
MOST_HASH_BITS = 60
"""Bits of the hash from which a flow's hand of queues is dealt."""
_NOT_NEGATIVE = "must be a non-negative integer"


def default(level: MutableObj) -> None:
    spec = level.setdefault("spec", {})
    if spec.get("exempt") is not None:
        _default_numbers(spec["exempt"], nominalConcurrencyShares=0, lendablePercent=0)
    limited = spec.get("limited")
    if limited is None:
        return
    _default_numbers(limited, nominalConcurrencyShares=30, lendablePercent=0)
    queuing = (limited.get("limitResponse") or {}).get("queuing")
    if queuing is not None:
        for field, value in (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)):
            queuing[field] = queuing.get(field) or value


def _default_numbers(tree: MutableObj, **values: int) -> None:
    for field, value in values.items():
        if tree.get(field) is None:
            tree[field] = value


def validate(level: Obj, errors: FieldErrors) -> None:
    spec, at = level.get("spec") or {}, errors.at("spec")
    name = level["metadata"].get("name", "")
    _validate_spec(name, spec, at)
    fixed = MANDATORY_LEVELS.get(name)
    if fixed is not None and _without_exempt(spec) != _without_exempt(fixed):
        at.invalid(spec, f"spec of '{name}' except the 'spec.exempt' field must equal the fixed value")
    validate_status(level, errors)


def _without_exempt(spec: Obj) -> MutableObj:
    return {field: value for field, value in spec.items() if field != "exempt"}


def _validate_spec(name: str, spec: Obj, errors: FieldErrors) -> None:
    kind, exempt, limited = spec.get("type") or "", spec.get("exempt"), spec.get("limited")
    if (name == EXEMPT) != (kind == "Exempt"):
        errors.invalid(kind, "type must be 'Exempt' if and only if name is 'exempt'", "type")
    match kind:
        case "Exempt":
            if limited is not None:
                errors.forbidden("must be nil if the type is not Limited", "limited")
            if exempt is not None:
                _validate_shares(exempt, errors.at("exempt"))
        case "Limited":
            if exempt is not None:
                errors.forbidden("must be nil if the type is Limited", "exempt")
            if limited is None:
                errors.required("limited", "must not be empty when type is Limited")
            else:
                _validate_limited(limited, errors.at("limited"))
        case _:
            errors.not_supported(kind, TYPES, "type")


def _validate_shares(tree: Obj, errors: FieldErrors) -> None:
    shares, lendable = tree.get("nominalConcurrencyShares") or 0, tree.get("lendablePercent")
    if shares < 0:
        errors.invalid(shares, _NOT_NEGATIVE, "nominalConcurrencyShares")
    if lendable is not None and not 0 <= lendable <= 100:
        errors.invalid(lendable, "must be between 0 and 100, inclusive", "lendablePercent")


def _validate_limited(limited: Obj, errors: FieldErrors) -> None:
    response, at = limited.get("limitResponse") or {}, errors.at("limitResponse")
    kind, queuing = response.get("type") or "", response.get("queuing")
    _validate_shares(limited, errors)
    match kind:
        case "Reject":
            if queuing is not None:
                at.forbidden("must be nil if limited.limitResponse.type is not Limited", "queuing")
        case "Queue":
            if queuing is None:
                at.required("queuing", "must not be empty if limited.limitResponse.type is Limited")
            else:
                _validate_queuing(queuing, at.at("queuing"))
        case _:
            at.not_supported(kind, RESPONSES, "type")
    borrowing = limited.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        errors.invalid(borrowing, f"if specified, {_NOT_NEGATIVE}", "borrowingLimitPercent")


def _validate_queuing(queuing: Obj, errors: FieldErrors) -> None:
    queues, hand, length = (queuing.get(field) or 0 for field in ("queues", "handSize", "queueLengthLimit"))
    if length <= 0:
        errors.invalid(length, "must be positive", "queueLengthLimit")
    if queues <= 0:
        errors.invalid(queues, "must be positive", "queues")
    elif queues > MOST_QUEUES:
        errors.invalid(queues, f"must not be greater than {MOST_QUEUES}", "queues")
    if hand <= 0:
        errors.invalid(hand, "must be positive", "handSize")
    elif hand > queues:
        errors.invalid(hand, f"should not be greater than queues ({queues})", "handSize")
    elif entropy_bits(queues, hand) > MOST_HASH_BITS:
        errors.invalid(
            hand,
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than "
            f"{MOST_HASH_BITS}",
            "handSize",
        )


def entropy_bits(queues: int, hand: int) -> int:
    """Bits that dealing a hand of queues takes."""
    return math.ceil(math.log2(queues) * hand)


def _queuing(field: str) -> Column:
    title = field[0].upper() + field[1:]
    return Column(
        title,
        lambda level, _: (
            "<none>"
            if (found := dig(level, "spec", "limited", "limitResponse", "queuing", field)) is None
            else found
        ),
    )


def _shares(level: Obj, _now: float) -> int | str:
    found = dig(level, "spec", "limited", "nominalConcurrencyShares")
    return "<none>" if found is None else int(found)


PRIORITYLEVELCONFIGURATION = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="PriorityLevelConfiguration",
    plural="prioritylevelconfigurations",
    namespaced=False,
    status_metadata=(),
    singular="prioritylevelconfiguration",
    subresources=("status",),
    schema="io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration",
    generation=True,
    default=default,
    prepare_create=without_status,
    validate=validate,
    validate_status=validate_status_update,
    columns=(
        NAME,
        Column("Type", lambda level, _: dig(level, "spec", "type") or ""),
        Column("NominalConcurrencyShares", _shares),
        _queuing("queues"),
        _queuing("handSize"),
        _queuing("queueLengthLimit"),
        AGE,
    ),
)

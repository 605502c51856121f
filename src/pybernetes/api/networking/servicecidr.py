"""ServiceCIDRs: ranges from which services get their addresses."""

from __future__ import annotations

from collections.abc import Sequence

from ..cells import AGE, NAME, dig
from ..fielderrors import NO_ITEMS, FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..validation.addresses import parse_block, strict_cidr

_TWO_FAMILIES = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
_IMMUTABLE = "field is immutable"


def validate_create(service_cidr: Obj, errors: FieldErrors) -> None:
    spec = service_cidr.get("spec") or {}
    _validate_ranges(spec, errors.at("spec", "cidrs"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Ranges stay; a second one of the other family may be added."""
    after, before = _ranges(new), _ranges(old)
    at = errors.at("spec", "cidrs")
    if len(after) == len(before):
        for index, (text, was) in enumerate(zip(after, before, strict=True)):
            if text != was:
                at.at(index).invalid(text, _IMMUTABLE)
    elif len(before) == 1 and len(after) == 2:
        if after[0] != before[0]:
            at.at(0).invalid(after[0], _IMMUTABLE)
        _validate_ranges(new.get("spec") or {}, at)
    else:
        at.invalid(after or NO_ITEMS, _IMMUTABLE)


def _ranges(service_cidr: Obj) -> Sequence[str]:
    return dig(service_cidr, "spec", "cidrs") or ()


def _validate_ranges(spec: Obj, at: FieldErrors) -> None:
    ranges = spec.get("cidrs") or ()
    if not ranges:
        at.required(detail="at least one CIDR required")
        return
    if len(ranges) > 2:
        at.invalid(spec, "may only hold up to 2 values")
        return
    for index, text in enumerate(ranges):
        for message in strict_cidr(text):
            at.at(index).invalid(text, message)
    blocks = [block for text in ranges if (block := parse_block(text)) is not None]
    if len(blocks) == 2 and blocks[0].address.version == blocks[1].address.version:
        at.invalid(ranges, _TWO_FAMILIES)


SERVICECIDR = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="ServiceCIDR",
    plural="servicecidrs",
    namespaced=False,
    singular="servicecidr",
    subresources=("status",),
    schema="io.k8s.api.networking.v1.ServiceCIDR",
    status_metadata=(),
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, Column("CIDRs", lambda obj, _now: ",".join(_ranges(obj))), AGE),
)

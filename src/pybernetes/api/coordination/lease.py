"""Leases: heartbeats and leader election."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..validation.values import NOT_NEGATIVE, POSITIVE

OLDEST = "OldestEmulationVersion"


def validate(lease: Obj, errors: FieldErrors) -> None:
    spec = lease.get("spec") or {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        errors.at("spec").invalid(seconds, POSITIVE, "leaseDurationSeconds")
    if transitions is not None and transitions < 0:
        errors.at("spec").invalid(transitions, NOT_NEGATIVE, "leaseTransitions")
    if spec.get("strategy") is not None:
        _validate_strategy(spec["strategy"], errors.at("spec", "strategy", "strategy"))  # so upstream's path
    if spec.get("preferredHolder") and not spec.get("strategy"):
        errors.at("spec").forbidden("may only be specified if `strategy` is defined", "preferredHolder")


def _validate_strategy(strategy: str, errors: FieldErrors) -> None:
    """A name that Kubernetes knows, or `domain/name` of somebody else's."""
    if "/" not in strategy:
        if strategy != OLDEST:
            errors.not_supported(strategy, [OLDEST])
        return
    for message in names.qualified_name(strategy):
        errors.invalid(strategy, message)


LEASE = Kind(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    namespaced=True,
    unconditional_update=False,
    singular="lease",
    schema="io.k8s.api.coordination.v1.Lease",
    create_on_update=True,
    validate=validate,
    columns=(NAME, Column("Holder", at("spec", "holderIdentity")), AGE),
)

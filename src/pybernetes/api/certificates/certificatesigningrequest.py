"""CertificateSigningRequests: keys that ask for a certificate.

Who asks is noted by the server (`apiserver/verbs/requester.py`); somebody approves or denies through `approval`, a
signer puts the certificate into the status.
"""

from __future__ import annotations

from typing import Any

from pybernetes.lang import timestamps
from pybernetes.lang.durations import human_duration

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from .certificatesigningrequest_validation import (
    APPROVED,
    DENIED,
    FAILED,
    validate_conditions,
    validate_create,
    validate_status,
)


def prepare_create(csr: MutableObj) -> None:
    """Nobody brings an approval along."""
    csr["status"] = {}


def prepare_update(new: MutableObj, old: Obj) -> None:
    """The request does not change after it was made."""
    new["spec"] = old.get("spec") or {}


def prepare_status(new: MutableObj, old: Obj, now: float) -> None:
    """A signer's view of the decision does not count: the conditions of that are taken from the stored object."""
    status = new.get("status") or {}
    if not status.get("conditions"):
        return
    conditions = list(status["conditions"])
    for kind in (APPROVED, DENIED):
        before = [each for each in dig(old, "status", "conditions") or () if each.get("type") == kind]
        places = [index for index, each in enumerate(conditions) if each.get("type") == kind]
        if len(before) == len(places):
            for index, condition in zip(places, before, strict=True):
                conditions[index] = condition
    new["status"] = {**status, "conditions": with_times(conditions, old, now)}


def with_times(conditions: list[Any], old: Obj, now: float) -> list[Any]:
    """The conditions with the times that the writer left out: now, or since when it was so."""
    moment = timestamps.rfc3339(now)
    since = {
        (each.get("type"), each.get("status")): each["lastTransitionTime"]
        for each in dig(old, "status", "conditions") or ()
        if each.get("lastTransitionTime")
    }
    return [
        {
            **each,
            "lastUpdateTime": each.get("lastUpdateTime") or moment,
            "lastTransitionTime": each.get("lastTransitionTime")
            or since.get((each.get("type"), each.get("status")))
            or moment,
        }
        for each in conditions
    ]


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_conditions(new, old, errors)


def _requested_duration(csr: Obj, _now: float) -> Cell:
    seconds = dig(csr, "spec", "expirationSeconds")
    return "<none>" if seconds is None else human_duration(seconds)


def _condition(csr: Obj, _now: float) -> Cell:
    """What was decided, and what came of it: `Approved,Issued`."""
    types = {each.get("type") for each in dig(csr, "status", "conditions") or ()}
    words = [DENIED if DENIED in types else APPROVED if APPROVED in types else "Pending"]
    if FAILED in types:
        words.append(FAILED)
    if dig(csr, "status", "certificate"):
        words.append("Issued")
    return ",".join(words)


CERTIFICATESIGNINGREQUEST = Kind(
    group="certificates.k8s.io",
    version="v1",
    kind="CertificateSigningRequest",
    plural="certificatesigningrequests",
    namespaced=False,
    singular="certificatesigningrequest",
    short_names=("csr",),
    subresources=("approval", "status"),
    schema="io.k8s.api.certificates.v1.CertificateSigningRequest",
    name_rule="path",
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        AGE,
        Column("SignerName", lambda csr, _: dig(csr, "spec", "signerName") or "<none>"),
        Column("Requestor", lambda csr, _: dig(csr, "spec", "username") or ""),
        Column("RequestedDuration", _requested_duration),
        Column("Condition", _condition),
    ),
    selectable={"spec.signerName": lambda csr: str(dig(csr, "spec", "signerName") or "")},
)

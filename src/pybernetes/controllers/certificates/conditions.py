"""Reading and adding conditions of CertificateSigningRequests. Pure."""

from __future__ import annotations

from typing import Any

from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj
from pybernetes.lang.timestamps import rfc3339

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"


def has(csr: Obj, kind: str) -> bool:
    """Whether a condition of this type is there and true."""
    return any(each["type"] == kind and each["status"] == "True" for each in conditions(csr))


def conditions(csr: Obj) -> list[Any]:
    return list(dig(csr, "status", "conditions") or ())


def with_condition(csr: Obj, kind: str, reason: str, message: str, now: float) -> Obj:
    """The request with one more condition."""
    moment = rfc3339(now)
    added = {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment,
    }
    return {**csr, "status": {**(csr.get("status") or {}), "conditions": [*conditions(csr), added]}}

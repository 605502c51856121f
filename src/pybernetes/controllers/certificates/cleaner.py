"""certificatesigningrequest-cleaner-controller: requests that are over are removed.

An hour after it was issued, denied or failed; a day after it was made where nobody decided, or approved where nobody
issued a certificate; and at once when its certificate has expired.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.certificates.pem import CERTIFICATE, blocks, decode_field
from pybernetes.api.meta import Obj, is_deleting, name_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Delete, Plan
from pybernetes.lang.timestamps import parse

from .conditions import APPROVED, DENIED, FAILED, conditions

DECIDED, UNDECIDED = 3600.0, 24 * 3600.0
"""Seconds that a request is kept."""


def observe(key: str, caches: Caches) -> Obj | None:
    csr = caches.get(kinds.CERTIFICATESIGNINGREQUEST, key)
    return None if csr is None or is_deleting(csr) else csr


def plan(csr: Obj, now: float, _settings: Settings) -> Plan:
    due, why = min(ends(csr), default=(None, "kept"))
    if due is None or due > now:
        return Plan.nothing(why, None if due is None else due - now)
    step = Delete(kinds.CERTIFICATESIGNINGREQUEST, "", name_of(csr), uid_of(csr), why)
    return Plan((step,), None, why)


def ends(csr: Obj) -> Iterator[tuple[float, str]]:
    """When (Unix seconds) and why a request is over; several may hold, the first counts."""
    certificate = dig(csr, "status", "certificate")
    if not certificate and not conditions(csr):
        yield parse(csr["metadata"]["creationTimestamp"]) + UNDECIDED, "nobody decided"
    if certificate and (expiry := _expiry(certificate)) is not None:
        yield expiry, "its certificate has expired"
    for condition in conditions(csr):
        since = condition.get("lastUpdateTime")
        if not since:
            continue
        if condition["type"] == APPROVED:
            kept, why = (DECIDED, "issued") if certificate else (UNDECIDED, "approved, and nobody issued it")
            yield parse(since) + kept, why
        elif condition["type"] in (DENIED, FAILED):
            yield parse(since) + DECIDED, condition["type"].lower()


def _expiry(certificate: str) -> float | None:
    from cryptography import x509

    block = next((each for each in blocks(decode_field(certificate)) if each.type == CERTIFICATE), None)
    try:
        return (
            None
            if block is None
            else x509.load_der_x509_certificate(block.der).not_valid_after_utc.timestamp()
        )
    except ValueError:
        return None


CONTROLLER = ControllerDef(
    "certificatesigningrequest-cleaner-controller",
    watches=(itself(kinds.CERTIFICATESIGNINGREQUEST),),
    observe=observe,
    plan=plan,
    account="certificate-controller",
    workers=1,
)

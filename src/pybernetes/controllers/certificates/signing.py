"""certificatesigningrequest-signing-controller: certificates for approved requests of Kubernetes' own signers."""

from __future__ import annotations

import base64

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Update

from .conditions import APPROVED, DENIED, FAILED, has, with_condition
from .issuing import authority, issue, lifetime
from .signers import SIGNERS, Unacceptable, check, request_of


def observe(key: str, caches: Caches) -> Obj | None:
    return caches.get(kinds.CERTIFICATESIGNINGREQUEST, key)


def plan(csr: Obj, now: float, settings: Settings) -> Plan:
    spec = csr["spec"]
    if spec.get("signerName") not in SIGNERS or not settings.cluster_signing_cert:
        return Plan.nothing("another signer's")
    if not has(csr, APPROVED) or has(csr, DENIED) or has(csr, FAILED) or is_deleting(csr):
        return Plan.nothing("not approved")
    if dig(csr, "status", "certificate"):
        return Plan.nothing("issued")
    try:
        request = request_of(csr)
        check(csr, request)
    except (Unacceptable, ValueError) as error:
        failed = with_condition(csr, FAILED, "SignerValidationFailure", str(error), now)
        step = Update(kinds.CERTIFICATESIGNINGREQUEST, failed, str(error), "status")
        return Plan((step,), None, str(error))
    ca = authority(settings.cluster_signing_cert, settings.cluster_signing_key)
    seconds = lifetime(spec.get("expirationSeconds"), settings.cluster_signing_seconds)
    certificate = issue(ca, request, spec.get("usages") or (), seconds, now, uid_of(csr))
    status = {**(csr.get("status") or {}), "certificate": base64.b64encode(certificate.encode()).decode()}
    signed = {**csr, "status": status}
    step = Update(kinds.CERTIFICATESIGNINGREQUEST, signed, "it is approved", "status")
    return Plan((step,), None, f"issuing a certificate for {seconds} s")


CONTROLLER = ControllerDef(
    "certificatesigningrequest-signing-controller",
    watches=(itself(kinds.CERTIFICATESIGNINGREQUEST),),
    observe=observe,
    plan=plan,
    account="certificate-controller",
)

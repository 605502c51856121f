"""certificatesigningrequest-approving-controller: kubelets' client certificates are approved for whoever may ask for them.

Who may, the authorizer says: a kubelet that renews its own (`selfnodeclient`), somebody with a bootstrap token that joins
(`nodeclient`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Update

from .conditions import APPROVED, DENIED, has, with_condition
from .signers import KUBELET_CLIENT, Names, Unacceptable, kubelet_client, request_of

TRY_AGAIN = 60.0
SELF = ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.")
JOINING = ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that is open, what it may be approved as (subresource, message), and as what its maker may."""

    csr: Obj
    kinds: tuple[tuple[str, str], ...]
    allowed: tuple[str, str] | None = None


def observe(key: str, caches: Caches) -> Seen | None:
    csr = caches.get(kinds.CERTIFICATESIGNINGREQUEST, key)
    if csr is None or is_deleting(csr) or dig(csr, "status", "certificate"):
        return None
    if has(csr, APPROVED) or has(csr, DENIED):
        return None
    return Seen(csr, recognized(csr))


def recognized(csr: Obj) -> tuple[tuple[str, str], ...]:
    """What a request can be approved as, in the order in which it is tried."""
    if csr["spec"].get("signerName") != KUBELET_CLIENT:
        return ()
    try:
        request = request_of(csr)
        kubelet_client(request, csr["spec"].get("usages") or ())
    except (Unacceptable, ValueError):
        return ()
    own = Names(request).common_name == [csr["spec"].get("username", "")]
    return (SELF, JOINING) if own else (JOINING,)


async def ask(seen: Seen, client: Client) -> Seen:
    """Asks for each kind whether the request's maker may."""
    for kind in seen.kinds:
        answer = await client.create(kinds.SUBJECTACCESSREVIEW, review(seen.csr, kind[0]))
        if dig(answer, "status", "allowed"):
            return replace(seen, allowed=kind)
    return seen


def review(csr: Obj, subresource: str) -> dict[str, Any]:
    """The question whether the maker of a request may create its like as `subresource`."""
    spec = csr["spec"]
    attributes = {
        "group": "certificates.k8s.io",
        "resource": "certificatesigningrequests",
        "verb": "create",
        "subresource": subresource,
        "version": "*",
    }
    who = {"user": spec.get("username", ""), "resourceAttributes": attributes}
    for field in ("uid", "groups", "extra"):
        if spec.get(field):
            who[field] = spec[field]
    kind = kinds.SUBJECTACCESSREVIEW
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": who}


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    if not seen.kinds:
        return Plan.nothing("a person has to decide")
    if seen.allowed is None:
        names = " ".join(name for name, _ in seen.kinds)
        why = f'recognized csr "{name_of(seen.csr)}" as [{names}] but subject access review was not approved'
        return Plan.nothing(why, TRY_AGAIN)
    approved = with_condition(seen.csr, APPROVED, "AutoApproved", seen.allowed[1], now)
    step = Update(kinds.CERTIFICATESIGNINGREQUEST, approved, "its maker may ask for it", "approval")
    return Plan((step,), None, seen.allowed[1])


CONTROLLER = ControllerDef(
    "certificatesigningrequest-approving-controller",
    watches=(itself(kinds.CERTIFICATESIGNINGREQUEST),),
    observe=observe,
    plan=plan,
    account="certificate-controller",
    ask=ask,
)

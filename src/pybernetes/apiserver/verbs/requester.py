"""What making an object has to do with who makes it and where: kinds with a rule of their own, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj, labels_of

from ..context import RequestContext
from .objects import raise_invalid

Note = Callable[[RequestContext, MutableObj], None]
ADMIN_LABEL = "resource.kubernetes.io/admin-access"


def note_requestor(ctx: RequestContext, csr: MutableObj) -> None:
    """The spec of a CertificateSigningRequest tells who asks, whatever the client wrote there."""
    user = ctx.user
    spec = {
        k: v for k, v in (csr.get("spec") or {}).items() if k not in ("username", "uid", "groups", "extra")
    }
    spec["username"] = user.name
    if user.uid:
        spec["uid"] = user.uid
    if user.groups:
        spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    csr["spec"] = spec


def allow_admin_claim(ctx: RequestContext, claim: MutableObj) -> None:
    """Devices that others use are looked at from a namespace that is meant for it. Raises Invalid."""
    _allow_admin(ctx, claim, claim.get("spec") or {}, FieldErrors().at("spec"))


def allow_admin_template(ctx: RequestContext, template: MutableObj) -> None:
    """The same for the claims that will be made from a template."""
    spec = (template.get("spec") or {}).get("spec") or {}
    _allow_admin(ctx, template, spec, FieldErrors().at("spec", "spec"))


def _allow_admin(ctx: RequestContext, obj: MutableObj, spec: Obj, errors: FieldErrors) -> None:
    asking = [
        index
        for index, request in enumerate((spec.get("devices") or {}).get("requests") or ())
        if (request.get("exactly") or {}).get("adminAccess")
    ]
    if not asking:
        return
    namespace = ctx.services.registry.core("namespaces", "", ctx.namespace)
    if namespace is not None and labels_of(namespace).get(ADMIN_LABEL) == "true":
        return
    for index in asking:
        errors.at("devices", "requests", index).at("exactly").forbidden(
            f"admin access to devices requires the `{ADMIN_LABEL}: true` label on the containing namespace",
            "adminAccess",
        )
    raise_invalid(ctx.kind, obj, errors)


REQUESTER: Mapping[tuple[str, str], Note] = {
    ("certificates.k8s.io", "certificatesigningrequests"): note_requestor,
    ("resource.k8s.io", "resourceclaims"): allow_admin_claim,
    ("resource.k8s.io", "resourceclaimtemplates"): allow_admin_template,
}
"""By group and plural."""

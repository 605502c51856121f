"""approval: whoever may decide says yes or no to a CertificateSigningRequest; only its conditions change."""

from __future__ import annotations

from pybernetes.api.certificates.certificatesigningrequest import with_times
from pybernetes.api.certificates.certificatesigningrequest_validation import validate_approval
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.validation.metadata import validate_metadata_update

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..replies import Reply
from ..verbs.objects import check_preconditions, private, raise_invalid, same
from ..verbs.patch import patch
from ..verbs.update import update


async def update_approval(ctx: RequestContext) -> Reply:
    return await update(ctx, complete_approval)


async def patch_approval(ctx: RequestContext) -> Reply:
    return await patch(ctx, complete_approval)


def complete_approval(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """Makes `new` the old request with other conditions; False where nothing would change. Raises Conflict, Invalid
    and what admission raises."""
    check_preconditions(kind, new, old)
    conditions = (new.get("status") or {}).get("conditions") or []
    metadata = new["metadata"]
    new.clear()
    new.update(private(old))
    for field in ("labels", "annotations"):
        new["metadata"].pop(field, None)
        if metadata.get(field):
            new["metadata"][field] = metadata[field]
    status = new.setdefault("status", {})
    status.pop("conditions", None)
    if conditions:
        status["conditions"] = with_times(conditions, old, ctx.env.now())
    admission = Admission(ctx, kind, "UPDATE", new, old, subresource="approval")
    admit_mutating(admission)
    if same(new, old):
        return False
    errors = FieldErrors()
    validate_metadata_update(kind, new, old, errors)
    validate_approval(new, old, errors)
    raise_invalid(kind, new, errors)
    admit_validating(admission)
    return True

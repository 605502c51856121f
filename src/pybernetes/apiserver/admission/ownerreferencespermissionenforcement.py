"""OwnerReferencesPermissionEnforcement: who changes an object's owners must be allowed to delete it, and who blocks an
owner's deletion must be allowed to write that owner's finalizers (off unless enabled)."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from ..attributes import Attributes
from .plugin import Admission, Plugin


def _owners(tree: Obj | None) -> list[Obj]:
    return list(((tree or {}).get("metadata") or {}).get("ownerReferences") or ())


def _validate(admission: Admission) -> None:
    if admission.new is None or admission.subresource:
        return
    new, old = _owners(admission.new), _owners(admission.old)
    if new == old:
        return
    kind, user = admission.kind, admission.user
    authorize = admission.ctx.services.authorizer.authorize
    if admission.old is not None:
        name = admission.object["metadata"].get("name", "")
        asked = Attributes(
            user, "delete", kind.group, kind.version, kind.plural, "", admission.namespace, name
        )
        decision = authorize(asked)
        if not decision.allowed:
            raise admission.forbidden(
                f"cannot set an ownerRef on a resource you can't delete: {decision.reason}, <nil>"
            )
    blocked = {ref["uid"] for ref in old if ref.get("blockOwnerDeletion")}
    for ref in new:
        if ref.get("blockOwnerDeletion") and ref.get("uid") not in blocked:
            _check_finalizers(admission, ref)


def _check_finalizers(admission: Admission, ref: Obj) -> None:
    group, _, version = str(ref.get("apiVersion", "")).rpartition("/")
    kinds = admission.ctx.services.registry.kinds
    owner = next(
        (k for k in kinds if (k.group, k.version, k.kind) == (group, version, ref.get("kind"))), None
    )
    if owner is None:
        raise admission.forbidden(
            f"cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "
            f'{ref.get("apiVersion")} Kind {ref.get("kind")}: no matches for kind "{ref.get("kind")}" in version '
            f'"{ref.get("apiVersion")}"'
        )
    namespace = admission.namespace if owner.namespaced else ""
    asked = Attributes(
        admission.user, "update", group, version, owner.plural, "finalizers", namespace, ref.get("name", "")
    )
    decision = admission.ctx.services.authorizer.authorize(asked)
    if not decision.allowed:
        raise admission.forbidden(
            "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: "
            f"{decision.reason}, <nil>"
        )


OWNER_REFERENCES_PERMISSION_ENFORCEMENT = Plugin(
    "OwnerReferencesPermissionEnforcement", validate=_validate, default=False
)

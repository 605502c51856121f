"""RBAC escalation: nobody writes a role or a binding that gives more than they have themselves.

Upstream checks this in the storage of the four kinds, not in a plugin that can be turned off; it comes last here.
"""

from __future__ import annotations

from pybernetes.api.kinds import CLUSTERROLE, CLUSTERROLEBINDING, ROLE, ROLEBINDING

from ..authz.escalation import check_binding, check_role
from .plugin import Admission, Plugin, Scope

ROLES = (CLUSTERROLE, ROLE)
BINDINGS = (CLUSTERROLEBINDING, ROLEBINDING)


def _validate(admission: Admission) -> None:
    kind, services = admission.kind, admission.ctx.services
    if admission.new is None or admission.subresource:
        return
    authorize = services.authorizer.authorize
    if kind in ROLES:
        check_role(kind.kind, admission.object, admission.old, admission.user, services.rbac, authorize)
    elif kind in BINDINGS:
        check_binding(kind.kind, admission.object, admission.old, admission.user, services.rbac, authorize)


RBAC_ESCALATION = Plugin(
    "RBACEscalation",
    validate=_validate,
    validates=Scope(tuple(kind.group_resource for kind in (*ROLES, *BINDINGS)), (), ("",)),
)

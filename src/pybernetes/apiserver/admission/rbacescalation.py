"""RBAC escalation: nobody writes a role or a binding that gives more than they have themselves.

Upstream checks this in the storage of the four kinds, not in a plugin that can be turned off: after all that may change
the object, before it is validated. So it comes last of what changes objects here.
"""

from __future__ import annotations

from pybernetes.api.kinds import CLUSTERROLE, CLUSTERROLEBINDING, ROLE, ROLEBINDING

from ..authz.escalation import check_binding, check_role
from .plugin import Admission, Plugin, Scope

ROLES = (CLUSTERROLE, ROLE)
BINDINGS = (CLUSTERROLEBINDING, ROLEBINDING)


def _check(admission: Admission) -> bool:
    kind, ctx, old = admission.kind, admission.ctx, admission.old
    rbac, authorize = ctx.services.rbac, ctx.services.authorizer.authorize
    if kind in ROLES:
        check_role(kind.kind, admission.object, old, admission.user, rbac, authorize, ctx.info.name)
    else:
        check_binding(kind.kind, admission.object, old, admission.user, rbac, authorize)
    return False


RBAC_ESCALATION = Plugin(
    "RBACEscalation",
    mutate=_check,
    mutates=Scope(tuple(kind.group_resource for kind in (*ROLES, *BINDINGS)), ("CREATE", "UPDATE"), ("",)),
)

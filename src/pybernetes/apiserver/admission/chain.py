"""The admission plugins in upstream's order, and running them."""

from __future__ import annotations

from .defaulttolerationseconds import DEFAULT_TOLERATION_SECONDS
from .limitranger import LIMIT_RANGER
from .namespacelifecycle import NAMESPACE_LIFECYCLE
from .noderestriction import NODE_RESTRICTION
from .plugin import Admission, Plugin
from .priority import PRIORITY
from .rbacescalation import RBAC_ESCALATION
from .resourcequota import RESOURCE_QUOTA
from .serviceaccount import SERVICE_ACCOUNT
from .taintnodesbycondition import TAINT_NODES_BY_CONDITION

PLUGINS: tuple[Plugin, ...] = (
    NAMESPACE_LIFECYCLE,
    LIMIT_RANGER,
    SERVICE_ACCOUNT,
    NODE_RESTRICTION,
    TAINT_NODES_BY_CONDITION,
    PRIORITY,
    DEFAULT_TOLERATION_SECONDS,
    RESOURCE_QUOTA,
    RBAC_ESCALATION,
)


def admit_mutating(admission: Admission) -> None:
    """Lets each plugin change the new object. Raises what a plugin raises."""
    for plugin in admission.ctx.services.admission:
        if plugin.mutate is not None:
            plugin.mutate(admission)


def admit_validating(admission: Admission) -> None:
    """Lets each plugin refuse the object as it would be stored."""
    for plugin in admission.ctx.services.admission:
        if plugin.validate is not None:
            plugin.validate(admission)


def admit_deletion(admission: Admission) -> None:
    """Lets each plugin refuse a deletion."""
    admit_mutating(admission)
    admit_validating(admission)


async def ensure_seen(admission: Admission) -> None:
    """Waits for the cache where a plugin would otherwise refuse because of something written a moment ago."""
    services = admission.ctx.services
    if any(plugin.unseen is not None and plugin.unseen(admission) for plugin in services.admission):
        await services.cacher.fresh()

"""The table of the kinds that are built in: `KINDS`, and a constant per kind.

An API group is a folder beside this file, a kind is a file in it; `by_*` below find rows. Kinds defined at run time
(CustomResourceDefinitions) are not here: the API server holds those.
"""

from __future__ import annotations

from .apps.controllerrevision import CONTROLLERREVISION
from .apps.deployment import DEPLOYMENT
from .apps.replicaset import REPLICASET
from .authentication.selfsubjectreview import SELFSUBJECTREVIEW
from .authentication.tokenreview import TOKENREVIEW
from .authorization.localsubjectaccessreview import LOCALSUBJECTACCESSREVIEW
from .authorization.selfsubjectaccessreview import SELFSUBJECTACCESSREVIEW
from .authorization.selfsubjectrulesreview import SELFSUBJECTRULESREVIEW
from .authorization.subjectaccessreview import SUBJECTACCESSREVIEW
from .coordination.lease import LEASE
from .core.binding import BINDING
from .core.configmap import CONFIGMAP
from .core.endpoints import ENDPOINTS
from .core.event import EVENT
from .core.limitrange import LIMITRANGE
from .core.namespace import NAMESPACE
from .core.node import NODE
from .core.pod import POD
from .core.resourcequota import RESOURCEQUOTA
from .core.secret import SECRET
from .core.service import SERVICE
from .core.serviceaccount import SERVICEACCOUNT
from .discovery.endpointslice import ENDPOINTSLICE
from .events.event import EVENTS_EVENT
from .kind import Kind
from .node.runtimeclass import RUNTIMECLASS
from .rbac.clusterrole import CLUSTERROLE
from .rbac.clusterrolebinding import CLUSTERROLEBINDING
from .rbac.role import ROLE
from .rbac.rolebinding import ROLEBINDING
from .scheduling.priorityclass import PRIORITYCLASS

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    ENDPOINTS,
    EVENT,
    CONFIGMAP,
    SECRET,
    SERVICEACCOUNT,
    BINDING,
    RESOURCEQUOTA,
    LIMITRANGE,
    DEPLOYMENT,
    REPLICASET,
    CONTROLLERREVISION,
    ENDPOINTSLICE,
    LEASE,
    EVENTS_EVENT,
    ROLE,
    ROLEBINDING,
    CLUSTERROLE,
    CLUSTERROLEBINDING,
    TOKENREVIEW,
    SELFSUBJECTREVIEW,
    SUBJECTACCESSREVIEW,
    SELFSUBJECTACCESSREVIEW,
    SELFSUBJECTRULESREVIEW,
    LOCALSUBJECTACCESSREVIEW,
    PRIORITYCLASS,
    RUNTIMECLASS,
)
"""In the order of discovery: core first, then each group."""


def by_plural(group: str, version: str, plural: str) -> Kind | None:
    """The row of `/apis/{group}/{version}/{plural}`."""
    return _BY_PLURAL.get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Kind | None:
    """The row of an object's `apiVersion` and `kind`."""
    return _BY_KIND.get((api_version, kind))


_BY_PLURAL = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_KIND = {(kind.api_version, kind.kind): kind for kind in KINDS}

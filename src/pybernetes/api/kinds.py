"""The table of the kinds that are built in: `KINDS`, and a constant per kind.

An API group is a folder beside this file, a kind is a file in it; `by_*` below find rows. Kinds defined at run time
(CustomResourceDefinitions) are not here: the API server holds those.
"""

from __future__ import annotations

from .admissionregistration.mutatingadmissionpolicy import MUTATINGADMISSIONPOLICY
from .admissionregistration.mutatingadmissionpolicybinding import MUTATINGADMISSIONPOLICYBINDING
from .admissionregistration.mutatingwebhookconfiguration import MUTATINGWEBHOOKCONFIGURATION
from .admissionregistration.validatingadmissionpolicy import VALIDATINGADMISSIONPOLICY
from .admissionregistration.validatingadmissionpolicybinding import VALIDATINGADMISSIONPOLICYBINDING
from .admissionregistration.validatingwebhookconfiguration import VALIDATINGWEBHOOKCONFIGURATION
from .apiextensions.customresourcedefinition import CUSTOMRESOURCEDEFINITION
from .apiregistration.apiservice import APISERVICE
from .apps.controllerrevision import CONTROLLERREVISION
from .apps.daemonset import DAEMONSET
from .apps.deployment import DEPLOYMENT
from .apps.replicaset import REPLICASET
from .apps.statefulset import STATEFULSET
from .authentication.selfsubjectreview import SELFSUBJECTREVIEW
from .authentication.tokenreview import TOKENREVIEW
from .authorization.localsubjectaccessreview import LOCALSUBJECTACCESSREVIEW
from .authorization.selfsubjectaccessreview import SELFSUBJECTACCESSREVIEW
from .authorization.selfsubjectrulesreview import SELFSUBJECTRULESREVIEW
from .authorization.subjectaccessreview import SUBJECTACCESSREVIEW
from .autoscaling.horizontalpodautoscaler import HORIZONTALPODAUTOSCALER
from .autoscaling.horizontalpodautoscaler_v1 import HORIZONTALPODAUTOSCALER_V1
from .batch.cronjob import CRONJOB
from .batch.job import JOB
from .certificates.certificatesigningrequest import CERTIFICATESIGNINGREQUEST
from .certificates.clustertrustbundle import CLUSTERTRUSTBUNDLE
from .certificates.podcertificaterequest import PODCERTIFICATEREQUEST
from .coordination.lease import LEASE
from .core.binding import BINDING
from .core.componentstatus import COMPONENTSTATUS
from .core.configmap import CONFIGMAP
from .core.endpoints import ENDPOINTS
from .core.event import EVENT
from .core.limitrange import LIMITRANGE
from .core.namespace import NAMESPACE
from .core.node import NODE
from .core.persistentvolume import PERSISTENTVOLUME
from .core.persistentvolumeclaim import PERSISTENTVOLUMECLAIM
from .core.pod import POD
from .core.podtemplate import PODTEMPLATE
from .core.replicationcontroller import REPLICATIONCONTROLLER
from .core.resourcequota import RESOURCEQUOTA
from .core.secret import SECRET
from .core.service import SERVICE
from .core.serviceaccount import SERVICEACCOUNT
from .discovery.endpointslice import ENDPOINTSLICE
from .events.event import EVENTS_EVENT
from .flowcontrol.flowschema import FLOWSCHEMA
from .flowcontrol.prioritylevelconfiguration import PRIORITYLEVELCONFIGURATION
from .kind import Kind
from .networking.ingress import INGRESS
from .networking.ingressclass import INGRESSCLASS
from .networking.ipaddress import IPADDRESS
from .networking.networkpolicy import NETWORKPOLICY
from .networking.servicecidr import SERVICECIDR
from .node.runtimeclass import RUNTIMECLASS
from .policy.poddisruptionbudget import PODDISRUPTIONBUDGET
from .rbac.clusterrole import CLUSTERROLE
from .rbac.clusterrolebinding import CLUSTERROLEBINDING
from .rbac.role import ROLE
from .rbac.rolebinding import ROLEBINDING
from .resource.deviceclass import DEVICECLASS
from .resource.devicetaintrule import DEVICETAINTRULE
from .resource.resourceclaim import RESOURCECLAIM
from .resource.resourceclaimtemplate import RESOURCECLAIMTEMPLATE
from .resource.resourceslice import RESOURCESLICE
from .scheduling.podgroup import PODGROUP
from .scheduling.priorityclass import PRIORITYCLASS
from .scheduling.workload import WORKLOAD
from .storage.csidriver import CSIDRIVER
from .storage.csinode import CSINODE
from .storage.csistoragecapacity import CSISTORAGECAPACITY
from .storage.storageclass import STORAGECLASS
from .storage.volumeattachment import VOLUMEATTACHMENT
from .storage.volumeattributesclass import VOLUMEATTRIBUTESCLASS
from .storagemigration.storageversionmigration import STORAGEVERSIONMIGRATION

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
    PERSISTENTVOLUME,
    PERSISTENTVOLUMECLAIM,
    REPLICATIONCONTROLLER,
    PODTEMPLATE,
    COMPONENTSTATUS,
    APISERVICE,
    DEPLOYMENT,
    REPLICASET,
    STATEFULSET,
    DAEMONSET,
    CONTROLLERREVISION,
    ENDPOINTSLICE,
    LEASE,
    EVENTS_EVENT,
    HORIZONTALPODAUTOSCALER,
    HORIZONTALPODAUTOSCALER_V1,
    JOB,
    CRONJOB,
    CERTIFICATESIGNINGREQUEST,
    CLUSTERTRUSTBUNDLE,
    PODCERTIFICATEREQUEST,
    INGRESS,
    INGRESSCLASS,
    NETWORKPOLICY,
    IPADDRESS,
    SERVICECIDR,
    PODDISRUPTIONBUDGET,
    ROLE,
    ROLEBINDING,
    CLUSTERROLE,
    CLUSTERROLEBINDING,
    STORAGECLASS,
    VOLUMEATTACHMENT,
    CSIDRIVER,
    CSINODE,
    CSISTORAGECAPACITY,
    VOLUMEATTRIBUTESCLASS,
    TOKENREVIEW,
    SELFSUBJECTREVIEW,
    SUBJECTACCESSREVIEW,
    SELFSUBJECTACCESSREVIEW,
    SELFSUBJECTRULESREVIEW,
    LOCALSUBJECTACCESSREVIEW,
    VALIDATINGWEBHOOKCONFIGURATION,
    MUTATINGWEBHOOKCONFIGURATION,
    VALIDATINGADMISSIONPOLICY,
    VALIDATINGADMISSIONPOLICYBINDING,
    MUTATINGADMISSIONPOLICY,
    MUTATINGADMISSIONPOLICYBINDING,
    PRIORITYCLASS,
    RUNTIMECLASS,
    DEVICECLASS,
    RESOURCECLAIM,
    RESOURCECLAIMTEMPLATE,
    RESOURCESLICE,
    DEVICETAINTRULE,
    FLOWSCHEMA,
    PRIORITYLEVELCONFIGURATION,
    STORAGEVERSIONMIGRATION,
    CUSTOMRESOURCEDEFINITION,
)
"""In the order of discovery: core first, then each group."""


GATED: tuple[Kind, ...] = (WORKLOAD, PODGROUP)
"""Kinds that are served only where a feature gate says so (`features.py`)."""


def by_plural(group: str, version: str, plural: str) -> Kind | None:
    """The row of `/apis/{group}/{version}/{plural}`."""
    return _BY_PLURAL.get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Kind | None:
    """The row of an object's `apiVersion` and `kind`."""
    return _BY_KIND.get((api_version, kind))


_BY_PLURAL = {(kind.group, kind.version, kind.plural): kind for kind in (*KINDS, *GATED)}
_BY_KIND = {(kind.api_version, kind.kind): kind for kind in (*KINDS, *GATED)}

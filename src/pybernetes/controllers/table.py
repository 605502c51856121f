"""Every controller that the manager runs, in the order of upstream's documentation."""

from __future__ import annotations

from pybernetes.control.definition import AnyController

from . import (
    bootstrapsigner,
    clusterroleaggregation,
    clustertrustbundlepublisher,
    devicetainteviction,
    devicetaintrulestatus,
    endpoints,
    endpointslicemirroring,
    ephemeralvolume,
    legacyserviceaccounttokencleaner,
    localpath,
    namespace,
    nodeipam,
    persistentvolumeclaimprotection,
    persistentvolumeexpander,
    persistentvolumeprotection,
    podcertificaterequestcleaner,
    podgc,
    resourcequota,
    rootcacertpublisher,
    serviceaccount,
    serviceaccounttoken,
    servicecidr,
    storageversionmigrator,
    tainteviction,
    tokencleaner,
    ttl,
    ttlafterfinished,
    volumeattributesclassprotection,
)
from .attachdetach import plan as attachdetach
from .certificates import approving, cleaner, signing
from .cronjob import plan as cronjob
from .daemonset import plan as daemonset
from .deployment import plan as deployment
from .disruption import plan as disruption
from .disruption import stale as staledisruption
from .endpointslice import plan as endpointslice
from .horizontalpodautoscaler import plan as horizontalpodautoscaler
from .job import plan as job
from .nodelifecycle import plan as nodelifecycle
from .nodelifecycle import registration as noderegistration
from .persistentvolumebinder import plan as persistentvolumebinder
from .replicaset import plan as replicaset
from .resourceclaim import claims as resourceclaim
from .resourceclaim import pods as podresourceclaims
from .statefulset import plan as statefulset
from .validatingadmissionpolicystatus import plan as validatingadmissionpolicystatus

CONTROLLERS: tuple[AnyController, ...] = (
    endpoints.CONTROLLER,
    endpointslice.CONTROLLER,
    replicaset.REPLICATION_CONTROLLER,
    podgc.CONTROLLER,
    resourcequota.CONTROLLER,
    namespace.CONTROLLER,
    serviceaccount.CONTROLLER,
    daemonset.CONTROLLER,
    deployment.CONTROLLER,
    job.CONTROLLER,
    replicaset.CONTROLLER,
    statefulset.CONTROLLER,
    horizontalpodautoscaler.CONTROLLER,
    disruption.CONTROLLER,
    staledisruption.CONTROLLER,
    cronjob.CONTROLLER,
    ttlafterfinished.CONTROLLER,
    ttl.CONTROLLER,
    nodeipam.CONTROLLER,
    nodelifecycle.CONTROLLER,
    noderegistration.CONTROLLER,
    tainteviction.CONTROLLER,
    devicetainteviction.CONTROLLER,
    devicetaintrulestatus.CONTROLLER,
    rootcacertpublisher.CONTROLLER,
    clustertrustbundlepublisher.CONTROLLER,
    clusterroleaggregation.CONTROLLER,
    persistentvolumebinder.CONTROLLER,
    persistentvolumeprotection.CONTROLLER,
    persistentvolumeclaimprotection.CONTROLLER,
    volumeattributesclassprotection.CONTROLLER,
    ephemeralvolume.CONTROLLER,
    attachdetach.CONTROLLER,
    persistentvolumeexpander.CONTROLLER,
    localpath.CONTROLLER,
    signing.CONTROLLER,
    approving.CONTROLLER,
    cleaner.CONTROLLER,
    podcertificaterequestcleaner.CONTROLLER,
    serviceaccounttoken.CONTROLLER,
    tokencleaner.CONTROLLER,
    bootstrapsigner.CONTROLLER,
    legacyserviceaccounttokencleaner.CONTROLLER,
    servicecidr.CONTROLLER,
    endpointslicemirroring.CONTROLLER,
    storageversionmigrator.CONTROLLER,
    resourceclaim.CONTROLLER,
    podresourceclaims.CONTROLLER,
    validatingadmissionpolicystatus.CONTROLLER,
)

GARBAGE_COLLECTOR = "garbage-collector-controller"
"""Over all kinds at once, so not a row: `garbagecollector/collector.py`."""

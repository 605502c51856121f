"""Every controller that the manager runs, in the order of upstream's documentation."""

from __future__ import annotations

from pybernetes.control.definition import AnyController

from . import endpoints, namespace, nodeipam, podgc, rootcacertpublisher, serviceaccount, tainteviction
from .deployment import plan as deployment
from .endpointslice import plan as endpointslice
from .nodelifecycle import plan as nodelifecycle
from .replicaset import plan as replicaset

CONTROLLERS: tuple[AnyController, ...] = (
    endpoints.CONTROLLER,
    endpointslice.CONTROLLER,
    podgc.CONTROLLER,
    namespace.CONTROLLER,
    serviceaccount.CONTROLLER,
    deployment.CONTROLLER,
    replicaset.CONTROLLER,
    nodeipam.CONTROLLER,
    nodelifecycle.CONTROLLER,
    tainteviction.CONTROLLER,
    rootcacertpublisher.CONTROLLER,
)

GARBAGE_COLLECTOR = "garbage-collector-controller"
"""Over all kinds at once, so not a row: `garbagecollector/collector.py`."""

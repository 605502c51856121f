"""The labels by which a Job knows its pods."""

from __future__ import annotations

from ..meta import Obj

CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
JOB_NAME = "batch.kubernetes.io/job-name"
LEGACY_CONTROLLER_UID = "controller-uid"
LEGACY_JOB_NAME = "job-name"


def generated_labels(metadata: Obj) -> dict[str, str]:
    """The labels that the server gives the pods of a Job with this metadata, in the order of upstream's checks."""
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    return {LEGACY_CONTROLLER_UID: uid, LEGACY_JOB_NAME: name, CONTROLLER_UID: uid, JOB_NAME: name}

"""What makes a StatefulSet's pods what they are: ordinal, name, labels, host name, volumes. Pure."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.apps.statefulset import with_claims
from pybernetes.api.meta import MutableObj, Obj, labels_of, name_of, namespace_of
from pybernetes.control.ownership import owner_reference
from pybernetes.controllers.history import POD_LABEL

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_MEMBER = re.compile(r"(.*)-([0-9]+)")


def start_of(stateful_set: Obj) -> int:
    """The ordinal of the first pod."""
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def size_of(stateful_set: Obj) -> int:
    return int(stateful_set["spec"].get("replicas", 1))


def ordinals(stateful_set: Obj) -> range:
    """The ordinals of the pods that should be there."""
    start = start_of(stateful_set)
    return range(start, start + size_of(stateful_set))


def ordinal_of(stateful_set: Obj, pod: Obj) -> int | None:
    """The ordinal in the pod's name; None where the name is not one of this StatefulSet."""
    match = _MEMBER.fullmatch(name_of(pod))
    if match is None or match[1] != name_of(stateful_set) or len(match[2]) > 9:
        return None
    return int(match[2])


def pod_name(stateful_set: Obj, ordinal: int) -> str:
    return f"{name_of(stateful_set)}-{ordinal}"


def claim_name(template: Obj, stateful_set: Obj, ordinal: int) -> str:
    """The PersistentVolumeClaim that a claim template becomes for one pod."""
    return f"{name_of(template)}-{name_of(stateful_set)}-{ordinal}"


def claim_templates(stateful_set: Obj) -> list[Obj]:
    return list(stateful_set["spec"].get("volumeClaimTemplates") or ())


def new_pod(stateful_set: Obj, template: Obj, revision: str, ordinal: int) -> MutableObj:
    """The pod of an ordinal, from a template (the current one or an older one)."""
    name = pod_name(stateful_set, ordinal)
    given = template.get("metadata") or {}
    metadata = {
        "name": name,
        "namespace": namespace_of(stateful_set),
        "labels": {**(given.get("labels") or {}), **_own_labels(name, ordinal), POD_LABEL: revision},
        "ownerReferences": [owner_reference(stateful_set, kinds.STATEFULSET)],
        **{key: given[key] for key in ("annotations", "finalizers") if given.get(key)},
    }
    spec = {**with_claims(template["spec"], stateful_set["spec"]), "hostname": name}
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    if claim_templates(stateful_set):
        spec["volumes"] = _bound_volumes(spec["volumes"], stateful_set, ordinal)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _bound_volumes(volumes: list[Any], stateful_set: Obj, ordinal: int) -> list[Any]:
    """The volumes with those of claim templates bound to the pod's own claims."""
    claims = {
        name_of(each): claim_name(each, stateful_set, ordinal) for each in claim_templates(stateful_set)
    }
    return [
        {"name": each["name"], "persistentVolumeClaim": {"claimName": claims[each["name"]]}}
        if each["name"] in claims
        else each
        for each in volumes
    ]


def _own_labels(name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME: name, POD_INDEX: str(ordinal)}


def missing_labels(pod: Obj, ordinal: int) -> dict[str, str]:
    """Labels of its identity that the pod has lost."""
    labels = labels_of(pod)
    return {
        key: value for key, value in _own_labels(name_of(pod), ordinal).items() if labels.get(key) != value
    }


def revision_of(pod: Obj) -> str:
    """The name of the revision that the pod was made from."""
    return str(labels_of(pod).get(POD_LABEL, ""))

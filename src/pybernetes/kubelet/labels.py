"""The labels and annotations by which the kubelet finds its pods again in the runtime (upstream's names)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of, namespace_of, uid_of

from . import podspec

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

CONTAINER_HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy"
POD_GRACE = "io.kubernetes.pod.terminationGracePeriod"
CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_SEEN = "kubernetes.io/config.seen"


@dataclass(frozen=True, slots=True)
class PodRef:
    """Whose a sandbox or container is."""

    uid: str
    name: str
    namespace: str


def pod_ref(labels: Mapping[str, str]) -> PodRef | None:
    """None for what no kubelet made."""
    uid = labels.get(POD_UID, "")
    if not uid:
        return None
    return PodRef(uid, labels.get(POD_NAME, ""), labels.get(POD_NAMESPACE, ""))


def sandbox_labels(pod: Obj) -> dict[str, str]:
    """The pod's labels (CNI plugins and `crictl` read them) with the kubelet's own."""
    own = {POD_NAME: name_of(pod), POD_NAMESPACE: namespace_of(pod), POD_UID: uid_of(pod)}
    return {**labels_of(pod), **own}


def sandbox_annotations(pod: Obj) -> dict[str, str]:
    return {**annotations_of(pod), CONFIG_SOURCE: "api"}


def container_labels(pod: Obj, container: Obj) -> dict[str, str]:
    return {
        POD_NAME: name_of(pod),
        POD_NAMESPACE: namespace_of(pod),
        POD_UID: uid_of(pod),
        CONTAINER_NAME: container["name"],
    }


def container_annotations(pod: Obj, container: Obj, attempt: int) -> dict[str, str]:
    """What must survive a kubelet restart, even when the pod object is gone by then."""
    return {
        CONTAINER_HASH: podspec.container_hash(container),
        RESTART_COUNT: str(attempt),
        TERMINATION_PATH: container.get("terminationMessagePath") or "/dev/termination-log",
        TERMINATION_POLICY: container.get("terminationMessagePolicy") or "File",
        POD_GRACE: str(pod["spec"].get("terminationGracePeriodSeconds", 30)),
    }

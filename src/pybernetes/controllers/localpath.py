"""local-path-provisioner-controller: volumes of StorageClass `local-path` are directories on the node of their first pod.

Not upstream's: it is what a cluster without a storage system needs to run what asks for storage. The volume is made when
the scheduler has chosen a node for the claim's first pod, and says by node affinity that it is only there. The protocol
(annotations, finalizer, events) is that of upstream's external provisioners.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers.volumes import (
    PROVISIONED_BY,
    SELECTED_NODE,
    STORAGE_PROVISIONERS,
    class_of,
    has_finalizer,
    with_annotations,
    without_finalizer,
)

PROVISIONER = "pybernetes.io/local-path"
STORAGE_CLASS = "local-path"
FINALIZER = "pybernetes.io/local-path"
"""On a volume whose directory is to be removed on its node; who has removed it takes it away."""
HOSTNAME = "kubernetes.io/hostname"


def default_storage_class() -> dict[str, Any]:
    """The StorageClass that claims get in a cluster that was started without further ado."""
    made = new_object(
        kinds.STORAGECLASS,
        STORAGE_CLASS,
        provisioner=PROVISIONER,
        reclaimPolicy="Delete",
        volumeBindingMode="WaitForFirstConsumer",
    )
    made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """A claim that this provisioner is asked to serve, its class, the chosen node, and its volume if that is made."""

    claim: Obj
    storage_class: Obj | None
    node: Obj | None
    volume: Obj | None


@dataclass(frozen=True, slots=True)
class SeenVolume:
    """A volume that this provisioner has made; whether its node is there."""

    volume: Obj
    has_node: bool


def volume_name(claim: Obj) -> str:
    return f"pvc-{uid_of(claim)}"


def is_ours(volume: Obj) -> bool:
    """Whether a volume is one of this provisioner."""
    return annotations_of(volume).get(PROVISIONED_BY) == PROVISIONER


def directory_of(volume: Obj) -> str:
    """Where it is on its node."""
    return str(dig(volume, "spec", "hostPath", "path") or "")


def node_of(volume: Obj) -> str:
    """The host name of the node that a volume is on; "" where that cannot be told."""
    terms = dig(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms") or ()
    for expression in (each for term in terms for each in term.get("matchExpressions") or ()):
        if expression["key"] == HOSTNAME and len(expression.get("values") or ()) == 1:
            return str(expression["values"][0])
    return ""


def observe(key: str, caches: Caches) -> SeenClaim | SeenVolume | None:
    if "/" not in key:
        volume = caches.get(kinds.PERSISTENTVOLUME, key)
        if volume is None or not is_ours(volume):
            return None
        host = node_of(volume)
        return SeenVolume(volume, any(_host(node) == host for node in caches.list(kinds.NODE)))
    claim = caches.get(kinds.PERSISTENTVOLUMECLAIM, key)
    if claim is None or not _is_asked(claim):
        return None
    node = annotations_of(claim).get(SELECTED_NODE)
    return SeenClaim(
        claim,
        caches.get(kinds.STORAGECLASS, class_of(claim)),
        caches.get(kinds.NODE, node) if node else None,
        caches.get(kinds.PERSISTENTVOLUME, volume_name(claim)),
    )


async def ask(seen: SeenClaim | SeenVolume, client: Client) -> SeenClaim | SeenVolume:
    """A node that has just come may not be in the cache yet."""
    if (
        isinstance(seen, SeenVolume)
        or seen.node is not None
        or not annotations_of(seen.claim).get(SELECTED_NODE)
    ):
        return seen
    try:
        node = await client.get(kinds.NODE, annotations_of(seen.claim)[SELECTED_NODE])
    except NotFound:
        return seen
    return replace(seen, node=node)


def plan(seen: SeenClaim | SeenVolume, _now: float, settings: Settings) -> Plan:
    if isinstance(seen, SeenVolume):
        return _reclaim(seen, settings)
    return _provision(seen, settings)


def _is_asked(claim: Obj) -> bool:
    annotations = annotations_of(claim)
    return not claim["spec"].get("volumeName") and PROVISIONER in map(annotations.get, STORAGE_PROVISIONERS)


def _provision(seen: SeenClaim, settings: Settings) -> Plan:
    claim, steps = seen.claim, Steps()
    if seen.storage_class is None or is_deleting(claim) or seen.volume is not None:
        return Plan.nothing("made" if seen.volume is not None else "not to be made")
    if seen.storage_class["provisioner"] != PROVISIONER:
        return Plan.nothing("its class is another provisioner's")
    if problem := _problem(claim):
        return _failed(steps, seen, problem)
    chosen = annotations_of(claim).get(SELECTED_NODE)
    if not chosen:
        return _failed(steps, seen, "configuration error, no node was specified")
    if seen.node is None:
        # The scheduler has to choose again.
        steps.add(
            Update(
                kinds.PERSISTENTVOLUMECLAIM,
                with_annotations(claim, [(SELECTED_NODE, None)]),
                f"{chosen} is gone",
            )
        )
        return steps.plan(f"node {chosen} is gone")
    message = f'External provisioner is provisioning volume for claim "{key_of(claim)}"'
    steps.add(Report(claim, "Normal", "Provisioning", message))
    steps.add(_create(seen, seen.storage_class, seen.node, settings))
    return steps.plan(f"making {volume_name(claim)} on {chosen}")


def _problem(claim: Obj) -> str:
    if claim["spec"].get("volumeMode") == "Block":
        return "a directory is no block device: volumeMode must be Filesystem"
    if claim["spec"].get("selector"):
        return "claim Selector is not supported"
    if claim["spec"].get("dataSource"):
        return "a directory is not made from a data source"
    return ""


def _failed(steps: Steps, seen: SeenClaim, problem: str) -> Plan:
    message = f'failed to provision volume with StorageClass "{class_of(seen.claim)}": {problem}'
    steps.add(Report(seen.claim, "Warning", "ProvisioningFailed", message))
    return steps.plan(message)


def _create(seen: SeenClaim, storage_class: Obj, node: Obj, settings: Settings) -> Create:
    claim, name = seen.claim, volume_name(seen.claim)
    policy = storage_class.get("reclaimPolicy") or "Delete"
    match = {"key": HOSTNAME, "operator": "In", "values": [_host(node)]}
    # Who looks after the directories makes them so that pods of any user can write; a kubelet would not.
    kind = "Directory" if settings.local_volumes_are_cleared else "DirectoryOrCreate"
    spec: dict[str, Any] = {
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "accessModes": claim["spec"]["accessModes"],
        "persistentVolumeReclaimPolicy": policy,
        "storageClassName": name_of(storage_class),
        "volumeMode": "Filesystem",
        "hostPath": {"path": f"{settings.local_volumes}/{name}", "type": kind},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [match]}]}},
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
            "resourceVersion": claim["metadata"]["resourceVersion"],
        },
    }
    if storage_class.get("mountOptions"):
        spec["mountOptions"] = storage_class["mountOptions"]
    volume = new_object(kinds.PERSISTENTVOLUME, name, spec=spec)
    volume["metadata"]["annotations"] = {PROVISIONED_BY: PROVISIONER}
    if settings.local_volumes_are_cleared and policy == "Delete":
        volume["metadata"]["finalizers"] = [FINALIZER]
    message = f"Successfully provisioned volume {name}"
    return Create(
        kinds.PERSISTENTVOLUME,
        volume,
        f"claim {key_of(claim)} waits for it",
        success=Report(claim, "Normal", "ProvisioningSucceeded", message),
        exists_ok=True,
    )


def _reclaim(seen: SeenVolume, settings: Settings) -> Plan:
    """Deletes the object; its finalizer holds it until the directory is gone, unless nobody is left to remove that."""
    volume, name = seen.volume, name_of(seen.volume)
    steps = Steps()
    if is_deleting(volume):
        orphaned = not seen.has_node or not settings.local_volumes_are_cleared
        if has_finalizer(volume, FINALIZER) and orphaned and dig(volume, "status", "phase") != "Bound":
            steps.add(
                Update(kinds.PERSISTENTVOLUME, without_finalizer(volume, FINALIZER), "its node is gone")
            )
        return steps.plan("being deleted")
    policy = volume["spec"].get("persistentVolumeReclaimPolicy")
    if dig(volume, "status", "phase") != "Released" or policy != "Delete":
        return Plan.nothing("in use, or to be kept")
    steps.add(Delete(kinds.PERSISTENTVOLUME, "", name, uid_of(volume), "released, and its policy is Delete"))
    return steps.plan(f"deleting {name}")


def _host(node: Obj) -> str:
    return labels_of(node).get(HOSTNAME) or name_of(node)


def _claim(claim: Obj, _caches: Caches) -> Iterable[str]:
    return (key_of(claim),) if _is_asked(claim) else ()


def _volume(volume: Obj, _caches: Caches) -> Iterable[str]:
    return (name_of(volume),) if is_ours(volume) else ()


def _volumes_of_node(node: Obj, caches: Caches) -> Iterable[str]:
    """Volumes that wait for a node that is gone."""
    if caches.get(kinds.NODE, name_of(node)) is not None:
        return ()
    return [
        name_of(each) for each in caches.list(kinds.PERSISTENTVOLUME) if is_ours(each) and is_deleting(each)
    ]


CONTROLLER = ControllerDef(
    "local-path-provisioner-controller",
    watches=(
        Watch(kinds.PERSISTENTVOLUMECLAIM, _claim),
        Watch(kinds.PERSISTENTVOLUME, _volume),
        Watch(kinds.NODE, _volumes_of_node),
    ),
    observe=observe,
    plan=plan,
    account="local-path-provisioner",
    reads=(kinds.STORAGECLASS,),
    ask=ask,
    source=PROVISIONER,
)

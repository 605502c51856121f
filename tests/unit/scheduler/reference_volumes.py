"""What the plugins about volumes say about one pod on one node: slow and obvious.

Written from upstream's documentation of VolumeRestrictions, NodeVolumeLimits, VolumeBinding and VolumeZone, over plain
objects; nothing of the engine is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .reference_nodes import Refusals, Tree, labels_of, node_selector
from .reference_pods import matches
from .reference_resources import quantity

SELECTED_NODE = "volume.kubernetes.io/selected-node"
COMPLETED = "pv.kubernetes.io/bind-completed"
GA = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
TOPOLOGY = [*GA, *GA.values()]


@dataclass
class Storage:
    claims: list[Tree] = field(default_factory=list)
    volumes: list[Tree] = field(default_factory=list)
    classes: list[Tree] = field(default_factory=list)
    csi_nodes: list[Tree] = field(default_factory=list)
    drivers: list[Tree] = field(default_factory=list)
    capacities: list[Tree] = field(default_factory=list)
    attachments: list[Tree] = field(default_factory=list)

    def claim(self, namespace: str, name: str) -> Tree | None:
        for each in self.claims:
            if (each["metadata"]["namespace"], each["metadata"]["name"]) == (namespace, name):
                return each
        return None


def named(objects: Sequence[Tree], name: str | None) -> Tree | None:
    return next((each for each in objects if each["metadata"]["name"] == name), None)


def claim_names(pod: Tree) -> list[str]:
    return [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or []
        if "persistentVolumeClaim" in volume
    ]


def claims_of(pod: Tree, storage: Storage) -> list[Tree | None]:
    return [storage.claim(pod["metadata"]["namespace"], name) for name in claim_names(pod)]


def whole(pod: Tree, storage: Storage) -> str:
    """What keeps the pod from every node (VolumeBinding's PreFilter)."""
    immediate = False
    for name, claim in zip(claim_names(pod), claims_of(pod, storage), strict=True):
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if (claim.get("status") or {}).get("phase") == "Lost":
            volume = claim["spec"].get("volumeName", "")
            return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
        if claim["metadata"].get("deletionTimestamp"):
            return f'persistentvolumeclaim "{name}" is being deleted'
        if not bound(claim) and not waits(claim, storage):
            immediate = True
    return "pod has unbound immediate PersistentVolumeClaims" if immediate else ""


def bound(claim: Tree) -> bool:
    return bool(claim["spec"].get("volumeName")) and COMPLETED in (claim["metadata"].get("annotations") or {})


def waits(claim: Tree, storage: Storage) -> bool:
    found = named(storage.classes, claim["spec"].get("storageClassName"))
    delayed = found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"
    return delayed and not claim["spec"].get("volumeName")


# VolumeRestrictions.

KINDS = {
    "gcePersistentDisk": ("pdName", "readOnly"),
    "awsElasticBlockStore": ("volumeID", None),
    "iscsi": ("iqn", "readOnly"),
    "rbd": ("image", "readOnly"),
}


def same_disk(mine: Tree, theirs: Tree) -> bool:
    for kind, (name, read_only) in KINDS.items():
        if kind in mine and kind in theirs:
            a, b = mine[kind], theirs[kind]
            if a[name] != b[name]:
                return False
            if kind == "rbd" and (
                a.get("pool", "rbd") != b.get("pool", "rbd") or not set(a["monitors"]) & set(b["monitors"])
            ):
                return False
            return read_only is None or not (a.get(read_only) and b.get(read_only))
    return False


def restrictions(pod: Tree, on_node: list[Tree], placed: list[Tree], storage: Storage) -> Refusals:
    found: Refusals = []
    for mine in pod["spec"].get("volumes") or []:
        for other in on_node:
            if any(same_disk(mine, theirs) for theirs in other["spec"].get("volumes") or []):
                found = [("node(s) had no available disk", True)]
    if found:
        return found
    for name, claim in zip(claim_names(pod), claims_of(pod, storage), strict=True):
        if claim is None or "ReadWriteOncePod" not in claim["spec"]["accessModes"]:
            continue
        for other in placed:
            if other["metadata"]["namespace"] == pod["metadata"]["namespace"] and name in claim_names(other):
                text = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
                return [(text, True)]
    return []


# NodeVolumeLimits.


def attached(pod: Tree, storage: Storage) -> dict[str, str]:
    """The CSI volumes of a pod with their drivers; one that is still to be provisioned counts under its claim."""
    found = {}
    for claim in claims_of(pod, storage):
        if claim is None:
            continue
        namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
        if claim["spec"].get("volumeName"):
            volume = named(storage.volumes, claim["spec"]["volumeName"])
            csi = (volume or {"spec": {}})["spec"].get("csi")
            if csi:
                found[f"{csi['driver']}/{csi['volumeHandle']}"] = csi["driver"]
        else:
            its = named(storage.classes, claim["spec"].get("storageClassName"))
            if its is not None:
                found[f"{its['provisioner']}/{its['provisioner']}-{namespace}/{name}"] = its["provisioner"]
    return found


def limits(pod: Tree, node: Tree, on_node: list[Tree], storage: Storage) -> Refusals:
    csi_node = named(storage.csi_nodes, node["metadata"]["name"])
    most = {
        driver["name"]: driver["allocatable"]["count"]
        for driver in (csi_node or {"spec": {"drivers": []}})["spec"]["drivers"]
        if "count" in (driver.get("allocatable") or {})
    }
    there: dict[str, str] = {}
    for other in on_node:
        there.update(attached(other, storage))
    for each in storage.attachments:
        volume = named(storage.volumes, each["spec"]["source"].get("persistentVolumeName"))
        if each["spec"]["nodeName"] == node["metadata"]["name"] and volume and "csi" in volume["spec"]:
            csi = volume["spec"]["csi"]
            there[f"{csi['driver']}/{csi['volumeHandle']}"] = csi["driver"]
    new = {name: driver for name, driver in attached(pod, storage).items() if name not in there}
    for driver in set(new.values()):
        count = [*new.values(), *there.values()].count(driver)
        if driver in most and count > most[driver]:
            return [("node(s) exceed max volume count", True)]
    return []


# VolumeBinding.


def size_of(claim: Tree) -> int:
    return int(quantity(claim["spec"]["resources"]["requests"]["storage"]))


def reachable(volume: Tree, node: Tree) -> bool:
    return node_selector((volume["spec"].get("nodeAffinity") or {}).get("required"), node)


def binding(pod: Tree, node: Tree, storage: Storage) -> Refusals:
    claims = [each for each in claims_of(pod, storage) if each is not None]
    found: Refusals = []
    for claim in claims:
        if bound(claim):
            volume = named(storage.volumes, claim["spec"]["volumeName"])
            if volume is None:
                text = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
                found.append((text, False))
                break
            if not reachable(volume, node):
                found.append(("node(s) didn't match PersistentVolume's node affinity", False))
                break
    delayed = [each for each in claims if not bound(each)]
    if delayed and (why := _delayed(delayed, node, storage)):
        found.append((why, False))
    return found


def _delayed(claims: list[Tree], node: Tree, storage: Storage) -> str:
    no_volume = "node(s) didn't find available persistent volumes to bind"
    provision, match = [], []
    for claim in claims:
        selected = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
        if selected is None:
            match.append(claim)
        elif selected != node["metadata"]["name"]:
            return no_volume
        else:
            provision.append(claim)
    taken: set[str] = set()
    for claim in sorted(match, key=size_of):
        volume = find_volume(claim, node, storage, taken)
        if volume is None:
            provision.append(claim)
        else:
            taken.add(volume["metadata"]["name"])
    for claim in provision:
        able, roomy = provisionable(claim, node, storage)
        if not able:
            return no_volume
        if not roomy:
            return "node(s) did not have enough free storage"
    return ""


def find_volume(claim: Tree, node: Tree, storage: Storage, taken: set[str]) -> Tree | None:
    """The one that was bound to the claim beforehand, or else the smallest."""
    fitting = []
    for volume in storage.volumes:
        spec = volume["spec"]
        if volume["metadata"]["name"] in taken or volume["metadata"].get("deletionTimestamp"):
            continue
        if spec.get("storageClassName") != claim["spec"].get("storageClassName"):
            continue
        if spec.get("volumeMode", "Filesystem") != claim["spec"].get("volumeMode", "Filesystem"):
            continue
        size = quantity(spec["capacity"]["storage"])
        if size < size_of(claim):
            continue
        reference = spec.get("claimRef")
        if reference is not None:
            mine = (reference["namespace"], reference["name"]) == (
                claim["metadata"]["namespace"],
                claim["metadata"]["name"],
            )
            if mine and reference.get("uid", claim["metadata"]["uid"]) == claim["metadata"]["uid"]:
                return volume if reachable(volume, node) else None
            continue
        if volume["status"]["phase"] != "Available" or not reachable(volume, node):
            continue
        selector = claim["spec"].get("selector")
        if selector is not None and not matches(selector, labels_of(volume)):
            continue
        if set(claim["spec"]["accessModes"]) <= set(spec["accessModes"]):
            fitting.append((size, volume["metadata"]["name"], volume))
    return min(fitting, key=lambda each: each[:2])[2] if fitting else None


def provisionable(claim: Tree, node: Tree, storage: Storage) -> tuple[bool, bool]:
    """(whether the class can provision there, whether there is room)."""
    its = named(storage.classes, claim["spec"]["storageClassName"])
    assert its is not None
    if its["provisioner"] == "kubernetes.io/no-provisioner":
        return False, True
    terms = its.get("allowedTopologies") or []
    labels = labels_of(node)
    if terms and not any(
        term["matchLabelExpressions"]
        and all(labels.get(each["key"]) in each["values"] for each in term["matchLabelExpressions"])
        for term in terms
    ):
        return False, True
    driver = named(storage.drivers, its["provisioner"])
    if driver is None or not driver["spec"].get("storageCapacity"):
        return True, True
    for each in storage.capacities:
        if each["storageClassName"] != its["metadata"]["name"] or each.get("nodeTopology") is None:
            continue
        most = each.get("maximumVolumeSize") or each.get("capacity")
        if most is not None and quantity(most) >= size_of(claim) and matches(each["nodeTopology"], labels):
            return True, True
    return True, False


# VolumeZone.


def zone(pod: Tree, node: Tree, storage: Storage) -> Refusals:
    labels = labels_of(node)
    if not any(key in labels for key in TOPOLOGY):
        return []
    for claim in claims_of(pod, storage):
        volume = named(storage.volumes, (claim or {"spec": {}})["spec"].get("volumeName"))
        for key, value in labels_of(volume).items() if volume is not None else ():
            if key in TOPOLOGY:
                here = labels.get(key, labels.get(GA.get(key, "")))
                if here not in value.split("__"):
                    return [("node(s) had no available volume zone", False)]
    return []


def refusal(
    pod: Tree, node: Tree, on_node: list[Tree], placed: list[Tree], storage: Storage
) -> tuple[str, Refusals] | None:
    """The first of these filters that refuses the node."""
    for name, found in (
        ("VolumeRestrictions", restrictions(pod, on_node, placed, storage)),
        ("NodeVolumeLimits", limits(pod, node, on_node, storage)),
        ("VolumeBinding", binding(pod, node, storage)),
        ("VolumeZone", zone(pod, node, storage)),
    ):
        if found:
            return name, found
    return None

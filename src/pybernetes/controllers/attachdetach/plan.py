"""persistentvolume-attach-detach-controller: the keys are nodes.

A volume is attached for the first pod that needs it at a node and detached after the last, once the node has unmounted it
(`status.volumesInUse`); of a node that does not answer any more, after six minutes. What is attached the node's status
says, which is what its kubelet waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Create, Delete, Patch, Plan, Report, Steps
from pybernetes.controllers.volumes import PODS_BY_CLAIM, claim_key, claims_of_pod

from .attachable import attachment_name, is_shared, is_wanted, names_of, unique_name, volume_of, volumes_of

PODS_BY_NODE = "node-with-claims"
ATTACHMENTS_BY_NODE, ATTACHMENTS_BY_VOLUME = "attachment-node", "attachment-volume"
MOST_WAIT = 360.0
"""Seconds that a node which is not ready may keep a volume that nothing needs."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


@dataclass(frozen=True, slots=True)
class Seen:
    """A node (None: it is gone), the volumes that its pods need by name with these pods, its attachments, those of the
    same volumes at other nodes with the pods that use them, and since when nothing needs an attachment."""

    name: str
    node: Obj | None
    wanted: Mapping[str, tuple[Obj, Sequence[Obj]]]
    attachments: Sequence[Obj]
    elsewhere: Mapping[str, Sequence[tuple[Obj, Sequence[Obj]]]]
    volumes: Mapping[str, Obj]
    memory: Mapping[str, float] | None = field(default=None)


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    attachments = caches.by_index(kinds.VOLUMEATTACHMENT, ATTACHMENTS_BY_NODE, key)
    wanted: dict[str, tuple[Obj, list[Obj]]] = {}
    for pod in caches.by_index(kinds.POD, PODS_BY_NODE, key):
        if is_wanted(pod, node):
            for volume in volumes_of(pod, caches):
                wanted.setdefault(name_of(volume), (volume, []))[1].append(pod)
    if node is None and not attachments:
        return None
    known = (caches.get(kinds.PERSISTENTVOLUME, volume_of(each)) for each in attachments)
    return Seen(
        key,
        node,
        wanted if node is not None else {},
        attachments,
        {name: _elsewhere(name, key, caches) for name in wanted},
        {name_of(volume): volume for volume in known if volume is not None},
    )


def _elsewhere(volume: str, node: str, caches: Caches) -> list[tuple[Obj, Sequence[Obj]]]:
    found: list[tuple[Obj, Sequence[Obj]]] = []
    for attachment in caches.by_index(kinds.VOLUMEATTACHMENT, ATTACHMENTS_BY_VOLUME, volume):
        other = attachment["spec"]["nodeName"]
        if other != node:
            pods = caches.by_index(kinds.POD, PODS_BY_NODE, other)
            using = [pod for pod in pods if any(name_of(each) == volume for each in volumes_of(pod, caches))]
            found.append((attachment, using))
    return found


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    steps = Steps()
    since = {k: v for k, v in (seen.memory or {}).items() if any(name_of(a) == k for a in seen.attachments)}
    mine = {volume_of(attachment): attachment for attachment in seen.attachments}
    leaving = [_leaving(steps, seen, each, since, now) for each in seen.attachments]
    _say_what_is_attached(steps, seen, mine, {name_of(each.obj) for each in leaving if each})
    steps.add(*(each.step for each in leaving if each))
    for name, (volume, pods) in sorted(seen.wanted.items()):
        if name not in mine:
            steps.add(*_attach(seen, volume, pods))
        elif trouble := dig(mine[name], "status", "attachError", "message"):
            message = f'AttachVolume.Attach failed for volume "{name}" : {trouble}'
            steps.add(*(Report(pod, "Warning", "FailedAttachVolume", message) for pod in pods))
    steps.memory = since
    return steps.plan(f"{len(seen.wanted)} volumes wanted, {len(mine)} attached")


def _attach(seen: Seen, volume: Obj, pods: Sequence[Obj]) -> list[Create | Report]:
    name = name_of(volume)
    taken = seen.elsewhere.get(name) or ()
    if taken and not is_shared(volume):
        users = [pod for _, using in taken for pod in using]
        error = f'Multi-Attach error for volume "{name}"'
        return [Report(pod, "Warning", "FailedAttachVolume", f"{error} {_held(pod, users)}") for pod in pods]
    source = volume["spec"]["csi"]
    attachment = new_object(
        kinds.VOLUMEATTACHMENT,
        attachment_name(source["driver"], source["volumeHandle"], seen.name),
        spec={
            "attacher": source["driver"],
            "nodeName": seen.name,
            "source": {"persistentVolumeName": name},
        },
    )
    return [Create(kinds.VOLUMEATTACHMENT, attachment, f"needed by {names_of(pods)}", exists_ok=True)]


def _held(pod: Obj, users: Sequence[Obj]) -> str:
    """Why a pod cannot have a volume, in upstream's words: pods of other namespaces are not named to it."""
    if not users:
        return "Volume is already exclusively attached to one node and can't be attached to another"
    own = sorted(name_of(each) for each in users if namespace_of(each) == namespace_of(pod))
    others = len(users) - len(own)
    foreign = f"{others} pod(s) in different namespaces"
    if not own:
        return f"Volume is already used by {foreign}"
    named = f"Volume is already used by pod(s) {', '.join(own)}"
    return f"{named} and {foreign}" if others else named


@dataclass(frozen=True, slots=True)
class _Leaving:
    obj: Obj
    step: Delete


def _leaving(
    steps: Steps, seen: Seen, attachment: Obj, since: dict[str, float], now: float
) -> _Leaving | None:
    """The end of an attachment that nothing needs and that the node has let go."""
    volume, name = volume_of(attachment), name_of(attachment)
    if volume in seen.wanted or not volume or not name.startswith("csi-"):
        since.pop(name, None)
        return None
    if is_deleting(attachment):
        return None
    waited = now - since.setdefault(name, now)
    known = seen.volumes.get(volume)
    if known is not None and not _may_detach(seen.node, unique_name(known), waited):
        if waited < MOST_WAIT:
            steps.look_again(MOST_WAIT - waited)
        return None
    return _Leaving(
        attachment, Delete(kinds.VOLUMEATTACHMENT, "", name, uid_of(attachment), "no pod needs it")
    )


def _may_detach(node: Obj | None, volume: str, waited: float) -> bool:
    if node is None:
        return waited >= MOST_WAIT
    if volume not in (dig(node, "status", "volumesInUse") or ()):
        return True
    taints = node["spec"].get("taints") or ()
    if any(taint["key"] == OUT_OF_SERVICE and taint["effect"] == "NoExecute" for taint in taints):
        return True
    return waited >= MOST_WAIT and not _is_ready(node)


def _is_ready(node: Obj) -> bool:
    conditions = dig(node, "status", "conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _say_what_is_attached(steps: Steps, seen: Seen, mine: Mapping[str, Obj], leaving: set[str]) -> None:
    """Brings `status.volumesAttached` up to date: before a volume is detached, and once one is attached."""
    if seen.node is None:
        return
    before = {each["name"]: each for each in dig(seen.node, "status", "volumesAttached") or ()}
    after: dict[str, Any] = {}
    for name, attachment in sorted(mine.items()):
        volume = seen.volumes.get(name)
        if volume is None or not volume["spec"].get("csi") or not dig(attachment, "status", "attached"):
            continue
        if name_of(attachment) in leaving or is_deleting(attachment):
            continue
        unique = unique_name(volume)
        after[unique] = before.get(unique, {"name": unique, "devicePath": ""})
        if unique not in before and name in seen.wanted:
            message = f'AttachVolume.Attach succeeded for volume "{name}" '
            pods = seen.wanted[name][1]
            steps.add(*(Report(pod, "Normal", "SuccessfulAttachVolume", message) for pod in pods))
    foreign = {k: v for k, v in before.items() if not k.startswith("kubernetes.io/csi/")}
    if {**foreign, **after} != before:
        status = {"volumesAttached": [*foreign.values(), *after.values()] or None}
        steps.add(Patch(kinds.NODE, "", seen.name, {"status": status}, "volumes changed", "status"))


def _node_of_pod(pod: Obj) -> Iterable[str]:
    node = pod["spec"].get("nodeName")
    return (node,) if node and any(claims_of_pod(pod)) else ()


def _of_pod(pod: Obj, _caches: Caches) -> Iterable[str]:
    return _node_of_pod(pod)


def _of_claim(claim: Obj, caches: Caches) -> Iterable[str]:
    key = f"{claim['metadata']['namespace']}/{name_of(claim)}"
    return [node for pod in caches.by_index(kinds.POD, PODS_BY_CLAIM, key) for node in _node_of_pod(pod)]


def _of_volume(volume: Obj, caches: Caches) -> Iterable[str]:
    return [
        node
        for key in claim_key(volume)
        for pod in caches.by_index(kinds.POD, PODS_BY_CLAIM, key)
        for node in _node_of_pod(pod)
    ]


def _attachment_node(attachment: Obj) -> Iterable[str]:
    return (attachment["spec"]["nodeName"],)


def _attachment_volume(attachment: Obj) -> Iterable[str]:
    return (volume_of(attachment),)


def _of_attachment(attachment: Obj, caches: Caches) -> Iterable[str]:
    """Its node, and those where pods wait for the volume."""
    volume = caches.get(kinds.PERSISTENTVOLUME, volume_of(attachment))
    return {*_attachment_node(attachment), *(_of_volume(volume, caches) if volume is not None else ())}


def _of_node(node: Obj, caches: Caches) -> Iterable[str]:
    """Nodes that have, or shall have, anything attached."""
    name = name_of(node)
    attached = caches.by_index(kinds.VOLUMEATTACHMENT, ATTACHMENTS_BY_NODE, name)
    return (name,) if attached or dig(node, "status", "volumesAttached") else ()


CONTROLLER = ControllerDef(
    "persistentvolume-attach-detach-controller",
    watches=(
        Watch(kinds.NODE, _of_node),
        Watch(kinds.POD, _of_pod, {PODS_BY_NODE: _node_of_pod, PODS_BY_CLAIM: claims_of_pod}),
        Watch(kinds.PERSISTENTVOLUMECLAIM, _of_claim),
        Watch(kinds.PERSISTENTVOLUME, _of_volume),
        Watch(
            kinds.VOLUMEATTACHMENT,
            _of_attachment,
            {ATTACHMENTS_BY_NODE: _attachment_node, ATTACHMENTS_BY_VOLUME: _attachment_volume},
        ),
    ),
    observe=observe,
    plan=plan,
    account="attachdetach-controller",
    reads=(kinds.CSIDRIVER,),
    remembers=True,
    source="attachdetach-controller",
)

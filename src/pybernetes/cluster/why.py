"""Why an object is as it is: answers from its own state, its neighbours and the ledger.

Each `_why_…` is pure, from what was read to sentences; `why` reads through any client, so that it also works on a
cluster that is not ours (without the ledger's part).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.apiserver.ledger import Entry
from pybernetes.client.interface import Client
from pybernetes.lang import labelselector

from .naming import Target

MOST_PODS = 3


async def why(client: Client, target: Target, entries: Iterable[Entry] = ()) -> list[str]:
    """Sentences, the most telling first. Raises ApiError."""
    entries = [*entries]
    refused = _why_refused(target, entries)
    try:
        obj = await client.get(target.kind, target.name, target.namespace)
    except NotFound:
        return [f"{target} is not there.", *(_why_gone(target, entries) or refused)]
    told = _why_terminating(target.kind, obj)
    match target.kind.kind:
        case "Pod":
            told += why_pod(obj)
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job":
            told += await _why_workload(client, obj)
        case "Service":
            told += await _why_service(client, obj)
        case "Node":
            told += _why_conditions(obj, bad="False", healthy=("Ready",))
        case _:
            told += _why_conditions(obj, bad="False")
    return told or refused or [f"{target} has nothing wrong with it that its state would tell."]


def why_pod(pod: Obj) -> list[str]:
    """Pending, waiting, restarting, unready."""
    status, told = pod.get("status") or {}, []
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        told.append(f"It has no node: {scheduled.get('message') or scheduled.get('reason', '')}")
    elif not pod["spec"].get("nodeName"):
        name = pod["spec"].get("schedulerName", "default-scheduler")
        told.append(f"It has no node, and no scheduler has looked at it yet (its scheduler is {name}).")
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        told += _why_container(container)
    if status.get("phase") == "Failed":
        told.append(f"It has failed: {status.get('reason') or ''} {status.get('message') or ''}".rstrip(": "))
    if status.get("phase") == "Running" and not told:
        told += _why_conditions(pod, bad="False")
    return told


def _why_container(status: Obj) -> list[str]:
    told, name = [], status["name"]
    waiting = (status.get("state") or {}).get("waiting")
    ended = (status.get("state") or {}).get("terminated")
    last = (status.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") not in ("PodInitializing", "ContainerCreating"):
        told.append(
            f"Container {name} waits: {waiting.get('reason')}: {waiting.get('message') or ''}".rstrip(": ")
        )
    elif waiting:
        told.append(f"Container {name} is being made ({waiting.get('reason')}).")
    if last:
        told.append(
            f"Container {name} was restarted {status.get('restartCount', 0)} times; it ended last with exit code "
            f"{last.get('exitCode')} ({last.get('reason', '')}) at {last.get('finishedAt')}."
        )
    if ended and ended.get("exitCode"):
        told.append(f"Container {name} ended with exit code {ended['exitCode']} ({ended.get('reason', '')}).")
    if not waiting and not ended and not status.get("ready", True):
        told.append(f"Container {name} runs, but its readiness probe has not succeeded.")
    return told


def _why_terminating(kind: Kind, obj: Obj) -> list[str]:
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        return []
    told = [f"It was deleted at {metadata['deletionTimestamp']}."]
    if finalizers := metadata.get("finalizers"):
        told.append(
            f"It stays until these finalizers are removed by whoever set them: {', '.join(finalizers)}."
        )
    if kind.kind == "Namespace":
        told += _why_conditions(obj, bad="True")
        if finalizers := (obj.get("spec") or {}).get("finalizers"):
            told.append(f"Its content is still being removed (spec.finalizers: {', '.join(finalizers)}).")
    elif kind.kind == "Pod" and not metadata.get("finalizers"):
        grace, node = metadata.get("deletionGracePeriodSeconds", 0), obj["spec"].get("nodeName", "")
        told.append(
            f"The kubelet of {node} has {grace} s to stop it; if that node is away, nobody confirms it."
        )
    return told


def _why_conditions(obj: Obj, *, bad: str, healthy: Sequence[str] = ()) -> list[str]:
    told = []
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if healthy and (entry["type"] in healthy) == (entry["status"] == "True"):
            continue
        if healthy or entry["status"] == bad:
            why = ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
            told.append(f"Condition {entry['type']} is {entry['status']}: {why}")
    return told


async def _why_workload(client: Client, obj: Obj) -> list[str]:
    """A workload's own conditions, then what keeps its pods."""
    status, spec = obj.get("status") or {}, obj["spec"]
    told = [
        f"Condition {c['type']} is {c['status']}: {c.get('message', '')}"
        for c in status.get("conditions") or ()
        if c["status"] == ("True" if c["type"] in ("ReplicaFailure", "Failed") else "False")
    ]
    if spec.get("paused"):
        told.append("It is paused (spec.paused): nothing is rolled out.")
    if status.get("observedGeneration", 0) < (obj["metadata"].get("generation") or 0):
        told.append("Its controller has not looked at its newest version yet.")
    selector = labelselector.from_label_selector(spec.get("selector"))
    pods = (await client.list(kinds.POD, namespace_of(obj), labels=str(selector))).items
    wanted = spec.get("replicas")
    if wanted and not pods and not told:
        told.append(f"{wanted} pods are wanted, and there is none.")
    troubled = [(name_of(pod), words) for pod in pods if (words := why_pod(pod))]
    for name, words in troubled[:MOST_PODS]:
        told += [f"pod/{name}: {text}" for text in words]
    if len(troubled) > MOST_PODS:
        told.append(f"… and {len(troubled) - MOST_PODS} more pods.")
    return told


async def _why_service(client: Client, service: Obj) -> list[str]:
    """Why nobody answers."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return [f"It is another name of {spec.get('externalName')}: it has no endpoints."]
    selector = spec.get("selector")
    if not selector:
        return ["It has no selector: its endpoints are whoever writes its EndpointSlices."]
    wanted = ",".join(f"{k}={v}" for k, v in sorted(selector.items()))
    pods = (await client.list(kinds.POD, namespace_of(service), labels=wanted)).items
    if not pods:
        near = (await client.list(kinds.POD, namespace_of(service))).items
        shared = [name_of(p) for p in near if set(labels_of(p).items()) & set(selector.items())]
        hint = f" (near misses: {', '.join(shared[:MOST_PODS])})" if shared else ""
        return [f"No pod has the labels of its selector, {wanted}{hint}."]
    told = []
    unready = [pod for pod in pods if not _is_ready(pod)]
    if unready:
        told.append(f"{len(unready)} of {len(pods)} pods that it selects are not ready.")
        for pod in unready[:MOST_PODS]:
            told += [f"pod/{name_of(pod)}: {text}" for text in why_pod(pod)]
    names = {p.get("name") for pod in pods for c in pod["spec"]["containers"] for p in c.get("ports") or ()}
    for port in spec.get("ports") or ():
        target = port.get("targetPort")
        if isinstance(target, str) and not target.isdigit() and target not in names:
            told.append(
                f"Its port {port.get('name') or port['port']} leads to {target!r}, a name no container has."
            )
    return told


def _is_ready(pod: Obj) -> bool:
    return any(
        c["type"] == "Ready" and c["status"] == "True"
        for c in (pod.get("status") or {}).get("conditions") or ()
    )


def _why_refused(target: Target, entries: Iterable[Entry]) -> list[str]:
    """The last writes of it that were refused."""
    found = [e for e in entries if e.code >= 400 and e.code != 409 and _is_about(e, target)]
    return [f"{e.user} was refused to {e.verb} it ({e.code}): {e.message}" for e in found[-MOST_PODS:]]


def _why_gone(target: Target, entries: Iterable[Entry]) -> list[str]:
    deleted = [e for e in entries if e.verb == "delete" and e.code < 400 and _is_about(e, target)]
    told = []
    for entry in deleted[-1:]:
        reaction = entry.reaction
        reason = f", because {reaction.reason} ({reaction.kind} {reaction.name})" if reaction else ""
        told.append(f"{entry.user} deleted it at revision {entry.revision}{reason}.")
    return told


def _is_about(entry: Entry, target: Target) -> bool:
    kind = target.kind
    return (entry.group, entry.resource) == (kind.group, kind.plural) and (
        (entry.namespace, entry.name) in ((target.namespace, target.name), (target.namespace, ""))
    )

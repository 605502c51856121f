"""Why objects of particular kinds do not do what they are for: workloads, Services, claims, nodes, autoscalers.

Each function reads through any client, so that it also answers for a cluster that is not ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.client.interface import Client
from pybernetes.lang import labelselector
from pybernetes.lang.quantity import units

from .whydeletion import uses
from .whypods import is_ready, sentence, why_conditions, why_pod

MOST_PODS = 3
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
LEASES = "kube-node-lease"
BAD_WORDS = ("Degraded", "Failed", "Failure", "Error", "Stalled", "ReplicaFailure")
"""Types of conditions that are bad where they are True; of all others it is bad to be False."""


async def why_workload(client: Client, obj: Obj) -> list[str]:
    """A workload's own conditions, then what keeps its pods."""
    status, spec = obj.get("status") or {}, obj["spec"]
    told = bad_conditions(obj)
    if obj.get("kind") == "Deployment":
        told += await _why_replica_sets(client, obj)
    if spec.get("paused"):
        told.append("It is paused (spec.paused): nothing is rolled out.")
    if spec.get("suspend"):
        told.append("It is suspended (spec.suspend): no pods are made.")
    told += unobserved(obj)
    pods = (await client.list(kinds.POD, namespace_of(obj), labels=_selector(spec))).items
    wanted = spec.get("replicas")
    if wanted and not pods and not told:
        told.append(f"{wanted} pods are wanted, and there is none.")
    if status.get("desiredNumberScheduled") == 0 and obj.get("kind") == "DaemonSet":
        told.append("No node is suited to it (its node selector, its affinity, taints).")
    troubled = [(name_of(pod), words) for pod in pods if (words := why_pod(pod))]
    for name, words in troubled[:MOST_PODS]:
        told += [f"pod/{name}: {text}" for text in words]
    if len(troubled) > MOST_PODS:
        told.append(f"… and {len(troubled) - MOST_PODS} more pods.")
    return told


def _selector(spec: Obj) -> str:
    selector = spec.get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    return str(labelselector.from_label_selector(selector))


async def _why_replica_sets(client: Client, deployment: Obj) -> list[str]:
    """What its ReplicaSets complain about: quotas, refused pods."""
    listed = await client.list(
        kinds.REPLICASET, namespace_of(deployment), labels=_selector(deployment["spec"])
    )
    return [f"replicaset/{name_of(each)}: {text}" for each in listed.items for text in bad_conditions(each)]


async def why_service(client: Client, service: Obj) -> list[str]:
    """Why nobody answers."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return [f"It is another name of {spec.get('externalName')}: it has no endpoints."]
    told = []
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    if spec.get("type") == "LoadBalancer" and not balancer.get("ingress"):
        told.append("No load balancer has given it an address yet (status.loadBalancer is empty).")
    selector = spec.get("selector")
    if not selector:
        return [*told, "It has no selector: its endpoints are whoever writes its EndpointSlices."]
    wanted = ",".join(f"{k}={v}" for k, v in sorted(selector.items()))
    pods = (await client.list(kinds.POD, namespace_of(service), labels=wanted)).items
    if not pods:
        near = (await client.list(kinds.POD, namespace_of(service))).items
        shared = [name_of(p) for p in near if set(labels_of(p).items()) & set(selector.items())]
        hint = f" (near misses: {', '.join(shared[:MOST_PODS])})" if shared else ""
        return [*told, f"No pod has the labels of its selector, {wanted}{hint}."]
    unready = [pod for pod in pods if not is_ready(pod)]
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


async def why_claim(client: Client, claim: Obj) -> list[str]:
    """Why a PersistentVolumeClaim is not bound."""
    spec, phase = claim["spec"], (claim.get("status") or {}).get("phase")
    if phase == "Bound":
        return why_conditions(claim, bad="False")
    if phase == "Lost":
        return [f"Its volume {spec.get('volumeName')} is gone."]
    told = []
    if name := spec.get("volumeName"):
        told.append(f"It asks for volume {name}, which does not serve it (yet).")
    class_name = spec.get("storageClassName")
    if class_name is None:
        classes = (await client.list(kinds.STORAGECLASS)).items
        if not any((c["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true" for c in classes):
            told.append("It names no storage class, and no class is the default.")
    elif class_name:
        told += await _why_class(client, claim, class_name)
    volumes = (await client.list(kinds.PERSISTENTVOLUME)).items
    misfits = [f"volume {name_of(volume)} {why}" for volume in volumes if (why := _misfit(volume, spec))]
    return told + [f"{text}." for text in misfits[:MOST_PODS]]


async def _why_class(client: Client, claim: Obj, name: str) -> list[str]:
    try:
        found = await client.get(kinds.STORAGECLASS, name)
    except NotFound:
        return [f"Its storage class {name} does not exist."]
    if found.get("volumeBindingMode") == "WaitForFirstConsumer":
        pods = (await client.list(kinds.POD, namespace_of(claim))).items
        users = [pod for pod in pods if uses(pod, name_of(claim))]
        if not users:
            return [f"Class {name} binds when a pod uses the claim (WaitForFirstConsumer), and none does."]
        waiting = [name_of(pod) for pod in users if not pod["spec"].get("nodeName")]
        if waiting:
            return [f"It waits until pod/{waiting[0]}, which uses it, has a node."]
    return [f"It waits for provisioner {found.get('provisioner')} of class {name}."]


def _misfit(volume: Obj, wanted: Obj) -> str:
    """Why an existing volume of the same class cannot be had; "" for one of another class."""
    spec, phase = volume["spec"], (volume.get("status") or {}).get("phase")
    if (spec.get("storageClassName") or "") != (wanted.get("storageClassName") or ""):
        return ""
    if phase != "Available":
        return f"is {phase}"
    asked = (wanted.get("resources") or {}).get("requests", {}).get("storage", "0")
    has = (spec.get("capacity") or {}).get("storage", "0")
    if units(str(has)) < units(str(asked)):
        return f"has {has}, less than {asked}"
    missing = set(wanted.get("accessModes") or ()) - set(spec.get("accessModes") or ())
    return f"has not the access mode {', '.join(sorted(missing))}" if missing else ""


async def why_node(client: Client, node: Obj) -> list[str]:
    """Why a node is not ready, or takes no pods."""
    told = []
    for entry in (node.get("status") or {}).get("conditions") or ():
        healthy = "True" if entry["type"] == "Ready" else "False"
        if entry["status"] != healthy:
            told.append(sentence(entry))
    if told:
        try:
            lease = await client.get(kinds.LEASE, name_of(node), LEASES)
            told.append(
                f"Its kubelet gave its last sign of life at {(lease.get('spec') or {}).get('renewTime')}."
            )
        except ApiError:
            told.append("Its kubelet has never given a sign of life (it has no lease).")
    if node["spec"].get("unschedulable"):
        told.append("It is cordoned (spec.unschedulable): no new pods come to it.")
    for taint in node["spec"].get("taints") or ():
        value = f"={taint['value']}" if taint.get("value") else ""
        told.append(f"It has the taint {taint['key']}{value}:{taint['effect']}.")
    return told


async def why_autoscaler(_client: Client, autoscaler: Obj) -> list[str]:
    """Why a HorizontalPodAutoscaler does not scale."""
    spec, status = autoscaler["spec"], autoscaler.get("status") or {}
    told = why_conditions(autoscaler, bad="False", only=("AbleToScale", "ScalingActive"))
    told += why_conditions(autoscaler, bad="True", only=("ScalingLimited",))
    if not status.get("conditions"):
        told.append("horizontal-pod-autoscaler-controller has not looked at it yet.")
    current, desired = status.get("currentReplicas"), status.get("desiredReplicas")
    if current is not None and current == desired and not told:
        limits = f"between {spec.get('minReplicas', 1)} and {spec.get('maxReplicas')}"
        told.append(f"{current} replicas ({limits}) are what its metrics call for: {_metrics(status)}.")
    return told


def _metrics(status: Obj) -> str:
    found = []
    for metric in status.get("currentMetrics") or ():
        source: Mapping[str, Any] = next((v for v in metric.values() if isinstance(v, Mapping)), {})
        current = source.get("current") or {}
        value = current.get("averageUtilization")
        text = f"{value} %" if value is not None else current.get("averageValue") or current.get("value")
        found.append(f"{source.get('name') or (source.get('metric') or {}).get('name')} is {text}")
    return ", ".join(found) or "none is known"


async def why_job(client: Client, job: Obj) -> list[str]:
    """Why a Job has failed or does not come to an end."""
    status, spec = job.get("status") or {}, job["spec"]
    told = await why_workload(client, job)
    if status.get("failed"):
        done, most = status["failed"], spec.get("backoffLimit", 6)
        told.append(f"{done} of its pods have failed (spec.backoffLimit is {most}).")
    return told


async def why_cron_job(_client: Client, cron: Obj) -> list[str]:
    """Why a CronJob makes no Jobs."""
    spec, status = cron["spec"], cron.get("status") or {}
    told = ["It is suspended (spec.suspend): it makes no Jobs."] if spec.get("suspend") else []
    if active := status.get("active"):
        names = ", ".join(f"job/{each['name']}" for each in active[:MOST_PODS])
        policy = spec.get("concurrencyPolicy", "Allow")
        told.append(f"Still at work: {names} (spec.concurrencyPolicy is {policy}).")
    if not status.get("lastScheduleTime"):
        told.append(f"It has never been due since it was made (spec.schedule is {spec.get('schedule')}).")
    return told


async def why_other(_client: Client, obj: Obj) -> list[str]:
    """Any kind, custom ones too: what its conditions and its phase say."""
    status = obj.get("status")
    if not isinstance(status, Mapping):
        return []
    told = bad_conditions(obj) + unobserved(obj)
    for name in ("phase", "state"):
        if isinstance(word := status.get(name), str) and word:
            reason = ": ".join(str(status[k]) for k in ("reason", "message") if status.get(k))
            told.append(f"Its {name} is {word}" + (f": {reason}" if reason else "."))
    return told


def bad_conditions(obj: Obj) -> list[str]:
    """What its conditions complain about, whatever they are called."""
    return [
        sentence(each)
        for each in (obj.get("status") or {}).get("conditions") or ()
        if isinstance(each, Mapping)
        and "type" in each
        and each.get("status") == ("True" if each["type"].endswith(BAD_WORDS) else "False")
    ]


def unobserved(obj: Obj) -> list[str]:
    """Whether its controller is behind, where it tells."""
    status = obj.get("status") or {}
    seen = status.get("observedGeneration")
    if isinstance(seen, int) and seen < (obj["metadata"].get("generation") or 0):
        return ["Its controller has not looked at its newest version yet."]
    if seen is None and not status and obj.get("apiVersion") in ("apps/v1", "batch/v1"):
        return ["Its controller has not looked at it yet."]
    return []


Explain = Callable[[Client, Obj], Awaitable[list[str]]]
BY_KIND: Mapping[str, Explain] = {
    "Deployment": why_workload,
    "ReplicaSet": why_workload,
    "ReplicationController": why_workload,
    "StatefulSet": why_workload,
    "DaemonSet": why_workload,
    "Job": why_job,
    "CronJob": why_cron_job,
    "Service": why_service,
    "PersistentVolumeClaim": why_claim,
    "Node": why_node,
    "HorizontalPodAutoscaler": why_autoscaler,
}

"""Scenarios of the workloads' controllers, and of what looks after their pods."""

from __future__ import annotations

from faultworld import FINISH, Scenario, SufferingWorld
from test_manager_cronjob import cron_job
from test_manager_daemonset import daemon_set, new_image
from test_manager_disruption import budget
from test_manager_horizontalpodautoscaler import METRICS_API, Load, asking, autoscaler
from test_manager_horizontalpodautoscaler import started as pods_started
from test_manager_job import job
from test_manager_replicaset import replica_set
from test_manager_services import service
from test_manager_statefulset import TEMPLATES, stateful_set
from test_manager_statefulset import new_image as new_set_image
from world import deployment, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, evolve, name_of
from pybernetes.lang.timestamps import rfc3339


async def replicas_come_and_go(world: SufferingWorld) -> None:
    """An orphan is adopted, a pod is let go, one dies, and the number changes."""
    await world.client.create(kinds.POD, pod("orphan", {"app": "rs"}))
    await world.rest()
    await world.client.create(kinds.REPLICASET, replica_set("rs", 4))
    await world.rest()
    await world.client.patch(kinds.POD, "orphan", "default", {"metadata": {"labels": {"app": "none"}}})
    await world.change(kinds.REPLICASET, "rs", {"replicas": 6})
    await world.rest()
    first = next(name_of(p) for p in await world.all(kinds.POD) if name_of(p) != "orphan")
    await world.client.delete(kinds.POD, first, "default")
    await world.rest()
    await world.change(kinds.REPLICASET, "rs", {"replicas": 2})
    await world.rest()


async def replication_controller(world: SufferingWorld) -> None:
    template = {"metadata": {"labels": {"app": "rc"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 3, "selector": {"app": "rc"}, "template": template}
    await world.client.create(
        kinds.REPLICATIONCONTROLLER, new_object(kinds.REPLICATIONCONTROLLER, "rc", "default", spec=spec)
    )
    await world.rest()
    await world.change(kinds.REPLICATIONCONTROLLER, "rc", {"replicas": 1})
    await world.rest()


async def rollout(world: SufferingWorld) -> None:
    """Two rolling updates, then a rollback and a pause."""
    await world.client.create(kinds.DEPLOYMENT, deployment(replicas=4))
    await world.rest()

    async def image(name: str) -> None:
        template = {"spec": {"containers": [{"name": "c", "image": name}]}}
        await world.change(kinds.DEPLOYMENT, "web", {"template": template})

    await image("nginx:2")
    await world.rest()
    await image("nginx:3")
    await world.rest()
    await image("nginx:1")
    await world.rest()
    await world.change(kinds.DEPLOYMENT, "web", {"paused": True, "replicas": 2})
    await world.rest()


async def stateful(world: SufferingWorld) -> None:
    made = stateful_set(replicas=3, volumeClaimTemplates=TEMPLATES)
    await world.client.create(kinds.STATEFULSET, made)
    await world.rest()
    await world.change(kinds.STATEFULSET, "web", new_set_image("nginx:2"))
    await world.rest()
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    await world.change(
        kinds.STATEFULSET, "web", {"replicas": 1, "persistentVolumeClaimRetentionPolicy": policy}
    )
    await world.rest()


async def daemons(world: SufferingWorld) -> None:
    for name in ("n1", "n2", "n3"):
        await world.node(name)
    await world.client.create(kinds.DAEMONSET, daemon_set())
    await world.rest()
    await world.change(kinds.DAEMONSET, "agent", new_image("nginx:2"))
    await world.rest()
    await world.node("n4")
    await world.client.delete(kinds.NODE, "n1", "")
    await world.rest()


def finishing(made: Obj, phase: str = "Succeeded") -> Obj:
    """A Job whose pods end by themselves."""
    template = evolve(made["spec"]["template"], "metadata", {"labels": {FINISH: phase}})
    return evolve(made, "spec", "template", template)


async def jobs(world: SufferingWorld) -> None:
    plain, indexed = job("plain", completions=3, parallelism=2), job("indexed", completions=3)
    indexed = evolve(indexed, "spec", {**indexed["spec"], "completionMode": "Indexed", "parallelism": 3})
    await world.client.create(kinds.JOB, finishing(plain))
    await world.client.create(kinds.JOB, finishing(indexed))
    await world.client.create(kinds.JOB, finishing(job("failing", backoffLimit=0), "Failed"))
    await world.client.create(kinds.JOB, job("suspended", suspend=True, completions=1))
    await world.rest(60)
    await world.change(kinds.JOB, "suspended", {"suspend": False})
    await world.rest(60)


async def cron(world: SufferingWorld) -> None:
    """Three minutes of runs; the second of them is kept."""
    made = cron_job(successfulJobsHistoryLimit=1, startingDeadlineSeconds=50)
    template = evolve(made["spec"]["jobTemplate"], "spec", "template", {
        "metadata": {"labels": {FINISH: "Succeeded"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]},
    })  # fmt: skip
    await world.client.create(kinds.CRONJOB, evolve(made, "spec", "jobTemplate", template))
    await world.until(125)
    await world.change(kinds.CRONJOB, "tick", {"suspend": True})
    await world.rest(60)


async def ttl_after_finished(world: SufferingWorld) -> None:
    for name, seconds in (("short", 20), ("long", 86400)):
        made = job(name, ttlSecondsAfterFinished=seconds)
        await world.client.create(kinds.JOB, made)
        now = rfc3339(world.env.now())
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        status = {"conditions": conditions, "startTime": now, "completionTime": now, "succeeded": 1}
        await world.client.patch(kinds.JOB, name, "default", {"status": status}, subresource="status")
    await world.rest(60)


async def autoscaled(world: SufferingWorld) -> None:
    await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, METRICS_API)
    await world.client.create(kinds.DEPLOYMENT, asking(2))
    await world.rest()
    await pods_started(world)
    load = Load(world, "100m")
    await world.settle(400)
    await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler(most=4))
    await world.rest(60)
    await pods_started(world)
    load.cpu = "5m"
    await world.rest(400)


async def budgets(world: SufferingWorld) -> None:
    made = replica_set("web", 3)
    await world.client.create(kinds.REPLICASET, made)
    await world.client.create(
        kinds.PODDISRUPTIONBUDGET, budget(selector={"matchLabels": {"app": "web"}}, maxUnavailable="34%")
    )
    await world.rest()
    await world.change(kinds.REPLICASET, "web", {"replicas": 5})
    await world.rest()


async def stale_disruption(world: SufferingWorld) -> None:
    """A pod that was told to go and stayed."""
    await world.client.create(kinds.POD, pod("p", {"app": "web"}))
    await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(minAvailable=0))
    await world.settle(3)
    entry = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "lastTransitionTime": rfc3339(world.env.now()),
    }
    found = await world.client.get(kinds.POD, "p", "default")
    conditions = [*(found["status"].get("conditions") or ()), entry]
    await world.client.patch(
        kinds.POD, "p", "default", {"status": {"conditions": conditions}}, subresource="status"
    )
    await world.settle(125)
    await world.rest()


async def served(world: SufferingWorld) -> None:
    await world.client.create(kinds.SERVICE, service(ports=[{"port": 80}]))
    for number in range(3):
        await world.client.create(kinds.POD, pod(f"p{number}", {"app": "web"}, nodeName="n1"))
    await world.node("n1")
    await world.rest()
    await world.client.delete(kinds.POD, "p1", "default")
    await world.change(kinds.SERVICE, "web", {"ports": [{"port": 80, "targetPort": 8080}]})
    await world.rest()
    await world.client.patch(kinds.SERVICE, "web", "default", {"metadata": {"labels": {"new": "label"}}})
    await world.rest()


WORKLOADS: tuple[Scenario, ...] = (
    Scenario("replicaset-controller", replicas_come_and_go),
    Scenario("replicationcontroller-controller", replication_controller),
    Scenario("deployment-controller", rollout, "replicaset-controller"),
    Scenario("statefulset-controller", stateful, "garbage-collector-controller"),
    Scenario("daemonset-controller", daemons),
    Scenario("job-controller", jobs),
    Scenario("cronjob-controller", cron, "job-controller,garbage-collector-controller"),
    Scenario("ttl-after-finished-controller", ttl_after_finished),
    Scenario(
        "horizontal-pod-autoscaler-controller",
        autoscaled,
        "deployment-controller,replicaset-controller",
        ignore=("CustomResourceDefinition",),
    ),
    Scenario("disruption-controller", budgets, "replicaset-controller"),
    Scenario("disruption-controller", stale_disruption, name="stale-disruption"),
    Scenario("endpoints-controller", served),
    Scenario("endpointslice-controller", served),
)

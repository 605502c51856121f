"""Every pod of a Job is counted once, whatever happens in whatever order: pods end, are deleted and vanish, caches are late,
writes meet others, the controller dies between any two writes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pybernetes.api.errors import Conflict
from pybernetes.api.meta import Obj, is_deleting, uid_of
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Batch, Create, Delete, Patch, Report, Update
from pybernetes.controllers.job import indexes
from pybernetes.controllers.job.accounting import FINALIZER
from pybernetes.controllers.job.ending import is_finished, is_true
from pybernetes.controllers.job.plan import Seen, plan
from pybernetes.controllers.pods import phase
from pybernetes.lang.timestamps import rfc3339

START = 1_000_000.0
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {"completions": 5, "parallelism": 3},
    "queue": {"parallelism": 3},
    "few failures": {"completions": 4, "parallelism": 4, "backoffLimit": 3},
    "replaced when failed": {"completions": 4, "parallelism": 2, "podReplacementPolicy": "Failed"},
    "indexed": {"completions": 5, "parallelism": 3, "completionMode": "Indexed"},
    "by index, few failures": {
        "completions": 4,
        "parallelism": 4,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 2,
        "backoffLimit": 2,
        "podReplacementPolicy": "Failed",
    },
    "by index": {
        "completions": 4,
        "parallelism": 4,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 1,
        "podReplacementPolicy": "Failed",
    },
}


class Server:
    """The Job and its pods as they are stored, all versions of them, and what a controller sees of them."""

    def __init__(self, spec: Obj) -> None:
        self.revision = 1
        self.made = 0
        self.now = START
        self.ledger: dict[str, tuple[Obj, str, bool]] = {}
        """Of pods that have lost their finalizer: as they were then, why they lost it, whether the Job had failed."""
        self.noted: dict[str, str] = {}
        """As what each pod was first written down."""
        self.ended: set[str] = set()
        """Pods that the kubelet has done with."""
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j", "namespace": "n", "uid": "job", "resourceVersion": "1"},
            "spec": {
                "backoffLimit": 100,
                "podReplacementPolicy": "TerminatingOrFailed",
                "selector": {"matchLabels": {"job": "j"}},
                "template": {
                    "metadata": {"labels": {"job": "j"}},
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
                },
                **spec,
            },
            "status": {},
        }
        self.jobs: list[Obj] = [job]
        self.pods: list[Mapping[str, Obj]] = [{}]
        self.seen_job = self.seen_pods = 0
        self.memory: Any = None

    @property
    def job(self) -> Obj:
        return self.jobs[-1]

    @property
    def current(self) -> Mapping[str, Obj]:
        return self.pods[-1]

    def pods_have(self, uid: str) -> bool:
        """Whether a pod waits to be counted."""
        pod = self.current.get(uid)
        return pod is not None and FINALIZER in (pod["metadata"].get("finalizers") or ())

    def tick(self) -> str:
        self.revision += 1
        return str(self.revision)

    def store_job(self, **fields: Any) -> None:
        metadata = {**self.job["metadata"], "resourceVersion": self.tick()}
        before = self.job["status"]
        left = {uid for uids in (before.get("uncountedTerminatedPods") or {}).values() for uid in uids}
        self.jobs.append({**self.job, **fields, "metadata": metadata})
        for how, uids in (self.job["status"].get("uncountedTerminatedPods") or {}).items():
            for uid in uids:
                assert self.noted.setdefault(uid, how) == how
                assert uid in left or self.pods_have(uid), "counted before, or never there"
        for count in ("succeeded", "failed"):
            if not is_finished(self.job) or count == "failed":
                assert self.job["status"].get(count, 0) >= before.get(count, 0), (
                    "what is counted stays counted"
                )

    def store_pod(self, pod: Obj, metadata: Obj | None = None, **fields: Any) -> None:
        fresh = {**pod, **fields}
        fresh["metadata"] = {**pod["metadata"], **(metadata or {}), "resourceVersion": self.tick()}
        uid = uid_of(fresh)
        pods = {**self.current, uid: fresh}
        if is_deleting(fresh) and not fresh["metadata"].get("finalizers") and uid in self.ended:
            del pods[uid]
        self.pods.append(pods)

    # ---- what the controller does

    def plan(self) -> Any:
        pods = [*self.pods[self.seen_pods].values()]
        return plan(Seen(self.jobs[self.seen_job], pods, (), (), self.memory), self.now, Settings())

    def sync(self, rng: random.Random | None = None, most: int = 1000) -> None:
        """Plans, and performs the first `most` writes, between which others act. Then the caches show what was written,
        but not what came after it."""
        found = self.plan()
        self.memory = found.memory
        for step in [*_writes(found.steps)][:most]:
            if rng is not None and rng.random() < 0.3:
                self.happen(rng)
            try:
                self.perform(step)
            except Conflict:
                return
            self.see_all()

    def perform(self, step: Any) -> None:
        match step:
            case Update():
                if step.obj["metadata"]["resourceVersion"] != self.job["metadata"]["resourceVersion"]:
                    raise Conflict("the Job has changed")
                assert step.subresource == "status"
                self.store_job(status=step.obj["status"])
            case Create():
                uid = f"pod-{self.made}"
                self.made += 1
                stamp = {"creationTimestamp": rfc3339(self.now + self.made), "uid": uid, "name": uid}
                self.store_pod({**step.obj, "status": {"phase": "Pending"}}, stamp)
            case Delete():
                pod = self.current.get(step.uid)
                if pod is not None and not is_deleting(pod):
                    self.store_pod(pod, {"deletionTimestamp": rfc3339(self.now)})
            case Patch():
                pod = self.current.get(step.name)
                if pod is None:
                    return
                metadata = dict(step.patch["metadata"])
                if metadata.pop("resourceVersion") != pod["metadata"]["resourceVersion"]:
                    raise Conflict("the pod has changed")
                assert FINALIZER in pod["metadata"]["finalizers"]
                assert uid_of(pod) not in self.ledger
                self.ledger[uid_of(pod)] = (pod, step.reason, is_true(self.job, "FailureTarget"))
                self.store_pod(pod, metadata)
            case _:
                raise AssertionError(step)

    # ---- what others do

    def happen(self, rng: random.Random) -> None:
        living = [pod for uid, pod in self.current.items() if uid not in self.ended]
        pod = rng.choice(living) if living else None
        match rng.randrange(8):
            case 0 if pod is not None and not is_deleting(pod):
                self.end(pod, "Succeeded")
            case 1 if pod is not None and not is_deleting(pod):
                self.end(pod, "Failed")
            case 2 if pod is not None and not is_deleting(pod):
                self.store_pod(pod, {"deletionTimestamp": rfc3339(self.now)})  # somebody deletes it
            case 3 if pod is not None and is_deleting(pod):
                self.end(pod, rng.choice(("Failed", "Failed", "Succeeded")))
            case 4 if pod is not None and phase(pod) == "Pending":
                self.store_pod(pod, status={"phase": "Running"})
            case 5:
                self.now += rng.choice((1.0, 15.0, 700.0))
            case 6 if rng.random() < 0.3 and not is_finished(self.job):
                spec = {**self.job["spec"], "suspend": not self.job["spec"].get("suspend", False)}
                self.store_job(spec=spec)
            case 7 if rng.random() < 0.3:
                self.store_job(spec={**self.job["spec"], "parallelism": rng.randrange(5)})

    def end(self, pod: Obj, how: str) -> None:
        self.ended.add(uid_of(pod))
        self.store_pod(pod, status={"phase": how})

    def sweep(self) -> None:
        """The kubelet removes what is being deleted and has ended."""
        for pod in [*self.current.values()]:
            if is_deleting(pod) and uid_of(pod) in self.ended and not pod["metadata"].get("finalizers"):
                self.store_pod(pod)

    def see(self, rng: random.Random) -> None:
        """The caches come nearer to what is stored."""
        self.seen_job = rng.randint(self.seen_job, len(self.jobs) - 1)
        self.seen_pods = rng.randint(self.seen_pods, len(self.pods) - 1)

    def see_all(self) -> None:
        self.seen_job, self.seen_pods = len(self.jobs) - 1, len(self.pods) - 1

    def check(self) -> None:
        status = self.job["status"]
        assert not status.get("uncountedTerminatedPods")
        assert not any(FINALIZER in (p["metadata"].get("finalizers") or ()) for p in self.current.values())
        spec = self.job["spec"]
        succeeded, failed, done = 0, 0, set[int]()
        for uid, (pod, why, had_failed) in self.ledger.items():
            # One that was being deleted, and so had failed, stays failed whatever it ends with.
            ended = "Failed" if self.noted.get(uid) == "failed" else phase(pod)
            if why != "counted":
                assert ended not in ("Succeeded", "Failed"), f"never counted: {why}"
            elif ended == "Succeeded":
                succeeded += 1
                done.add(indexes.index_of(pod) or 0)
            elif (
                ended == "Failed"
                or had_failed
                or (is_deleting(pod) and spec["podReplacementPolicy"] != "Failed")
            ):
                failed += 1
        assert status.get("failed", 0) == failed
        if spec.get("completionMode") == "Indexed":
            assert indexes.parse(status.get("completedIndexes", ""), spec["completions"]) == done
        else:
            assert status.get("succeeded", 0) == succeeded


def _writes(steps: Any) -> Iterator[Any]:
    for step in steps:
        if isinstance(step, Batch):
            yield from step.steps
        elif not isinstance(step, Report):
            yield step


def live(shape: str, seed: int) -> Server:
    """A Job's whole life."""
    rng = random.Random(seed)
    server = Server(SHAPES[shape])
    for _ in range(rng.randrange(40, 160)):
        chance = rng.random()
        if chance < 0.6:
            server.happen(rng)
            server.sweep()
        elif chance < 0.8:
            server.see(rng)
        elif chance < 0.83:
            server.sync(
                rng, rng.randrange(4)
            )  # the process dies in the middle of it; the next one lists anew
            server.memory = None
            server.see_all()
        else:
            server.sync(rng)
    parallelism = server.job["spec"]["parallelism"] or 2
    server.store_job(spec={**server.job["spec"], "suspend": False, "parallelism": parallelism})
    for _ in range(200):
        server.see_all()
        before = server.revision
        server.sync()
        for pod in [*server.current.values()]:
            if uid_of(pod) not in server.ended:
                server.end(pod, "Failed" if is_deleting(pod) else "Succeeded")
        server.sweep()
        if server.revision == before:
            if is_finished(server.job):
                break
            server.now += 700
    return server


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pod_is_counted_once(shape: str) -> None:
    for seed in range(60):
        try:
            server = live(shape, seed)
            server.check()
            assert is_finished(server.job), server.plan().why
        except Exception as error:
            raise AssertionError(f"{shape}, seed {seed}: {error!r}") from error

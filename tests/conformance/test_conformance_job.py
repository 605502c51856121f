"""Jobs (upstream: test/e2e/apps/job.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, controller_ref_of, labels_of, name_of
from pybernetes.controllers.pods import phase
from tests.conformance.controllers import owner_is, pod_template, pods_of, relabelled
from tests.conformance.scenario import changed, gone, until, watching
from tests.conformance.tasks import IMAGE
from tests.conformance.workloads import count, running

KIND = kinds.JOB
INDEX = "batch.kubernetes.io/job-completion-index"


def job(name: str, ns: str, script: str = "", restart: str = "Never", **spec: Any) -> dict[str, Any]:
    template = pod_template("e2e-job", script, restartPolicy=restart)
    metadata = {"name": name, "namespace": ns, "labels": {"e2e-job-label": name}}
    return {"metadata": metadata, "spec": {"template": template, **spec}}


async def ended(c: Cluster, name: str, ns: str, condition: str = "Complete") -> Obj:
    """Waits for the condition, and gives it with the Job's status."""

    async def found() -> Obj | None:
        status = (await c.client.get(KIND, name, ns)).get("status") or {}
        for each in status.get("conditions") or ():
            if each["type"] == condition and each["status"] == "True":
                return {**each, "of": status}
        return None

    told: Obj = await until(f"jobs/{name} is {condition}", found, seconds=300)
    return told


async def test_adopting_and_releasing(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should adopt matching orphans and release non-matching pods [Conformance]"""
    made = await c.client.create(KIND, job("adopt-release", ns, parallelism=2, completions=4, backoffLimit=6))
    [first, second] = await running(c, ns, 2)
    metadata = {"ownerReferences": None}
    await c.client.patch(kinds.POD, name_of(first), ns, {"metadata": metadata})
    await owner_is(c, first, made)
    await relabelled(c, second, dict.fromkeys(labels_of(second)))
    released = await owner_is(c, second, None)
    assert "ownerReferences" not in released["metadata"]
    assert "finalizers" not in released["metadata"]

    async def replaced() -> bool:
        return len(await pods_of(c, made)) == 2

    await until("another pod takes its place", replaced)


async def test_disruptions_are_ignored(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition [Conformance]"""
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
    ]
    spec = {
        "completionMode": "Indexed",
        "parallelism": 2,
        "completions": 4,
        "backoffLimit": 0,
        "podFailurePolicy": {"rules": rules},
    }
    body = job("pod-failure-ignore", ns, **spec)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}waits_once"
    made = await c.client.create(KIND, body)
    evicted: set[str] = set()

    async def disturbed() -> bool:
        """Evicts the first pod of each index."""
        for pod in await pods_of(c, made):
            index = annotations_of(pod)[INDEX]
            if phase(pod) == "Running" and index not in evicted:
                notice = {"metadata": {"name": name_of(pod), "namespace": ns}}
                await c.client.create(kinds.POD, notice, subresource="eviction", name=name_of(pod))
                evicted.add(index)
        return len(evicted) == 4

    await until("each index has been disturbed", disturbed, seconds=300)
    told = await ended(c, "pod-failure-ignore", ns)
    assert told["of"]["completedIndexes"] == "0-3"
    assert not told["of"].get("failed")


async def test_an_exit_code_fails_the_job(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should allow to use the pod failure policy on exit code to fail the job early [Conformance]"""
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}
    spec = {"parallelism": 1, "completions": 1, "backoffLimit": 999, "podFailurePolicy": {"rules": [rule]}}
    await c.client.create(KIND, job("pod-failure-failjob", ns, "exit=1", **spec))
    told = await ended(c, "pod-failure-failjob", ns, "Failed")
    assert told["reason"] == "PodFailurePolicy"
    assert told["message"].endswith("failed with exit code 1 matching FailJob rule at index 0")


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should apply changes to a job status [Conformance]"""
    made = await c.client.create(KIND, job("suspend-false", ns, parallelism=2, completions=4))
    await running(c, ns, 2)

    async def started() -> bool:
        return bool((await c.client.get(KIND, "suspend-false", ns))["status"].get("active") == 2)

    await until("two are active", started)
    current = await c.client.get(KIND, "suspend-false", ns, subresource="status")
    started_at = current["status"]["startTime"]
    patch = {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"startTime": started_at}}
    patched = await c.client.patch(KIND, "suspend-false", ns, patch, subresource="status")
    assert annotations_of(patched)["patchedstatus"] == "true"
    assert patched["status"]["startTime"] == started_at

    latest = await c.client.get(KIND, "suspend-false", ns)
    status = {**latest["status"], "ready": 0}
    updated = await c.client.update(KIND, {**latest, "status": status}, subresource="status")
    assert updated["metadata"]["uid"] == made["metadata"]["uid"]
    read = await c.client.get(KIND, "suspend-false", ns, subresource="status")
    assert (read["kind"], read["metadata"]["uid"]) == ("Job", made["metadata"]["uid"])


async def test_indexes(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should create pods for an Indexed job with completion indexes and specified hostname [Conformance]"""
    spec = {"completionMode": "Indexed", "parallelism": 2, "completions": 4}
    made = await c.client.create(KIND, job("indexed-job", ns, "after=5s", **spec))
    told = await ended(c, "indexed-job", ns)
    assert told["of"]["completedIndexes"] == "0-3"
    found = [pod for pod in await pods_of(c, made) if phase(pod) == "Succeeded"]
    assert sorted(int(annotations_of(pod)[INDEX]) for pod in found) == [0, 1, 2, 3]
    for pod in found:
        index = annotations_of(pod)[INDEX]
        assert pod["spec"]["hostname"] == f"indexed-job-{index}"
        env = {each["name"]: each for each in pod["spec"]["containers"][0]["env"]}
        path = env["JOB_COMPLETION_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
        assert path == f"metadata.labels['{INDEX}']"
        assert labels_of(pod)[INDEX] == index


async def test_deletion(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should delete a job [Conformance]"""
    made = await c.client.create(KIND, job("foo", ns, parallelism=2, completions=4))
    await running(c, ns, 2)
    assert {(controller_ref_of(pod) or {})["name"] for pod in await pods_of(c, made)} == {"foo"}
    await c.client.delete(KIND, "foo", ns, propagation="Foreground")
    await gone(c.client, KIND, "foo", ns)
    await count(c, kinds.POD, ns, 0)


async def test_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should manage the lifecycle of a job [Conformance]"""
    selector = "e2e-job-label=suspended"
    async with watching(c.client, KIND, ns, labels=selector) as seen:
        await c.client.create(
            KIND, job("suspended", ns, "after=5s", suspend=True, parallelism=1, completions=1)
        )
        await seen.until("ADDED")
        patch = {"metadata": {"labels": {"suspended": "patched"}}}
        patched = await c.client.patch(KIND, "suspended", ns, patch, patch_type="strategic")
        assert labels_of(patched)["suspended"] == "patched"
        await seen.until("MODIFIED", lambda each: "suspended" in labels_of(each))

        async def resumed() -> Obj:
            current = await c.client.get(KIND, "suspended", ns)
            wanted = changed(current, annotations={"updated": "true"})
            return await c.client.update(KIND, {**wanted, "spec": {**wanted["spec"], "suspend": False}})

        assert annotations_of(await resumed())["updated"] == "true"
        await seen.until("MODIFIED", lambda each: annotations_of(each).get("updated") == "true")
        assert len((await c.client.list(KIND, labels=selector)).items) == 1
        await ended(c, "suspended", ns)
        await c.client.delete_collection(KIND, ns, labels=selector)
        await seen.until("DELETED")
    await gone(c.client, KIND, "suspended", ns)


async def test_restarts_in_place(c: Cluster, ns: str) -> None:
    """[sig-apps] Job should run a job to completion when tasks sometimes fail and are locally restarted [Conformance]"""
    made = job("fail-once-local", ns, restart="OnFailure", parallelism=2, completions=4)
    made["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}fails_once"
    owner = await c.client.create(KIND, made)
    await ended(c, "fail-once-local", ns)
    succeeded = [pod for pod in await pods_of(c, owner) if phase(pod) == "Succeeded"]
    assert len(succeeded) == 4
    restarts = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in succeeded]
    assert restarts == [1, 1, 1, 1], "each has failed before"

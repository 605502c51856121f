"""The rounds that conformance asks of every workload: its `scale` and its `status`, lists and collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, uid_of
from tests.conformance.scenario import until, watching

SCRIPT = "hollow.pybernetes.io/script"
"""The annotation that says what a pod's containers do on a hollow node."""


def pod_template(name: str, script: str = "", image: str = "httpd:1", **spec: Any) -> dict[str, Any]:
    """A template of pods labelled `name=…`."""
    metadata: dict[str, Any] = {"labels": {"name": name}}
    if script:
        metadata["annotations"] = {SCRIPT: script}
    full = {"containers": [{"name": "c", "image": image}], "terminationGracePeriodSeconds": 0, **spec}
    return {"metadata": metadata, "spec": full}


def workload(name: str, ns: str, template: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """What selects pods by the label `name`; `spec` besides."""
    given = {"selector": {"matchLabels": {"name": name}}, "template": template or pod_template(name), **spec}
    return {"metadata": {"name": name, "namespace": ns, "labels": {"name": name}}, "spec": given}


def images_of(pods: Sequence[Obj]) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods)


def with_image(image: str) -> dict[str, Any]:
    """A merge patch of the template's container."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}


async def pods_of(c: Cluster, owner: Obj) -> list[Obj]:
    """The pods that an object controls and that are not going."""
    found = (await c.client.list(kinds.POD, owner["metadata"]["namespace"])).items
    mine = [pod for pod in found if (controller_ref_of(pod) or {}).get("uid") == uid_of(owner)]
    return [pod for pod in mine if not is_deleting(pod)]


async def ready(c: Cluster, kind: Kind, name: str, ns: str, number: int) -> Obj:
    """Waits until so many replicas are ready, and no more are there."""

    async def settled() -> Obj | None:
        found = await c.client.get(kind, name, ns)
        status = found.get("status") or {}
        same = status.get("observedGeneration") == found["metadata"].get("generation")
        counts = {status.get("replicas", 0), status.get("readyReplicas", 0)}
        return found if same and counts == {number} else None

    found: Obj = await until(f"{kind.plural}/{name} has {number} ready replicas", settled)
    return found


async def scale_round(c: Cluster, kind: Kind, name: str, ns: str) -> None:
    """Reads the scale (1), updates it to 2, patches it to 4, and each time the workload follows."""
    await ready(c, kind, name, ns, 1)
    scale = await c.client.get(kind, name, ns, subresource="scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 1)
    wanted = {**scale, "metadata": {**scale["metadata"], "resourceVersion": ""}, "spec": {"replicas": 2}}
    updated = await c.client.update(kind, wanted, subresource="scale")
    assert updated["spec"]["replicas"] == 2
    assert (await c.client.get(kind, name, ns))["spec"]["replicas"] == 2
    await ready(c, kind, name, ns, 2)
    patched = await c.client.patch(kind, name, ns, {"spec": {"replicas": 4}}, subresource="scale")
    assert patched["spec"]["replicas"] == 4
    assert (await c.client.get(kind, name, ns))["spec"]["replicas"] == 4
    await ready(c, kind, name, ns, 4)


async def status_round(c: Cluster, kind: Kind, name: str, ns: str) -> None:
    """Reads the status, updates it with one condition and patches it with another; each is seen by a watch and kept by
    the controller, and the spec stays."""
    before = await c.client.get(kind, name, ns, subresource="status")
    assert before["spec"] == (await c.client.get(kind, name, ns))["spec"]

    def condition(type_: str) -> dict[str, str]:
        return {"type": type_, "status": "True", "reason": "E2E", "message": "Set from e2e test"}

    def has(type_: str) -> Any:
        return lambda obj: any(each["type"] == type_ for each in obj["status"].get("conditions") or ())

    async with watching(
        c.client,
        kind,
        ns,
        fields=f"metadata.name={name}",
        resource_version=before["metadata"]["resourceVersion"],
    ) as seen:

        async def updated() -> Obj | None:
            current = await c.client.get(kind, name, ns, subresource="status")
            conditions = [*(current["status"].get("conditions") or ()), condition("StatusUpdate")]
            status = {**current["status"], "conditions": conditions}
            return await c.client.update(kind, {**current, "status": status}, subresource="status")

        answer = await updated()
        assert answer is not None
        assert has("StatusUpdate")(answer)
        await seen.until("MODIFIED", has("StatusUpdate"))
        patch = {"status": {"conditions": [condition("StatusPatched")]}}
        patched = await c.client.patch(kind, name, ns, patch, subresource="status")
        assert has("StatusPatched")(patched)
        await seen.until("MODIFIED", has("StatusPatched"))
    after = await c.client.get(kind, name, ns)
    assert has("StatusPatched")(after)
    assert after["spec"] == before["spec"]


async def collection_round(c: Cluster, kind: Kind, objects: Sequence[Obj], ns: str, selector: str) -> None:
    """Creates the objects, finds them by a selector everywhere, and deletes them as a collection."""
    for obj in objects:
        await c.client.create(kind, obj)
    assert len((await c.client.list(kind, labels=selector)).items) == len(objects)
    await c.client.delete_collection(kind, ns, labels=selector)

    async def emptied() -> bool:
        return not (await c.client.list(kind, labels=selector)).items

    await until("the collection is gone", emptied)


async def relabelled(c: Cluster, pod: Obj, labels: Mapping[str, str | None]) -> None:
    metadata = pod["metadata"]
    await c.client.patch(
        kinds.POD, metadata["name"], metadata["namespace"], {"metadata": {"labels": dict(labels)}}
    )


async def owner_is(c: Cluster, pod: Obj, expected: Obj | None) -> Obj:
    """Waits until a pod is controlled by an object, or by nobody."""
    metadata = pod["metadata"]

    async def owned() -> Obj | None:
        found = await c.client.get(kinds.POD, metadata["name"], metadata["namespace"])
        uid = (controller_ref_of(found) or {}).get("uid")
        return found if uid == (uid_of(expected) if expected is not None else None) else None

    found: Obj = await until(f"pod {metadata['name']} has its new owner", owned)
    return found

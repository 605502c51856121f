"""ResourceClaims of pods through a real API server in virtual time; the test is the scheduler that allocates."""

from __future__ import annotations

from typing import Any

from test_manager_persistentvolumebinder import told
from world import World, play
from world import pod as make_pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, name_of, uid_of

ALL = "serviceaccount-controller,resourceclaim-controller"
FINALIZER = "resource.kubernetes.io/delete-protection"
SPEC = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.org"}}]}}


def template() -> Obj:
    inner = {"metadata": {"labels": {"of": "t"}}, "spec": SPEC}
    return new_object(kinds.RESOURCECLAIMTEMPLATE, "gpus", "default", spec=inner)


def wanting(name: str = "p", node: str = "", claim: str = "") -> Obj:
    entry = {
        "name": "dev",
        **({"resourceClaimName": claim} if claim else {"resourceClaimTemplateName": "gpus"}),
    }
    extra: dict[str, Any] = {"nodeName": node} if node else {}
    return make_pod(name, resourceClaims=[entry], **extra)


async def only_claim(world: World) -> Obj:
    (claim,) = await world.all(kinds.RESOURCECLAIM)
    return claim


async def allocate(world: World, claim: Obj, *pods: Obj) -> None:
    """What the scheduler writes: the finalizer first, then devices and who holds them."""
    patch = {"metadata": {"finalizers": [FINALIZER]}}
    claim = await world.client.patch(kinds.RESOURCECLAIM, name_of(claim), "default", patch)
    result = {"request": "gpu", "driver": "example.org", "pool": "pool", "device": "d0"}
    holders = [{"resource": "pods", "name": name_of(pod), "uid": uid_of(pod)} for pod in pods]
    status = {
        "allocation": {"devices": {"results": [result]}},
        **({"reservedFor": holders} if holders else {}),
    }
    await world.client.update(kinds.RESOURCECLAIM, {**claim, "status": status}, subresource="status")
    await world.settle(2)


def test_a_claim_is_made_from_the_template_and_named_in_the_status() -> None:
    async def story(world: World) -> None:
        pod = await world.client.create(kinds.POD, wanting())
        await world.settle(2)
        (event,) = [each for each in await told(world, "p") if each[1] == "FailedResourceClaimCreation"]
        assert 'resourceclaimtemplate.resource.k8s.io "gpus" not found' in event[2]
        await world.client.create(kinds.RESOURCECLAIMTEMPLATE, template())
        await world.settle(2)
        claim = await only_claim(world)
        assert name_of(claim).startswith("p-dev-")
        assert annotations_of(claim) == {"resource.kubernetes.io/pod-claim-name": "dev"}
        assert claim["metadata"]["labels"] == {"of": "t"}
        (owner,) = claim["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Pod", uid_of(pod))
        seen = await world.client.get(kinds.POD, "p", "default")
        assert seen["status"]["resourceClaimStatuses"] == [
            {"name": "dev", "resourceClaimName": name_of(claim)}
        ]

    play(story, ALL)


def test_a_pod_that_is_done_gives_its_devices_back_and_its_claim_goes() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.RESOURCECLAIMTEMPLATE, template())
        pod = await world.client.create(kinds.POD, wanting(node="n1"))
        await world.settle(2)
        await allocate(world, await only_claim(world), pod)
        assert "allocation" in (await only_claim(world))["status"]
        await world.set_pod_status(pod, {"phase": "Succeeded"}, ready=False)
        await world.settle(3)
        assert await world.all(kinds.RESOURCECLAIM) == []

    play(story, ALL)


def test_a_shared_claim_is_kept_and_given_back_by_its_last_pod() -> None:
    async def story(world: World) -> None:
        made = new_object(kinds.RESOURCECLAIM, "shared", "default", spec=SPEC)
        await world.client.create(kinds.RESOURCECLAIM, made)
        pods = [await world.client.create(kinds.POD, wanting(name, claim="shared")) for name in ("a", "b")]
        await allocate(world, made, *pods)
        await world.client.delete(kinds.POD, "a", "default", grace_period_seconds=0)
        await world.settle(2)
        claim = await only_claim(world)
        assert [each["name"] for each in claim["status"]["reservedFor"]] == ["b"]
        assert "allocation" in claim["status"]
        await world.client.delete(kinds.POD, "b", "default", grace_period_seconds=0)
        await world.settle(3)
        claim = await only_claim(world)
        assert not claim.get("status")
        assert "finalizers" not in claim["metadata"]

    play(story, ALL)


def test_a_pod_that_is_put_on_a_node_by_hand_gets_its_reservation() -> None:
    async def story(world: World) -> None:
        made = new_object(kinds.RESOURCECLAIM, "shared", "default", spec=SPEC)
        await world.client.create(kinds.RESOURCECLAIM, made)
        await allocate(world, made)
        pod = await world.client.create(kinds.POD, wanting(node="n1", claim="shared"))
        await world.settle(2)
        (holder,) = (await only_claim(world))["status"]["reservedFor"]
        assert holder == {"resource": "pods", "name": "p", "uid": uid_of(pod)}

    play(story, ALL)

"""ResourceClaims from template to freed device: API server, controllers, scheduler and hollow nodes, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from pybernetes.scheduler.whatif import what_if
from tests.unit.scheduler.devices import claim, device, device_class, either, exactly, slice_, wanted
from tests.unit.scheduler.trees import node as tree_of_node

GPUS = "device.driver == 'gpu.example.com'"


def template(name: str = "one-gpu", *requests: dict[str, Any]) -> dict[str, Any]:
    spec = {"devices": {"requests": list(requests or (exactly("gpu"),))}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": spec},
    }


def container() -> dict[str, Any]:
    return {"name": "c", "image": "i", "resources": {"claims": [{"name": "gpu"}]}}


def pod(name: str, **source: str) -> dict[str, Any]:
    """`resourceClaimName` or `resourceClaimTemplateName`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container()], "resourceClaims": [{"name": "gpu", **source}]},
    }


def deployment(replicas: int) -> dict[str, Any]:
    spec = {
        "containers": [container()],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "train"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "train"}},
            "template": {"metadata": {"labels": {"app": "train"}}, "spec": spec},
        },
    }


def gone(tree: dict[str, Any]) -> dict[str, Any]:
    """Without what only the tests' short ways fill in."""
    metadata = {key: value for key, value in tree["metadata"].items() if key in ("name", "namespace")}
    return {**tree, "metadata": metadata}


async def nodes(c: Cluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in await c.list("nodes"))


def why(pod: Obj) -> str:
    condition = next(each for each in pod["status"]["conditions"] if each["type"] == "PodScheduled")
    return str(condition.get("message", ""))


def holders(tree: Obj) -> list[str]:
    return [each["name"] for each in (tree.get("status") or {}).get("reservedFor") or ()]


def test_a_deployment_gets_devices_and_gives_them_back() -> None:
    async def main() -> None:
        async with Cluster(nodes=3, time="virtual") as c:
            a, b, _ = await nodes(c)
            await c.apply([device_class("gpu", GPUS), template()])
            await c.apply(
                [slice_("s1", device("d1"), device("d2"), node=a), slice_("s2", device("d1"), node=b)]
            )
            await c.apply(deployment(4))
            await c.settle()
            pods = await c.list("pods")
            placed = [each for each in pods if each["spec"].get("nodeName")]
            assert sorted(each["spec"]["nodeName"] for each in placed) == sorted([a, a, b])
            assert all(each["status"]["phase"] == "Running" for each in placed)
            (waiting,) = [each for each in pods if not each["spec"].get("nodeName")]
            assert why(waiting) == (
                "0/3 nodes are available: 3 cannot allocate all claims. still not schedulable, "
                "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
            )
            claims = await c.list("resourceclaims")
            assert len(claims) == 4
            allocated = [each for each in claims if (each.get("status") or {}).get("allocation")]
            held = [each["status"]["allocation"]["devices"]["results"][0] for each in allocated]
            assert sorted((each["pool"], each["device"]) for each in held) == [
                (a, "d1"),
                (a, "d2"),
                (b, "d1"),
            ]
            assert all(len(holders(each)) == 1 for each in allocated)
            assert all(each["metadata"]["finalizers"] for each in allocated)

            # The ReplicaSet's new pod has to line up behind the one that waits.
            await c.delete(f"pod/{placed[0]['metadata']['name']}")
            await c.settle()
            now = await c.get(f"pod/{waiting['metadata']['name']}")
            assert now["status"]["phase"] == "Running"
            assert now["spec"]["nodeName"] == placed[0]["spec"]["nodeName"]
            await c.scale("deployment/train", 0)
            await c.settle()
            assert await c.list("resourceclaims") == []

    asyncio.run(main())


def test_pods_share_a_claim() -> None:
    async def main() -> None:
        async with Cluster(nodes=3, time="virtual") as c:
            _, b, _ = await nodes(c)
            await c.apply(
                [device_class("gpu", GPUS), slice_("s", device("d1"), node=b), gone(claim("shared"))]
            )
            names = ("p1", "p2", "p3")
            await c.apply([pod(name, resourceClaimName="shared") for name in names])
            await c.settle()
            for name in names:
                found = await c.get(f"pod/{name}")
                assert found["spec"]["nodeName"] == b
                assert found["status"]["phase"] == "Running"
            assert sorted(holders(await c.get("resourceclaim/shared"))) == [*names]
            await c.delete("pod/p1")
            await c.settle()
            assert sorted(holders(await c.get("resourceclaim/shared"))) == ["p2", "p3"]
            await c.delete("pod/p2")
            await c.delete("pod/p3")
            await c.settle()
            left = await c.get("resourceclaim/shared")
            assert "allocation" not in (left.get("status") or {})

    asyncio.run(main())


def test_what_a_pod_waits_for() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            (a,) = await nodes(c)
            await c.apply(pod("p", resourceClaimName="mine"))
            await c.settle()
            held = await c.get("pod/p")
            assert not held["spec"].get("nodeName")
            assert not [
                each for each in (held["status"].get("conditions") or ()) if each["type"] == "PodScheduled"
            ]

            await c.apply(gone(claim("mine")))
            await c.settle()
            message = why(await c.get("pod/p"))
            assert message.startswith(
                "0/1 nodes are available: request req: device class gpu does not exist."
            )
            await c.apply(device_class("gpu", GPUS))
            await c.settle()
            assert "1 cannot allocate all claims" in why(await c.get("pod/p"))
            taint = {"key": "k", "effect": "NoSchedule"}
            await c.apply(slice_("s", device("d1", taints=[taint]), node=a))
            await c.settle()
            assert "1 cannot allocate all claims" in why(await c.get("pod/p"))
            await c.apply(slice_("s", device("d1"), node=a, generation=2))
            await c.settle()
            assert (await c.get("pod/p"))["status"]["phase"] == "Running"

    asyncio.run(main())


def test_a_taint_rule_takes_devices_away_until_it_goes() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            (a,) = await nodes(c)
            rule = {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "DeviceTaintRule",
                "metadata": {"name": "broken"},
                "spec": {
                    "deviceSelector": {"driver": "gpu.example.com"},
                    "taint": {"key": "broken", "effect": "NoSchedule"},
                },
            }
            await c.apply([device_class("gpu", GPUS), slice_("s", device("d1"), node=a), rule, template()])
            await c.apply(pod("p", resourceClaimTemplateName="one-gpu"))
            await c.settle()
            assert "1 cannot allocate all claims" in why(await c.get("pod/p"))
            await c.delete("devicetaintrule/broken")
            await c.settle()
            assert (await c.get("pod/p"))["status"]["phase"] == "Running"

    asyncio.run(main())


def test_nodes_with_the_preferred_alternative_are_preferred() -> None:
    async def main() -> None:
        async with Cluster(nodes=4, time="virtual") as c:
            a, b, d, e = await nodes(c)
            big = 'device.attributes["gpu.example.com"].big'
            request = either("gpu", wanted("gpu", big), wanted())
            await c.apply([device_class("gpu", GPUS), template("either", request)])
            await c.apply(
                [slice_(f"s-{node}", device("d1", big=node == d), node=node) for node in (a, b, d, e)]
            )
            await c.apply(pod("p1", resourceClaimTemplateName="either"))
            await c.settle()
            assert (await c.get("pod/p1"))["spec"]["nodeName"] == d
            await c.apply(pod("p2", resourceClaimTemplateName="either"))
            await c.settle()
            assert (await c.get("pod/p2"))["spec"]["nodeName"] != d
            found = {
                each["metadata"]["annotations"]["resource.kubernetes.io/pod-claim-name"]
                for each in await c.list("resourceclaims")
            }
            assert found == {"gpu"}

    asyncio.run(main())


def test_a_claim_that_nobody_holds_is_freed_for_a_pod_that_must_go_elsewhere() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            a, b = await nodes(c)
            await c.apply([device_class("gpu", GPUS), gone(claim("mine"))])
            await c.apply([slice_("s1", device("d1"), node=a), slice_("s2", device("d1"), node=b)])
            allocation = {
                "devices": {
                    "results": [{"request": "req", "driver": "gpu.example.com", "pool": a, "device": "d1"}]
                },
                "nodeSelector": {
                    "nodeSelectorTerms": [
                        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [a]}]}
                    ]
                },
            }
            made = await c.get("resourceclaim/mine")
            kind = c.kind("resourceclaims")
            held = {
                **made,
                "metadata": {**made["metadata"], "finalizers": ["resource.kubernetes.io/delete-protection"]},
            }
            held = await c.client.update(kind, held)
            await c.client.update(kind, {**held, "status": {"allocation": allocation}}, subresource="status")
            await c.settle()
            wanting = pod("p", resourceClaimName="mine")
            wanting["spec"]["nodeSelector"] = {"kubernetes.io/hostname": b}
            await c.apply(wanting)
            await c.settle()
            found = await c.get("pod/p")
            assert found["spec"]["nodeName"] == b
            (result,) = (await c.get("resourceclaim/mine"))["status"]["allocation"]["devices"]["results"]
            assert result["pool"] == b

    asyncio.run(main())


def test_devices_that_must_get_ready_first() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            (a,) = await nodes(c)
            conditions = {"bindingConditions": ["ready"], "bindingFailureConditions": ["failed"]}
            await c.apply(
                [
                    device_class("gpu", GPUS),
                    gone(claim("mine")),
                    slice_("s", device("d1", **conditions), node=a),
                ]
            )
            await c.apply(pod("p", resourceClaimName="mine"))
            await c.advance("60s")
            assert not (await c.get("pod/p"))["spec"].get("nodeName")
            current = await c.get("resourceclaim/mine")
            assert holders(current) == ["p"]
            ready = {
                "type": "ready",
                "status": "True",
                "reason": "Attached",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            device_ = {"driver": "gpu.example.com", "pool": a, "device": "d1", "conditions": [ready]}
            status = {**current["status"], "devices": [device_]}
            await c.client.update(
                c.kind("resourceclaims"), {**current, "status": status}, subresource="status"
            )
            await c.advance("60s")
            assert (await c.get("pod/p"))["status"]["phase"] == "Running"

    asyncio.run(main())


def test_a_claim_with_a_broken_expression_is_an_error_that_names_it() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            (a,) = await nodes(c)
            broken = exactly("req", "gpu", 'device.attributes["gpu.example.com"].missing == 1')
            await c.apply(
                [device_class("gpu", GPUS), gone(claim("mine", broken)), slice_("s", device("d1"), node=a)]
            )
            await c.apply(pod("p", resourceClaimName="mine"))
            await c.advance("5s")
            found = await c.get("pod/p")
            assert why(found) == (
                'running Filter plugin "DynamicResources": claim default/mine: selector #0: '
                "CEL runtime error: no such key: missing"
            )
            await c.delete("pod/p")
            with pytest.raises(NotFound):
                await c.get("pod/p")

    asyncio.run(main())


def test_an_extended_resource_is_a_device_where_a_class_says_so() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            a, _ = await nodes(c)
            await c.apply(slice_("s", device("d1"), device("d2"), node=a))
            asking = pod("p", resourceClaimName="none")
            amounts = {"example.com/gpu": "2"}
            asking["spec"] = {
                "containers": [
                    {"name": "c", "image": "i", "resources": {"limits": amounts, "requests": amounts}}
                ]
            }
            await c.apply(asking)
            await c.settle()
            assert "2 Insufficient example.com/gpu" in why(await c.get("pod/p"))
            await c.apply(device_class("gpu", GPUS, extendedResourceName="example.com/gpu"))
            await c.settle()
            found = await c.get("pod/p")
            assert found["spec"]["nodeName"] == a
            (made,) = await c.list("resourceclaims")
            assert made["metadata"]["name"].startswith("p-extended-resources-")
            assert holders(made) == ["p"]
            (request,) = made["spec"]["devices"]["requests"]
            assert request["exactly"] == {
                "deviceClassName": "gpu",
                "allocationMode": "ExactCount",
                "count": 2,
            }
            assert found["status"]["extendedResourceClaimStatus"] == {
                "resourceClaimName": made["metadata"]["name"],
                "requestMappings": [
                    {"containerName": "c", "resourceName": "example.com/gpu", "requestName": request["name"]}
                ],
            }
            second = {**asking, "metadata": {"name": "q"}}
            await c.apply(second)
            await c.settle()
            assert "2 cannot allocate all claims" in why(await c.get("pod/q"))
            await c.delete("pod/p")
            await c.settle()
            assert (await c.get("pod/q"))["status"]["phase"] == "Running"
            assert len(await c.list("resourceclaims")) == 1

    asyncio.run(main())


def test_a_device_plugin_still_serves_its_resource() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            a, b = await nodes(c)
            await c.apply(
                [
                    device_class("gpu", GPUS, extendedResourceName="example.com/gpu"),
                    slice_("s", device("d1"), node=a),
                ]
            )
            node = await c.get(f"node/{b}")
            capacity = {**node["status"]["capacity"], "example.com/gpu": "1"}
            status = {**node["status"], "capacity": capacity, "allocatable": capacity}
            await c.client.update(c.kind("nodes"), {**node, "status": status}, subresource="status")
            amounts = {"example.com/gpu": "1"}
            spec = {
                "containers": [
                    {"name": "c", "image": "i", "resources": {"limits": amounts, "requests": amounts}}
                ]
            }
            for name in ("p", "q", "r"):
                await c.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
            await c.settle()
            where = {each["metadata"]["name"]: each["spec"].get("nodeName") for each in await c.list("pods")}
            assert sorted(filter(None, where.values())) == [a, b]
            (made,) = await c.list("resourceclaims")
            (on_a,) = [name for name, node in where.items() if node == a]
            assert holders(made) == [on_a]
            (waiting,) = [each for each in await c.list("pods") if not each["spec"].get("nodeName")]
            assert "1 Insufficient example.com/gpu, 1 cannot allocate all claims" in why(waiting)

    asyncio.run(main())


def test_why_tells_what_a_pod_is_held_back_for() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.apply([pod("p", resourceClaimName="mine"), pod("q", resourceClaimTemplateName="none")])
            await c.settle()
            told = await c.why("pod/p")
            assert (
                'DynamicResources holds it back: could not find ResourceClaim "default/mine": object not found'
                in told
            )
            told = await c.why("pod/q")
            assert 'DynamicResources holds it back: pod "default/q": ResourceClaim not created yet' in told
            assert 'resource claim template "none"' in told

    asyncio.run(main())


def test_two_pods_of_one_claim_come_at_once() -> None:
    async def main() -> None:
        for seed in range(5):
            async with Cluster(nodes=2, time="virtual", seed=seed, shuffle=True) as c:
                a, _ = await nodes(c)
                await c.apply(
                    [device_class("gpu", GPUS), slice_("s", device("d1"), node=a), gone(claim("shared"))]
                )
                await c.apply([pod(f"p{i}", resourceClaimName="shared") for i in range(4)])
                await c.advance("20s")
                assert all(each["status"]["phase"] == "Running" for each in await c.list("pods"))

    asyncio.run(main())


def test_what_if_there_were_devices() -> None:
    trees = [
        device_class("gpu", GPUS),
        slice_("s", device("d1"), node="n1"),
        claim("c1"),
        claim("c2"),
        tree_of_node("n1"),
        tree_of_node("n2"),
    ]
    first, second = what_if(trees, [pod("p1", resourceClaimName="c1"), pod("p2", resourceClaimName="c2")])
    assert (first.node, second.node) == ("n1", "")
    assert second.message.startswith("0/2 nodes are available: 2 cannot allocate all claims.")

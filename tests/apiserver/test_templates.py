"""The second pod of a template takes a short way into the store: it becomes what it would have become on the long one."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from pybernetes.api.errors import ApiError, Forbidden
from pybernetes.api.kinds import LIMITRANGE, NAMESPACE, POD, PRIORITYCLASS, RUNTIMECLASS, SERVICEACCOUNT
from pybernetes.api.meta import Obj
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import ADMIN, serving, transport_of

CONTAINER: dict[str, Any] = {"name": "c", "image": "nginx"}
LIMITED = {**CONTAINER, "resources": {"limits": {"cpu": "0.5", "memory": "1Gi"}}}
OLD_SECCOMP = {"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"}
PODS: dict[str, dict[str, Any]] = {
    # name -> (metadata, spec) of a template
    "plain": {"spec": {"containers": [CONTAINER]}},
    "labels": {"metadata": {"labels": {"a": "b"}, "generateName": "x-"}, "spec": {"containers": [CONTAINER]}},
    "annotated": {"metadata": {"annotations": {"n": "1"}}, "spec": {"containers": [CONTAINER]}},
    "warned": {"metadata": {"annotations": OLD_SECCOMP}, "spec": {"containers": [CONTAINER]}},
    "guaranteed": {"spec": {"containers": [LIMITED], "initContainers": [{**CONTAINER, "name": "i"}]}},
    "no token": {"spec": {"containers": [CONTAINER], "automountServiceAccountToken": False}},
    "gated": {"spec": {"containers": [CONTAINER], "schedulingGates": [{"name": "example.com/g"}]}},
    "on a node": {"spec": {"containers": [CONTAINER], "nodeName": "n1"}},
    "urgent": {"spec": {"containers": [CONTAINER], "priorityClassName": "urgent"}},
    "boxed": {"spec": {"containers": [CONTAINER], "runtimeClassName": "box"}},
    "owned": {
        "metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"}]},
        "spec": {"containers": [CONTAINER]},
        "status": {},
    },
    "with a status": {"spec": {"containers": [CONTAINER]}, "status": {"phase": "Running"}},
    "unknown field": {"spec": {"containers": [CONTAINER], "nonsense": 1}},
    "invalid": {"spec": {"containers": [{**CONTAINER, "name": "C!"}]}},
    "wrong type": {"spec": {"containers": [{**CONTAINER, "image": 5}]}},
    "bad label": {"metadata": {"labels": {"bad key!": ""}}, "spec": {"containers": [CONTAINER]}},
    "no such class": {"spec": {"containers": [CONTAINER], "priorityClassName": "none"}},
}
AMONG: list[tuple[Any, Obj]] = [
    (NAMESPACE, {"metadata": {"name": "default"}}),
    (SERVICEACCOUNT, {"metadata": {"name": "default", "namespace": "default"}}),
    (
        PRIORITYCLASS,
        {"metadata": {"name": "urgent"}, "value": 1000, "preemptionPolicy": "Never"},
    ),
    (
        RUNTIMECLASS,
        {"metadata": {"name": "box"}, "handler": "box", "overhead": {"podFixed": {"cpu": "10m"}}},
    ),
]
MADE_UP = re.compile(r"kube-api-access-[a-z0-9]{5}|x-[a-z0-9]{5}")


async def filled(server: ApiServer) -> ApiClient:
    client = ApiClient(server.transport(ADMIN))
    for kind, tree in AMONG:
        if kind is not NAMESPACE or server.services.registry.cache(NAMESPACE).get("", "default") is None:
            await client.create(kind, tree)
    return client


async def made(server: ApiServer, way: str, template: Obj, name: str) -> tuple[Any, Any]:
    """(what is stored or answered, what the ledger tells), without what differs from pod to pod."""
    metadata = dict(template.get("metadata") or {})
    if "generateName" not in metadata:
        metadata["name"] = name
    body = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}
    try:
        pod = await transport_of(way, server).call(
            Call("create", POD, "default", body=body, query={"fieldManager": "test"})
        )
    except ApiError as error:
        return error.status(), None
    key = {name: "", pod["metadata"]["uid"]: "", pod["metadata"]["creationTimestamp"]: ""}
    text = json.dumps({**pod, "metadata": {**pod["metadata"], "resourceVersion": ""}})
    entry = server.ledger.at_revision(int(pod["metadata"]["resourceVersion"]))
    assert entry is not None
    told = entry.admitted.told() if entry.admitted is not None else ()
    volumes = {v["name"] for v in pod["spec"].get("volumes", ())}
    assert all(found in volumes for line in told for found in re.findall(r"kube-api-access-\w{5}", line))
    for each in key:
        text = text.replace(f'"{each}"', '""')
    return json.loads(MADE_UP.sub("", text)), [MADE_UP.sub("", line) for line in told]


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_pods_of_a_template_become_the_same_on_both_ways(env: Env, way: str) -> None:
    async def main() -> None:
        async with serving(env) as server:
            await filled(server)
            templates = server.services.templates
            short = 0
            for number, template in enumerate(PODS.values()):
                templates._made.clear()
                long = await made(server, way, template, f"p{number}")
                short += bool(templates._made)
                again = await made(server, way, template, f"p{number}-2")
                if long[1] is None:  # refused: the message names the pod
                    assert again[0]["code"] == long[0]["code"]
                    assert again[0]["message"].replace(f"p{number}-2", f"p{number}") == long[0]["message"]
                else:
                    assert again == long
            assert short == 9

    asyncio.run(main())


def test_what_a_pod_owes_to_other_objects_is_never_stale(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            client = await filled(server)

            async def pod(name: str, **spec: Any) -> Obj:
                metadata = {"name": name, "namespace": "default"}
                return await client.create(
                    POD, {"metadata": metadata, "spec": {"containers": [CONTAINER], **spec}}
                )

            await pod("a")
            await client.patch(SERVICEACCOUNT, "default", "default", {"imagePullSecrets": [{"name": "s"}]})
            assert (await pod("b"))["spec"]["imagePullSecrets"] == [{"name": "s"}]
            limits = {"type": "Container", "default": {"cpu": "1"}, "max": {"cpu": "2"}}
            metadata = {"name": "l", "namespace": "default"}
            await client.create(LIMITRANGE, {"metadata": metadata, "spec": {"limits": [limits]}})
            for name in ("c", "d"):
                found = await pod(name)
                assert found["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1"}
                assert "kubernetes.io/limit-ranger" in found["metadata"]["annotations"]
            await pod("e", priorityClassName="urgent")
            await client.delete(PRIORITYCLASS, "urgent")
            with pytest.raises(Forbidden, match="no PriorityClass with name urgent"):
                await pod("f", priorityClassName="urgent")

    asyncio.run(main())


def test_a_short_way_judges_the_metadata_and_asks_who_judges_everything(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            client = await filled(server)
            spec = {"containers": [{**CONTAINER, "securityContext": {"privileged": True}}]}

            async def pod(name: str, **metadata: Any) -> Obj:
                body = {"metadata": {"name": name, "namespace": "default", **metadata}, "spec": spec}
                return await client.create(POD, body)

            await pod("a")
            with pytest.raises(ApiError, match="bad key"):
                await pod("b", labels={"bad key": ""})
            with pytest.raises(ApiError, match='pods "a" already exists'):
                await pod("a")
            with pytest.raises(ApiError, match='Pod "B" is invalid'):
                await pod("B")
            level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
            await client.patch(NAMESPACE, "default", "", level)
            for name in ("c", "d"):
                with pytest.raises(Forbidden, match="violates PodSecurity"):
                    await pod(name)

    asyncio.run(main())

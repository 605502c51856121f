"""Writes that leave a pod's spec as it is take a short way: what comes out is what the long way gives."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.kinds import NAMESPACE, POD, SERVICEACCOUNT
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import ADMIN, serving

POD_TREE: dict[str, Any] = {
    "metadata": {"name": "p", "labels": {"app": "web"}, "annotations": {"a": "1"}},
    "spec": {
        "containers": [{"name": "c", "image": "i:1", "resources": {"limits": {"cpu": "0.5"}}}],
        "activeDeadlineSeconds": 50,
    },
}
READY = {"type": "Ready", "status": "True"}
WRITES: list[tuple[str, str, str, Any]] = [
    # (verb, patch type, subresource, body)
    ("patch", "merge", "", {"metadata": {"annotations": {"a": "2", "b": "3"}}}),
    ("patch", "merge", "", {"metadata": {"annotations": {"a": "2", "b": "3"}}}),
    ("patch", "strategic", "", {"metadata": {"labels": {"app": None, "tier": "front"}}}),
    ("patch", "json", "", [{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/x"]}]),
    ("patch", "merge", "", {"metadata": {"labels": {"bad key!": "x"}}}),
    ("patch", "merge", "", {"metadata": {"labels": {"n": 1}}}),
    ("patch", "merge", "", {"metadata": {"unknown": {"n": 1}, "annotations": None}}),
    ("patch", "merge", "status", {"status": {"phase": "Running", "conditions": [READY]}}),
    (
        "patch",
        "strategic",
        "status",
        {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}},
    ),
    (
        "patch",
        "strategic",
        "status",
        {"metadata": {"annotations": {"by": "kubelet"}}, "spec": {"nodeName": "x"}},
    ),
    ("patch", "strategic", "", {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}),
    ("patch", "merge", "", {"spec": {"nodeName": "elsewhere"}}),
    ("patch", "merge", "", {"spec": {"activeDeadlineSeconds": 20}, "metadata": {"labels": {"x": "y"}}}),
    ("patch", "apply", "", {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"applied": "yes"}}}),
    ("patch", "merge", "", {"metadata": {"labels": {"applied": "no"}}}),
    ("patch", "merge", "", {"metadata": {"resourceVersion": "1", "labels": {"applied": "no"}}}),
    ("update", "", "", {"labels": {"put": "yes"}}),
    ("update", "", "status", {"labels": {"put": "no"}}),
]


async def outcomes(env: Env) -> list[Any]:
    """What each write answers, and what each of the versions before looks like after it."""
    found: list[Any] = []
    async with serving(env) as server, asyncio.timeout(20):
        transport = server.transport(ADMIN)

        async def call(
            verb: str, body: Any, patch_type: Any = None, subresource: str = "", **query: str
        ) -> Obj:
            return await transport.call(
                Call(verb, POD, "ns", "p", subresource, query, body, patch_type)  # type: ignore[arg-type]
            )

        await transport.call(Call("create", NAMESPACE, "", "ns", body={"metadata": {"name": "ns"}}))
        await transport.call(
            Call("create", SERVICEACCOUNT, "ns", "default", body={"metadata": {"name": "default"}})
        )
        pod = await transport.call(Call("create", POD, "ns", "p", body=POD_TREE))
        for verb, patch_type, subresource, body in WRITES:
            if verb == "update":
                metadata = {**pod["metadata"], **body}
                body = {**pod, "metadata": metadata, "status": {"phase": "Succeeded"}}
            query = {"fieldManager": "me"} if patch_type == "apply" else {}
            try:
                pod = await call(verb, body, patch_type or None, subresource, **query)
                found.append(pod)
            except ApiError as error:
                found.append((error.code, error.message))
        found.append(await call("get", None))
    return found


def both_ways() -> tuple[list[Any], list[Any]]:
    def once() -> list[Any]:
        return asyncio.run(outcomes(Env(now=lambda: 1_790_000_000.0, rng=random.Random(7))))

    short = once()
    object.__setattr__(POD, "separable", False)
    try:
        long = once()
    finally:
        object.__setattr__(POD, "separable", True)
    return short, long


def test_the_short_way_gives_what_the_long_way_gives() -> None:
    short, long = both_ways()
    for write, one, other in zip([*WRITES, ("get", "", "", None)], short, long, strict=True):
        assert one == other, write


def test_what_the_writes_did() -> None:
    short, _ = both_ways()
    refused = [outcome for outcome in short if isinstance(outcome, tuple)]
    assert [code for code, _ in refused] == [422, 422, 422, 409]
    last = short[-1]
    assert last["metadata"]["generation"] == 3  # the image and the deadline
    assert last["metadata"]["labels"]["put"] == "no"
    assert last["status"]["phase"] == "Succeeded"
    assert last["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "500m"}

"""Workloads, autoscalers and budgets through a whole API server: created, read, changed, shown, deleted."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request

from .transports import ADMIN, body_of, serving, transport_of

POD = {"containers": [{"name": "main", "image": "busybox:1"}]}
LABELS = {"app": "x"}
SELECTOR = {"matchLabels": LABELS}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
ONCE = {"spec": {**POD, "restartPolicy": "Never"}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CASES: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
    (kinds.JOB, {"spec": {"template": ONCE}}, {"active": 1}),
    (kinds.CRONJOB, {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": ONCE}}}},
     {"lastScheduleTime": "2026-09-21T14:12:20Z"}),
    (kinds.STATEFULSET, {"spec": {"selector": SELECTOR, "serviceName": "x", "template": TEMPLATE}}, {"replicas": 1}),
    (kinds.DAEMONSET, {"spec": {"selector": SELECTOR, "template": TEMPLATE}}, {"numberReady": 1}),
    (kinds.CONTROLLERREVISION, {"data": {"a": 1}, "revision": 1}, {}),
    (kinds.REPLICATIONCONTROLLER, {"spec": {"template": TEMPLATE}}, {"replicas": 1}),
    (kinds.PODTEMPLATE, {"template": TEMPLATE}, {}),
    (kinds.HORIZONTALPODAUTOSCALER, {"spec": {"scaleTargetRef": TARGET, "maxReplicas": 3}}, {"desiredReplicas": 2}),
    (kinds.HORIZONTALPODAUTOSCALER_V1, {"spec": {"scaleTargetRef": TARGET, "maxReplicas": 3}},
     {"desiredReplicas": 2}),
    (kinds.PODDISRUPTIONBUDGET, {"spec": {"minAvailable": 1, "selector": SELECTOR}}, {"expectedPods": 1}),
]  # fmt: skip


def run(env: Env, scenario: Any) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            await scenario(transport_of("http", server))

    asyncio.run(main())


async def ask(t: Transport, verb: Any, kind: Kind, body: Obj | None = None, **rest: Any) -> Any:
    rest.setdefault("name", "x" if verb not in ("create", "list") else "")
    return await t.call(Call(verb, kind, namespace="default", body=body, **rest))


def new(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "x", "namespace": "default"},
        **copy.deepcopy(fields),
    }


@pytest.mark.parametrize(("kind", "fields", "status"), CASES, ids=[repr(case[0]) for case in CASES])
def test_a_life(env: Env, kind: Kind, fields: dict[str, Any], status: dict[str, Any]) -> None:
    async def scenario(t: Transport) -> None:
        created = await ask(
            t, "create", kind, new(kind, {**fields, **({"status": status} if status else {})})
        )
        assert all((created.get("status") or {}).get(field) != value for field, value in status.items())
        assert created["metadata"].get("generation") == (1 if kind.generation else None)
        read = await ask(t, "get", kind)
        assert read == created

        assert await ask(t, "update", kind, read) == read
        labelled = {**read, "metadata": {**read["metadata"], "labels": {"new": "label"}}}
        changed = await ask(t, "update", kind, labelled)
        assert changed["metadata"]["labels"] == {"new": "label"}
        assert changed["metadata"].get("generation") == created["metadata"].get("generation")

        if status:
            written = await ask(t, "update", kind, {**changed, "status": {**(changed.get("status") or {}), **status}},
                                subresource="status")  # fmt: skip
            assert all(written["status"][field] == value for field, value in status.items())
            assert written["metadata"].get("annotations") == changed["metadata"].get("annotations")

        await ask(t, "delete", kind)
        assert (await ask(t, "list", kind))["items"] == []

    run(env, scenario)


def test_a_job_selects_its_own_pods(env: Env) -> None:
    async def scenario(t: Transport) -> None:
        job = await ask(t, "create", kinds.JOB, new(kinds.JOB, CASES[0][1]))
        uid = job["metadata"]["uid"]
        assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]
        patch = {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}
        with pytest.raises(Invalid, match=r"spec\.template: Invalid value: .*: field is immutable"):
            await ask(t, "patch", kinds.JOB, patch, patch_type="merge")

    run(env, scenario)


def test_both_versions_of_an_autoscaler_are_one_object(env: Env) -> None:
    v1, v2 = kinds.HORIZONTALPODAUTOSCALER_V1, kinds.HORIZONTALPODAUTOSCALER

    async def scenario(t: Transport) -> None:
        fields = {"spec": {"scaleTargetRef": TARGET, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50}}
        await ask(t, "create", v1, new(v1, fields))
        tree = await ask(t, "get", v2)
        assert tree["spec"]["metrics"][0]["resource"]["target"] == {
            "type": "Utilization",
            "averageUtilization": 50,
        }
        pods = {
            "type": "Pods",
            "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
        }
        wider = {**tree, "spec": {**tree["spec"], "metrics": [pods, *tree["spec"]["metrics"]]}}
        wider = await ask(t, "update", v2, wider)
        narrow = await ask(t, "patch", v1, {"spec": {"maxReplicas": 9}}, patch_type="merge")
        assert narrow["spec"]["targetCPUUtilizationPercentage"] == 50
        after = await ask(t, "get", v2)
        assert after["spec"] == {**wider["spec"], "maxReplicas": 9}
        assert after["metadata"].get("annotations") is None

    run(env, scenario)


def test_scale(env: Env) -> None:
    async def scenario(t: Transport) -> None:
        for kind, fields in ((kinds.STATEFULSET, CASES[2][1]), (kinds.REPLICATIONCONTROLLER, CASES[5][1])):
            await ask(t, "create", kind, new(kind, fields))
            scale = await ask(t, "get", kind, subresource="scale")
            assert scale["status"]["selector"] == "app=x"
            await ask(t, "update", kind, {**scale, "spec": {"replicas": 4}}, subresource="scale")
            assert (await ask(t, "get", kind))["spec"]["replicas"] == 4

    run(env, scenario)


def test_a_daemonset_counts_its_templates(env: Env) -> None:
    key = "deprecated.daemonset.template.generation"

    async def scenario(t: Transport) -> None:
        kind = kinds.DAEMONSET
        created = await ask(t, "create", kind, new(kind, CASES[3][1]))
        assert created["metadata"]["annotations"] == {key: "1"}
        patch = {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}}
        assert (await ask(t, "patch", kind, patch, patch_type="merge"))["metadata"]["annotations"] == {
            key: "2"
        }

    run(env, scenario)


AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("kind", "fields"), [case[:2] for case in CASES], ids=[repr(case[0]) for case in CASES]
)
def test_the_table(env: Env, kind: Kind, fields: dict[str, Any]) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            await ask(transport_of("http", server), "create", kind, new(kind, fields))
            headers = Headers([("accept", AS_TABLE), ("x-test-user", ADMIN.name)])
            response = await server.handler(Request("GET", kind.path("default"), headers, b""))
            table = json.loads(await body_of(response))
            assert [column["name"] for column in table["columnDefinitions"]] == [
                each.name for each in kind.columns
            ]
            assert [row["cells"][0] for row in table["rows"]] == ["x"]

    asyncio.run(main())


def test_discovery_prefers_version_2_of_autoscaling(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            headers = Headers([("accept", "application/json"), ("x-test-user", ADMIN.name)])
            response = await server.handler(Request("GET", "/apis/autoscaling", headers, b""))
            group = json.loads(await body_of(response))
            assert [each["version"] for each in group["versions"]] == ["v2", "v1"]
            assert group["preferredVersion"]["version"] == "v2"

    asyncio.run(main())

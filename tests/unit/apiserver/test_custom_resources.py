"""CustomResourceDefinitions and their instances, over both ways into the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api.errors import (
    NotFound,
)
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from tests.unit.apiserver.transports import ADMIN, HandlerTransport, serving

SPEC = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
        "cronSpec": {"type": "string", "pattern": "^(\\d+|\\*)( (\\d+|\\*)){4}$"},
        "image": {"type": "string"},
        "mode": {"type": "string", "enum": ["Fast", "Slow"]},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    },
}


def crontabs(scope: str = "Namespaced", **version: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "spec": SPEC,
            "status": {
                "type": "object",
                "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}},
            },
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": scope,
            "names": {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
                        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "selectableFields": [{"jsonPath": ".spec.mode"}],
                    **version,
                }
            ],
        },
    }


CRONTAB = Kind("stable.example.com", "v1", "CronTab", "crontabs", True)


def crontab(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "stable.example.com/v1",
        "kind": "CronTab",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"cronSpec": "* * * * 5", **spec},
    }


async def established(transport: Transport, name: str = "crontabs.stable.example.com") -> Any:
    """The definition once it is served."""
    async with transport.watch(
        Call("watch", CRD, query={"fieldSelector": f"metadata.name={name}"})
    ) as events:
        async for event in events:
            conditions = event.object.get("status", {}).get("conditions", [])
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                return event.object
    raise AssertionError("the watch ended")


Case = Callable[[ApiServer, Transport], Awaitable[None]]


@pytest.fixture(params=["in process", "http"])
def api(request: pytest.FixtureRequest, env: Env) -> Callable[[Case], None]:
    """Runs a case with the definition of crontabs established."""

    def run(case: Case, definition: dict[str, Any] | None = None) -> None:
        async def main() -> None:
            async with serving(env) as server:
                transport: Transport = (
                    server.transport(ADMIN)
                    if request.param == "in process"
                    else HandlerTransport(server, ADMIN)
                )
                await transport.call(Call("create", CRD, body=definition or crontabs()))
                await established(transport)
                async with asyncio.timeout(10):
                    await case(server, transport)

        asyncio.run(main())

    return run


def test_an_instance_is_created_read_changed_watched_and_deleted(api: Callable[[Case], None]) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        made = await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        assert made["spec"] == {"cronSpec": "* * * * 5", "replicas": 1}
        assert made["metadata"]["generation"] == 1
        revision = made["metadata"]["resourceVersion"]
        async with transport.watch(
            Call("watch", CRONTAB, "default", query={"resourceVersion": revision})
        ) as events:
            changed = await transport.call(
                Call("patch", CRONTAB, "default", "web", body={"spec": {"replicas": 2}}, patch_type="merge")
            )
            assert changed["metadata"]["generation"] == 2
            event = await anext(events)
            assert (event.type, event.object["spec"]["replicas"]) == ("MODIFIED", 2)
            await transport.call(Call("delete", CRONTAB, "default", "web"))
            assert (await anext(events)).type == "DELETED"
        with pytest.raises(NotFound):
            await transport.call(Call("get", CRONTAB, "default", "web"))

    api(case)

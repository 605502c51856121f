"""CronTabs, the custom resource that tests define, and what they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport

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
Run = Callable[..., None]


def refused(transport: Transport, call: Call, error: type[Exception]) -> Awaitable[str]:
    async def attempt() -> str:
        with pytest.raises(error) as caught:
            await transport.call(call)
        return str(caught.value)

    return attempt()

"""A scenario on each of the two ways into a server, and what scenarios share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from pybernetes.api.errors import (
    ApiError,
)
from pybernetes.client.interface import Call, Transport

Scenario = Callable[[Transport], Awaitable[None]]


def configmap(name: str, namespace: str = "default", **rest: object) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **rest.pop("metadata", {})},
        **rest,
    }


async def create(t: Transport, kind, tree, **query: str):
    namespace = tree["metadata"].get("namespace", "") if kind.namespaced else ""
    return await t.call(Call("create", kind, namespace=namespace, body=tree, query=query))


async def get(t: Transport, kind, name: str, namespace: str = "default"):
    return await t.call(Call("get", kind, namespace=namespace if kind.namespaced else "", name=name))


async def fails(error: type[ApiError], t: Transport, call: Call) -> ApiError:
    with pytest.raises(error) as caught:
        await t.call(call)
    return caught.value

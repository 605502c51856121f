"""What the API server itself follows may be stored by other means, in shapes that no validation would let in: it is
passed over and told of in the log, and everything else works on."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import random
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.apiserver.authz.rules import Rule, rules_of
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from pybernetes.store.types import Delete, Put
from tests.virtualtime import run_virtual

GOOD = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
READABLE = Rule(frozenset({"get"}), frozenset({""}), frozenset({"pods"}))


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ([GOOD], [READABLE]),
        (None, []),
        ("all", []),
        (7, []),
        ({"verbs": ["*"]}, [Rule(frozenset({"*"}))]),
        ([GOOD, "all"], [READABLE]),
        ([GOOD, None], [READABLE]),
        ([{**GOOD, "verbs": "*"}, GOOD], [READABLE]),
        ([{**GOOD, "apiGroups": [["*"]]}, GOOD], [READABLE]),
        ([{**GOOD, "resourceNames": 5}, GOOD], [READABLE]),
        ([{**GOOD, "nonResourceURLs": {"*": 1}}, GOOD], [READABLE]),
    ],
)
def test_rules_that_cannot_be_read_allow_nothing(rules: Any, left: list[Rule]) -> None:
    role = {"metadata": {"name": "r"}, "rules": rules}
    assert list(rules_of(role)) == left


SERVICES: dict[str, dict[str, Any]] = {
    "spec-text": {"spec": "text"},
    "spec-null": {"spec": None},
    "address": {"spec": {"clusterIP": "10.96.0.300"}},
    "address-number": {"spec": {"clusterIP": [1]}},
    "ports-text": {"spec": {"clusterIP": "None", "ports": "none"}},
    "port-text": {"spec": {"clusterIP": "None", "ports": [{"port": 1, "nodePort": "many"}]}},
    "check-text": {"spec": {"clusterIP": "None", "healthCheckNodePort": "x"}},
}
RANGES: dict[str, dict[str, Any]] = {
    "cidrs-text": {"spec": {"cidrs": "10.0.0.0"}},
    "cidrs-number": {"spec": {"cidrs": 7}},
    "not-a-range": {"spec": {"cidrs": ["here"]}},
    "conditions": {"spec": {"cidrs": ["10.200.0.0/24"]}, "status": {"conditions": "fine"}},
    "spec-text": {"spec": "text"},
}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *(pytest.param(kinds.SERVICE, each, id=f"service-{name}") for name, each in SERVICES.items()),
        *(pytest.param(kinds.SERVICECIDR, each, id=f"range-{name}") for name, each in RANGES.items()),
    ],
)
def test_services_are_served_beside_one_that_cannot_be_read(
    kind: Any, content: Obj, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: 1_790_000_000.0 + loop.time(), rng=random.Random(1))
        store = MemoryStore(env)
        async with ApiServer(store, env, ApiServerConfig(freeze_trees=True)) as server:
            client = ApiClient(server.transport(LOOPBACK))
            namespace = "default" if kind.namespaced else ""
            key = server.services.registry.cache(kind).key(namespace, "odd")
            metadata = {"name": "odd", "uid": "odd", "creationTimestamp": "2026-01-01T00:00:00Z"}
            place = {"namespace": namespace} if namespace else {}
            odd = {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {**metadata, **place},
                **content,
            }
            await store.txn([], [Put(key, json.dumps(odd).encode())])
            spec = {"type": "NodePort", "ports": [{"port": 80}]}
            first = await client.create(kinds.SERVICE, new_object(kinds.SERVICE, "one", "default", spec=spec))
            await store.txn([], [Delete(key)])
            second = await client.create(
                kinds.SERVICE, new_object(kinds.SERVICE, "two", "default", spec=spec)
            )
            for made in (first, second):
                assert ipaddress.ip_address(made["spec"]["clusterIP"]) in ipaddress.ip_network("10.96.0.0/12")
                assert made["spec"]["ports"][0]["nodePort"] >= 30000
            assert first["spec"]["clusterIP"] != second["spec"]["clusterIP"]
        await store.close()

    with caplog.at_level(logging.WARNING, "allocators"):
        run_virtual(main())
    empty = content.get("spec") is None
    assert any("odd cannot be read" in message for message in caplog.messages) is not empty
    assert not [record for record in caplog.records if record.exc_info]


NO_OBJECTS = (
    b"not json",
    b"[1]",
    b'{"kind":"ConfigMap","apiVersion":"v1"}',
    b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","labels":{"a":1}}}',
)


def test_what_is_no_object_is_not_served_and_all_else_is(env: Env, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = MemoryStore(env)

        async def written(*values: bytes) -> None:
            puts = [Put(f"/registry/configmaps/default/bad{n}", value) for n, value in enumerate(values)]
            await store.txn((), puts)

        async def names() -> list[str]:
            found = await client.list(kinds.CONFIGMAP, "default")
            return [each["metadata"]["name"] for each in found.items]

        async with ApiServer(store, env, ApiServerConfig()) as server:
            client = ApiClient(server.transport(LOOPBACK))
            await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "bad0", "default"))
            await written(*NO_OBJECTS)
            await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "good", "default"))
            assert await names() == ["good"]
        assert "/registry/configmaps/default/bad0 cannot be read and is not served" in caplog.text
        async with ApiServer(store, env, ApiServerConfig()) as server, asyncio.timeout(10):
            client = ApiClient(server.transport(LOOPBACK))
            assert await names() == ["good"]
        await store.close()

    asyncio.run(main())

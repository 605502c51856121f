"""An update of what is not there: for some kinds it creates, for those who may create."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict, Forbidden, NotFound
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import ADMIN, User, serving


def put(kind: Any, **rest: Any) -> Call:
    body = {"metadata": {"name": "x", "resourceVersion": "77", **rest.pop("metadata", {})}, **rest}
    return Call("update", kind, "default", "x", body=body)


def test_it_creates(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t = server.transport(ADMIN)
            made = await t.call(put(kinds.SERVICE, spec={"ports": [{"port": 80}]}))
            assert made["metadata"]["uid"]
            assert made["spec"]["clusterIP"], "as a create would"
            role = await t.call(put(kinds.ROLE, rules=[]))
            again = Call(
                "update",
                kinds.ROLE,
                "default",
                "x",
                body={**role, "metadata": {"name": "x", "labels": {"a": "b"}}},
            )
            assert (await t.call(again))["metadata"]["uid"] == role["metadata"]["uid"]
            with pytest.raises(NotFound):
                await t.call(put(kinds.CONFIGMAP))
            with pytest.raises(Conflict, match="Precondition failed: UID in precondition: u"):
                await t.call(put(kinds.LEASE, spec={}, metadata={"uid": "u"}))
            dry = put(kinds.LIMITRANGE, spec={"limits": []})
            assert (await t.call(Call(**{**_fields(dry), "query": {"dryRun": "All"}})))["metadata"]["uid"]
            with pytest.raises(NotFound):
                await t.call(Call("get", kinds.LIMITRANGE, "default", "x"))

    asyncio.run(main())


def test_only_for_who_may_create(env: Env) -> None:
    bob = User("bob")
    rule = {"apiGroups": [""], "resources": ["endpoints"], "verbs": ["update"]}
    subject = {"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}

    async def main() -> None:
        async with serving(env, users=(bob,)) as server:
            t = server.transport(ADMIN)
            role = {"metadata": {"name": "r"}, "rules": [rule]}
            binding = {"metadata": {"name": "r"}, "roleRef": reference, "subjects": [subject]}
            await t.call(Call("create", kinds.ROLE, "default", body=role))
            await t.call(Call("create", kinds.ROLEBINDING, "default", body=binding))
            with pytest.raises(Forbidden, match='User "bob" cannot create resource "endpoints"'):
                await server.transport(bob).call(put(kinds.ENDPOINTS, subsets=[]))

    asyncio.run(main())


def _fields(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in ("verb", "kind", "namespace", "name", "body")}

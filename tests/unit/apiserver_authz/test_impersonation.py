"""Impersonation over HTTP: each claim is a right of its own; and who a request is from without it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from pybernetes.wire.http.messages import Headers, Request
from tests.apiserver.transports import ADMIN, body_of, serving

BOB = User("bob", groups=("system:authenticated",))
GROUP = "rbac.authorization.k8s.io"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def grant(server: ApiServer, rules: list[dict[str, Any]], who: str = "bob") -> None:
    call = server.transport(ADMIN).call
    role = {"metadata": {"name": f"r-{who}"}, "rules": rules}
    await call(Call("create", kinds.CLUSTERROLE, body=role))
    binding = {
        "metadata": {"name": f"b-{who}"},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": f"r-{who}"},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": who}],
    }
    await call(Call("create", kinds.CLUSTERROLEBINDING, body=binding))


async def whoami(server: ApiServer, *headers: tuple[str, str]) -> tuple[int, dict[str, Any]]:
    """(status, user info or Status)."""
    all_ = Headers([("content-type", "application/json"), *headers])
    response = await server.handler(Request("POST", WHOAMI, all_, b"{}"))
    tree = json.loads(await body_of(response))
    return response.status, tree["status"]["userInfo"] if response.status == 201 else tree


def rule(resource: str, *names: str, group: str = "") -> dict[str, Any]:
    tree = {"apiGroups": [group], "resources": [resource], "verbs": ["impersonate"]}
    return {**tree, "resourceNames": list(names)} if names else tree


CASES: list[tuple[list[dict[str, Any]], list[tuple[str, str]], int, Any]] = [
    ([], [("impersonate-user", "eve")], 403, 'users "eve" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope'),
    ([rule("users", "eve")], [("impersonate-user", "eve")], 201, {"username": "eve", "groups": ["system:authenticated"]}),
    ([rule("users", "eve")], [("impersonate-user", "adam")], 403, 'users "adam" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope'),
    ([rule("users")], [("impersonate-user", "eve"), ("impersonate-group", "dev")], 403, 'groups "dev" is forbidden: User "bob" cannot impersonate resource "groups" in API group "" at the cluster scope'),
    ([rule("users"), rule("groups", "dev", "ops")], [("impersonate-user", "eve"), ("impersonate-group", "dev"), ("impersonate-group", "ops")], 201, {"username": "eve", "groups": ["dev", "ops", "system:authenticated"]}),
    ([rule("users")], [("impersonate-user", "eve"), ("impersonate-uid", "1")], 403, 'uids.authentication.k8s.io "1" is forbidden: User "bob" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope'),
    ([rule("users"), rule("uids", group="authentication.k8s.io")], [("impersonate-user", "eve"), ("impersonate-uid", "1")], 201, {"username": "eve", "uid": "1", "groups": ["system:authenticated"]}),
    ([rule("users")], [("impersonate-user", "eve"), ("impersonate-extra-scopes", "a")], 403, 'userextras.authentication.k8s.io "a" is forbidden: User "bob" cannot impersonate resource "userextras/scopes" in API group "authentication.k8s.io" at the cluster scope'),
    ([rule("users"), rule("userextras/scopes", group="authentication.k8s.io")], [("impersonate-user", "eve"), ("impersonate-extra-scopes", "a"), ("impersonate-extra-scopes", "b")], 201, {"username": "eve", "groups": ["system:authenticated"], "extra": {"scopes": ["a", "b"]}}),
    ([rule("serviceaccounts")], [("impersonate-user", "system:serviceaccount:default:x")], 201, {"username": "system:serviceaccount:default:x", "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]}),
    ([rule("users")], [("impersonate-extra-scopes", "a")], 500, "Internal error occurred: requested groups, extra or uid without impersonating a user"),
    ([rule("users")], [("impersonate-user", "eve"), ("impersonate-uid", "1"), ("impersonate-extra-scopes", "a")], 403, 'userextras.authentication.k8s.io "a" is forbidden: User "bob" cannot impersonate resource "userextras/scopes" in API group "authentication.k8s.io" at the cluster scope'),
    ([rule("users")], [("impersonate-group", "dev")], 500, "Internal error occurred: requested groups, extra or uid without impersonating a user"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "headers", "code", "expected"), CASES)
def test_each_claim_is_a_right(env: Env, rules: Any, headers: Any, code: int, expected: Any) -> None:
    async def main() -> None:
        async with serving(env, (BOB,)) as server:
            if rules:
                await grant(server, rules)
            status, told = await whoami(server, ("x-test-user", "bob"), *headers)
            assert status == code, told
            assert (told if code == 201 else told["message"]) == expected

    asyncio.run(main())


def test_static_tokens_and_nobody(env: Env) -> None:
    async def main(*, anonymous: bool) -> None:
        store = MemoryStore(env)
        config = ApiServerConfig(token_auth='secret,alice,7,"dev,ops"\n', anonymous=anonymous)
        async with ApiServer(store, env, config) as server:
            status, told = await whoami(server, ("authorization", "Bearer secret"))
            assert (status, told) == (
                201,
                {"username": "alice", "uid": "7", "groups": ["dev", "ops", "system:authenticated"]},
            )
            status, told = await whoami(server, ("authorization", "Bearer wrong"))
            assert (status, told["reason"]) == (401, "Unauthorized")
            status, told = await whoami(server)
            if anonymous:
                assert status == 403
                assert told["message"].startswith(
                    'selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous"'
                )
            else:
                assert status == 401
            version = await server.handler(Request("GET", "/version", Headers()))
            assert version.status == (200 if anonymous else 401)
        await store.close()

    for anonymous in (True, False):
        asyncio.run(main(anonymous=anonymous))


def test_rules_reviews_list_what_one_may(env: Env) -> None:
    async def main() -> None:
        async with serving(env, (BOB,)) as server:
            await grant(server, [rule("users", "eve")])
            review = await server.transport(BOB).call(
                Call("create", kinds.SELFSUBJECTRULESREVIEW, body={"spec": {"namespace": "default"}})
            )
            wanted = {
                "verbs": ["impersonate"],
                "apiGroups": [""],
                "resources": ["users"],
                "resourceNames": ["eve"],
            }
            assert wanted in review["status"]["resourceRules"]
            assert any("/version" in r["nonResourceURLs"] for r in review["status"]["nonResourceRules"])
            assert review["status"]["incomplete"] is True

    asyncio.run(main())


REVIEWS = [
    (
        {},
        "spec.resourceAttributes",
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
    ),
    ({"resourceAttributes": {}}, "spec.user", "at least one of user or group must be specified"),
    (
        {"user": "x", "resourceAttributes": {}, "nonResourceAttributes": {}},
        "spec.nonResourceAttributes",
        "cannot be specified in combination with resourceAttributes",
    ),
]


@pytest.mark.parametrize(("spec", "field", "message"), REVIEWS)
def test_reviews_that_ask_nothing(env: Env, spec: Any, field: str, message: str) -> None:
    from pybernetes.api.errors import Invalid

    async def main() -> None:
        async with serving(env) as server:
            with pytest.raises(Invalid) as caught:
                await server.transport(ADMIN).call(
                    Call("create", kinds.SUBJECTACCESSREVIEW, body={"spec": spec})
                )
            assert any(c.field == field and message in c.message for c in caught.value.causes)

    asyncio.run(main())


def test_the_verbs_escalate_and_bind(env: Env) -> None:
    from pybernetes.api.errors import Forbidden

    secrets = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]

    async def main() -> None:
        async with serving(env, (BOB,)) as server:
            admin, bob = server.transport(ADMIN), server.transport(BOB)
            write = {
                "apiGroups": [GROUP],
                "resources": ["roles", "rolebindings"],
                "verbs": ["create", "update"],
            }
            await grant(server, [write])
            role = {"metadata": {"name": "x"}, "rules": secrets}
            binding = {
                "metadata": {"name": "x"},
                "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "x"},
                "subjects": [{"kind": "User", "apiGroup": GROUP, "name": "bob"}],
            }
            make_role = Call("create", kinds.ROLE, "default", body=role)
            make_binding = Call("create", kinds.ROLEBINDING, "default", body=binding)
            with pytest.raises(Forbidden):
                await bob.call(make_role)
            more = {"apiGroups": [GROUP], "resources": ["roles"], "verbs": ["escalate"]}
            tree = await admin.call(Call("get", kinds.CLUSTERROLE, name="r-bob"))
            await admin.call(
                Call("update", kinds.CLUSTERROLE, name="r-bob", body={**tree, "rules": [write, more]})
            )
            await bob.call(make_role)
            with pytest.raises(Forbidden):
                await bob.call(make_binding)
            tree = await admin.call(Call("get", kinds.CLUSTERROLE, name="r-bob"))
            more = {**more, "verbs": ["bind"], "resourceNames": ["x"]}
            await admin.call(
                Call("update", kinds.CLUSTERROLE, name="r-bob", body={**tree, "rules": [write, more]})
            )
            await bob.call(make_binding)

    asyncio.run(main())

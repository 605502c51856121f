"""Health, version, discovery, metrics, OpenAPI and keys: what is served beside the resources; and who may act as whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from pybernetes.api import kinds
from pybernetes.apiserver.user import User
from pybernetes.clock import Env

from .asker import Asker, header, runner
from .transports import body_of, serving, transport_of

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    return runner(env)


def test_health_is_told_check_by_check(run) -> None:
    async def scenario(ask: Asker) -> None:
        for path in ("/healthz", "/livez", "/readyz"):
            response = await ask("GET", path)
            assert (response.status, response.body) == (200, b"ok")
        response = await ask("GET", "/readyz?verbose")
        assert response.body.startswith(b"[+]ping ok\n")
        assert response.body.endswith(b"readyz check passed\n")
        assert (await ask("GET", "/readyz/informer-sync")).body == b"ok"
        assert (await ask("GET", "/readyz/nonsense")).status == 404
        ask.server.services.stopping = True
        response = await ask("GET", "/readyz")
        assert response.status == 500
        assert b"[-]shutdown failed: reason withheld" in response.body
        assert (await ask("GET", "/livez")).status == 200
        assert (await ask("GET", "/readyz?exclude=shutdown")).status == 200

    run(scenario)


def test_version_is_what_kubectl_compares(run) -> None:
    async def scenario(ask: Asker) -> None:
        version = await ask.tree("GET", "/version")
        assert (version["major"], version["minor"]) == ("1", "37")
        assert version["gitVersion"].startswith("v1.37.0")

    run(scenario)


def test_discovery_in_both_forms(run) -> None:
    async def scenario(ask: Asker) -> None:
        assert (await ask.tree("GET", "/api"))["versions"] == ["v1"]
        groups = (await ask.tree("GET", "/apis"))["groups"]
        assert {"apps", "discovery.k8s.io", "rbac.authorization.k8s.io"} <= {
            group["name"] for group in groups
        }
        resources = (await ask.tree("GET", "/apis/apps/v1"))["resources"]
        [deployments] = [entry for entry in resources if entry["name"] == "deployments"]
        assert deployments["shortNames"] == ["deploy"]
        [scale] = [entry for entry in resources if entry["name"] == "deployments/scale"]
        assert (scale["group"], scale["kind"]) == ("autoscaling", "Scale")
        core = (await ask.tree("GET", "/api/v1"))["resources"]
        assert {"pods", "pods/log", "pods/exec", "namespaces/finalize"} <= {entry["name"] for entry in core}

        response = await ask("GET", "/apis", accept=AGGREGATED)
        document = json.loads(response.body)
        assert document["kind"] == "APIGroupDiscoveryList"
        [apps] = [item for item in document["items"] if item["metadata"]["name"] == "apps"]
        assert "deployments" in {entry["resource"] for entry in apps["versions"][0]["resources"]}
        tag = header(response, "etag")
        again = await ask("GET", "/apis", accept=AGGREGATED, if_none_match=tag)
        assert again.status == 304
        assert (await ask("GET", "/apis/nothing.example")).status == 404

    run(scenario)


def test_openapi_documents_have_hashes(run) -> None:
    async def scenario(ask: Asker) -> None:
        index = await ask.tree("GET", "/openapi/v3")
        url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        response = await ask("GET", url)
        assert header(response, "cache-control") == "public, immutable"
        document = json.loads(response.body)
        assert "io.k8s.api.apps.v1.Deployment" in document["components"]["schemas"]
        again = await ask("GET", url, if_none_match=header(response, "etag"))
        assert again.status == 304
        assert "definitions" in await ask.tree("GET", "/openapi/v2")

    run(scenario)


def test_metrics_count_requests(run) -> None:
    async def scenario(ask: Asker) -> None:
        for _ in range(3):
            await ask("GET", "/api/v1/namespaces/default/pods")
        text = (await ask("GET", "/metrics")).body.decode()
        series = (
            'verb="LIST",group="",version="v1",resource="pods",subresource="",scope="namespace",code="200"'
        )
        assert f"apiserver_request_total{{{series}}} 3" in text
        assert 'apiserver_storage_objects{resource="namespaces"} 4' in text
        body = {"metadata": {"name": "counted"}}
        await ask.tree("POST", "/api/v1/namespaces/default/configmaps", body)
        text = (await ask("GET", "/metrics")).body.decode()
        store = 'operation="create",group="",resource="configmaps"'
        assert f"etcd_request_duration_seconds_count{{{store}}} 1" in text
        step = 'operation="CREATE",rejected="false",type="validate"'
        assert f"apiserver_admission_step_admission_duration_seconds_count{{{step}}} " in text
        assert "\nprocess_resident_memory_bytes " in text
        names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
        documented = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
        assert {name for name in names if not name.startswith(tuple(documented))} == set()

    run(scenario)


def test_impersonation_needs_the_right_to_it(env: Env) -> None:
    bob = User("bob", groups=("system:authenticated",))

    async def main() -> None:
        async with serving(env, (bob,)) as server:
            ask = Asker(server)
            who = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            answer = await ask.tree("POST", who, {}, impersonate_user="system:serviceaccount:default:x")
            assert answer["status"]["userInfo"]["username"] == "system:serviceaccount:default:x"
            assert "system:serviceaccounts:default" in answer["status"]["userInfo"]["groups"]
            status = await ask.tree("POST", who, {}, x_test_user="bob", impersonate_user="admin")
            # x-test-user is given twice: the first, the administrator, counts.
            assert status["status"]["userInfo"]["username"] == "admin"
            server.services.authenticator.users["admin"] = bob
            status = await ask.tree("POST", who, {}, impersonate_user="alice")
            assert (status["code"], status["reason"]) == (403, "Forbidden")
            assert 'User "bob" cannot impersonate resource "users"' in status["message"]

    asyncio.run(main())


def test_a_bug_is_a_500_and_a_traceback_in_the_log(run, caplog) -> None:
    async def scenario(ask: Asker) -> None:
        ask.server.services.registry = None
        status = await ask.tree("GET", "/api/v1/pods")
        assert (status["code"], status["reason"]) == (500, "InternalError")

    with caplog.at_level("ERROR"):
        run(scenario)
    assert "AttributeError" in caplog.text


def test_a_reaction_header_reaches_the_ledger(run) -> None:
    async def scenario(ask: Asker) -> None:
        reaction = {
            "kind": "Pod",
            "namespace": "default",
            "name": "p",
            "resourceVersion": "4",
            "reason": "why",
        }
        body = {"metadata": {"name": "a"}}
        target = "/api/v1/namespaces/default/configmaps"
        await ask.tree("POST", target, body, pybernetes_reaction=json.dumps(reaction))
        [entry] = ask.server.ledger.about("", "configmaps", "default", "a")
        assert entry.reaction.reason == "why"
        assert ask.server.ledger.at_revision(entry.revision) is entry
        made = await ask.tree("POST", target, {"metadata": {"name": "b"}}, pybernetes_reaction="junk")
        assert made["metadata"]["name"] == "b"

    run(scenario)


def test_watches_end_when_the_server_closes(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            response = await Asker(server)("GET", "/api/v1/pods?watch=true")
            await server.close()
            assert await body_of(response) == b""
            t = transport_of("inprocess", server)
            assert t is not None
            assert server.services.registry.cache(kinds.POD).watchers.take_trees is False

    asyncio.run(main())

"""What one request can cost at most: time, where it waits for others; memory, where it asks for what is not there."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from pybernetes.api.errors import ApiError
from pybernetes.api.kinds import APISERVICE, CONFIGMAP, POD
from pybernetes.apiserver import pipeline
from pybernetes.apiserver.aggregation import aggregator as aggregator_module
from pybernetes.apiserver.aggregation.aggregator import Aggregator
from pybernetes.apiserver.aggregation.availability import Finding
from pybernetes.apiserver.aggregation.remotes import Remote
from pybernetes.apiserver.context import RequestContext
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.apiserver.verbs.delete import DeleteOptions, mark
from pybernetes.apiserver.verbs.objects import private
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import ADMIN, FixedUser, serving
from .waiting import until

NOBODY = User("nobody")
REMOTE = Remote("v1.x.io", "x.io", "v1", "a", "web", 443, "", True, 1, 1, available=True)


def request(method: str, target: str, user: str = "admin") -> Request:
    return Request(method, target, Headers([("x-test-user", user)]), b"")


def known_users(server: ApiServer) -> None:
    server.services.authenticator = FixedUser({"admin": ADMIN, "nobody": NOBODY})  # type: ignore[assignment]


async def long(*_: Any) -> Any:
    await asyncio.sleep(60)


def test_an_aggregated_server_that_never_answers_is_not_waited_for_forever(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Aggregator, "forward", long)

    async def main() -> None:
        async with serving(env, request_timeout=0.05) as server:
            known_users(server)
            server.services.aggregator.remotes["x.io", "v1"] = REMOTE
            async with asyncio.timeout(5):
                for path in ("/apis/x.io/v1/things", "/apis/x.io/v1"):
                    answer = await server.handler(request("GET", path))
                    assert answer.status == 504
                    assert orjson.loads(answer.body)["reason"] == "Timeout"  # type: ignore[arg-type]
                answer = await server.handler(request("POST", "/apis/x.io/v1/things"))
                assert answer.status == 504
                assert [*server.ledger][-1].code == 504
            assert server.services.in_flight == 0

    asyncio.run(main())


def test_what_passes_through_takes_as_long_as_it_takes(env: Env) -> None:
    async def slow(_ctx: RequestContext) -> Response:
        await asyncio.sleep(0.2)
        return Response(200, (), b"done")

    async def main() -> None:
        async with serving(env, request_timeout=0.05) as server:
            known_users(server)
            server.services.connect = slow
            for method in ("GET", "POST"):
                answer = await server.handler(request(method, "/api/v1/namespaces/a/services/web/proxy/x"))
                assert (answer.status, answer.body) == (200, b"done")  # type: ignore[union-attr]

    asyncio.run(main())


def test_what_is_not_served_is_not_counted_by_its_name(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            known_users(server)
            before = len([*server.services.metrics._answers])
            for n in range(5):
                for user in ("admin", "nobody"):
                    await server.handler(request("GET", f"/apis/g{n}.io/v1/things{n}", user))
                    await server.handler(request("GET", f"/api/v1/namespaces/a/pods/p/x{n}", user))
            assert len([*server.services.metrics._answers]) == before

    asyncio.run(main())


def test_a_bug_counts_as_one_and_is_in_the_ledger(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(env) as server:
            seen: list[int] = []
            monkeypatch.setattr(server.services.metrics, "observe", lambda _info, code, _s: seen.append(code))

            def broken(_ctx: RequestContext) -> Any:
                raise RuntimeError("a bug")

            monkeypatch.setattr(pipeline, "serving", broken)
            body = {"metadata": {"name": "a"}}
            with pytest.raises(ApiError, match="RuntimeError: a bug"):
                await server.transport(ADMIN).call(Call("create", CONFIGMAP, "default", body=body))
            assert seen == [500]
            entry = [*server.ledger][-1]
            assert (entry.resource, entry.code) == ("configmaps", 500)
            assert "a bug" in entry.message

    asyncio.run(main())


def test_only_a_shorter_time_changes_a_pod_that_is_going() -> None:
    metadata = {"name": "p", "namespace": "a", "deletionTimestamp": "1970-01-01T00:01:00Z"}
    metadata |= {"deletionGracePeriodSeconds": 30, "finalizers": ["x.io/y"]}
    pod = {"metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": "Failed"}}
    for options in (DeleteOptions(), DeleteOptions(grace=30), DeleteOptions(grace=60, policy="Orphan")):
        assert mark(POD, private(pod), options, 50.0) == pod
    marked = mark(POD, private(pod), DeleteOptions(grace=10), 50.0)
    assert marked is not None
    assert marked["metadata"]["deletionTimestamp"] == "1970-01-01T00:00:40Z"
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 10
    assert marked["metadata"]["finalizers"] == ["x.io/y"]
    del pod["metadata"]["finalizers"]
    assert mark(POD, private(pod), DeleteOptions(grace=10), 50.0) is not None
    assert mark(POD, private(pod), DeleteOptions(grace=0), 50.0) is None


def test_a_server_that_hangs_keeps_nobody_from_looking_at_the_others(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    async def look(remote: Remote, *_: Any) -> Finding:
        looked.append(remote.name)
        if remote.group == "slow.io":
            await asyncio.sleep(60)
        return Finding("False", "FailedDiscoveryCheck", "no")

    monkeypatch.setattr(aggregator_module, "look", look)

    async def main() -> None:
        async with serving(env) as server:
            transport = server.transport(ADMIN)
            for group in ("slow.io", "quick.io"):
                body = {
                    "metadata": {"name": f"v1.{group}"},
                    "spec": {
                        "group": group,
                        "version": "v1",
                        "service": {"namespace": "a", "name": "web"},
                        "insecureSkipTLSVerify": True,
                        "groupPriorityMinimum": 1,
                        "versionPriority": 1,
                    },
                }
                await transport.call(Call("create", APISERVICE, body=body))
            await until(lambda: {"v1.slow.io", "v1.quick.io"} <= {*looked})
            before = looked.count("v1.quick.io")
            change = {"spec": {"service": {"name": "other"}}}
            await transport.call(
                Call("patch", APISERVICE, name="v1.quick.io", body=change, patch_type="merge")
            )
            await until(lambda: looked.count("v1.quick.io") > before)
            assert looked.count("v1.slow.io") == 1

    asyncio.run(main())


def test_a_table_leaves_no_decoded_objects_behind(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            known_users(server)
            await server.transport(ADMIN).call(
                Call("create", CONFIGMAP, "default", body={"metadata": {"name": "a"}})
            )
            headers = Headers(
                [("x-test-user", "admin"), ("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")]
            )
            cache = server.services.registry.cache(CONFIGMAP)
            for version in cache.entries.values():
                version.forget_tree()
            answer = await server.handler(Request("GET", "/api/v1/configmaps", headers, b""))
            assert orjson.loads(answer.body)["kind"] == "Table"  # type: ignore[arg-type]
            assert all(version._tree is None for version in cache.entries.values())

    asyncio.run(main())


def test_a_dry_run_tells_what_a_deletion_would_leave(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            transport = server.transport(ADMIN)
            for name, finalizers in (("kept", ["x.io/y"]), ("gone", [])):
                body = {"metadata": {"name": name, "finalizers": finalizers}}
                made = await transport.call(Call("create", CONFIGMAP, "default", body=body))
                dry = Call("delete", CONFIGMAP, "default", name, body={"dryRun": ["All"]})
                told = await transport.call(dry)
                assert told["kind"] == ("ConfigMap" if finalizers else "Status")
                assert ("deletionTimestamp" in told["metadata"]) == bool(finalizers)
                assert await transport.call(Call("get", CONFIGMAP, "default", name)) == made

    asyncio.run(main())

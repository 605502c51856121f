"""resourceVersion, resourceVersionMatch and sendInitialEvents in all combinations, for get, list and watch."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Invalid, Timeout
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import serving, transport_of

UNSET_MATCH = "resourceVersionMatch is forbidden unless resourceVersion is provided"
EXACT_ZERO = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
BAD_MATCH = 'Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""'
NEEDS = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
ONLY_INITIAL = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"


def list_problems(version: str, match: str) -> list[str]:
    """What upstream's documentation says of a list."""
    found = []
    if match and not version:
        found.append(f"Forbidden: {UNSET_MATCH}")
    if match == "Foo":
        found.append(BAD_MATCH)
    if match == "Exact" and version == "0":
        found.append(f"Forbidden: {EXACT_ZERO}")
    return found


def watch_problems(match: str, initial: str) -> list[str]:
    found = []
    if initial and match != "NotOlderThan":
        found.append(f"Forbidden: {NEEDS}")
    if match and not initial:
        found.append(f"Forbidden: {ONLY_INITIAL}")
    if match not in ("", "NotOlderThan"):
        found.append(f'Unsupported value: "{match}": supported values: "NotOlderThan"')
    return found


def message(problems: list[str]) -> str:
    lines = [f"resourceVersionMatch: {each}" for each in problems]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    return f'ListOptions.meta.k8s.io "" is invalid: {text}'


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_every_combination(env: Env, way: str) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(60):
            t = transport_of(way, server)
            body = {"metadata": {"name": "a"}}
            made = await t.call(Call("create", kinds.CONFIGMAP, "default", body=body))
            now = made["metadata"]["resourceVersion"]
            for version, match in itertools.product(("", "0", now), ("", "Exact", "NotOlderThan", "Foo")):
                query = {"resourceVersion": version, "resourceVersionMatch": match}
                query = {key: value for key, value in query.items() if value}
                await listed(t, query, list_problems(version, match))
                for initial in ("", "true", "false"):
                    more = {**query, "sendInitialEvents": initial} if initial else query
                    await watched(t, more, watch_problems(match, initial))
            assert await t.call(Call("get", kinds.CONFIGMAP, "default", "a", query={"resourceVersion": "0"}))
            assert await t.call(Call("get", kinds.CONFIGMAP, "default", "a", query={"resourceVersion": now}))

    async def listed(t: Any, query: dict[str, str], problems: list[str]) -> None:
        call = Call("list", kinds.CONFIGMAP, "default", query=query)
        if problems:
            with pytest.raises(Invalid) as caught:
                await t.call(call)
            assert caught.value.message == message(problems), query
            assert len(caught.value.causes) == len(problems)
            return
        found = await t.call(call)
        assert [item["metadata"]["name"] for item in found["items"]] == ["a"]

    async def watched(t: Any, query: dict[str, str], problems: list[str]) -> None:
        call = Call("watch", kinds.CONFIGMAP, "default", query=query)
        if problems:
            with pytest.raises(Invalid) as caught:
                async with t.watch(call):
                    pass
            assert caught.value.message == message(problems), query
            return
        async with t.watch(call) as events:
            begins = query.get("sendInitialEvents") == "true" or (
                query.get("resourceVersion", "0") == "0" and "sendInitialEvents" not in query
            )
            if begins:
                assert (await anext(events)).type == "ADDED"

    asyncio.run(main())


@pytest.mark.parametrize("verb", ["get", "list", "exact"])
def test_a_revision_of_the_future(env: Env, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.apiserver.cacher.WAIT", 0.05)

    async def main() -> ApiError:
        async with serving(env) as server, asyncio.timeout(20):
            t = transport_of("http", server)
            query = {"resourceVersion": "99999"}
            if verb == "exact":
                query["resourceVersionMatch"] = "Exact"
            name = "a" if verb == "get" else ""
            call = Call("get" if verb == "get" else "list", kinds.CONFIGMAP, "default", name, query=query)
            with pytest.raises(Timeout) as caught:
                await t.call(call)
            current = server.services.cacher.revision
            assert caught.value.message == f"Timeout: Too large resource version: 99999, current: {current}"
            return caught.value

    error = asyncio.run(main())
    assert error.status()["details"] == {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    assert error.status()["code"] == 504

"""Thousands of malformed requests to every kind: each is answered, and none with a fault of the server's own."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.api.kinds import KINDS
from pybernetes.apiserver.server import ApiServer
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response
from tests.malformed import Asking, Maker

from .transports import serving

OBJECTS = Path(__file__).parents[1] / "cluster/columns/objects.yaml"
REQUESTS = 1500
FAULT = "Internal error occurred"
"""How a fault begins; upstream has a few refusals with code 500, too, which do not."""
NO_REVIEWS = "FixedUser"
"""The authenticator of these tests reviews no tokens."""


@cache
def samples() -> dict[tuple[str, str], list[Any]]:
    found = defaultdict(list)
    for tree in yaml.safe_load_all(OBJECTS.read_text().replace("@CSR@", "aGVsbG8=")):
        if tree:
            plain = json.loads(json.dumps(tree, default=str))
            found[plain["apiVersion"], plain["kind"]].append(plain)
    return found


async def code_and_message(server: ApiServer, asking: Asking) -> tuple[int, str]:
    headers = Headers([("x-test-user", "admin"), *asking.headers])
    async with asyncio.timeout(10):
        response = await server.handler(Request(asking.method, asking.target, headers, asking.body))
    assert isinstance(response, Response), asking
    if response.status < 500:
        return response.status, ""
    body = response.body if isinstance(response.body, bytes) else b""
    return response.status, body.decode(errors="replace")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_request_is_a_fault_of_the_server(env: Env, seed: int) -> None:
    async def main() -> None:
        maker = Maker(seed, KINDS, samples())
        codes: dict[int, int] = defaultdict(int)
        async with serving(env) as server:
            for asking in maker.good():
                code, _ = await code_and_message(server, asking)
                assert code < 500, asking
            for _ in range(REQUESTS):
                asking = maker.bad()
                code, text = await code_and_message(server, asking)
                codes[code] += 1
                if FAULT in text and NO_REVIEWS not in text:
                    pytest.fail(
                        f"seed {seed}: {asking.method} {asking.target}: {text}\n{asking.body[:2000]!r}"
                    )
            assert (await code_and_message(server, Asking("GET", "/readyz", (), b"")))[0] == 200
        assert codes[200] > 50, "some of them are good"
        assert codes[400] > 100
        assert codes[422] > 50

    asyncio.run(main())

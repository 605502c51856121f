"""Methods that a path is not served for: 405 where upstream's router looks at the method, and no look elsewhere."""

from __future__ import annotations

import asyncio
import json

import pytest

from pybernetes.apiserver.refusal import refuse
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response
from pybernetes.wire.http.parsing import Limits, RequestParser

from .transports import serving

TEXT = "the server does not allow this method on the requested resource"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("HEAD", "/api/v1/namespaces/default/pods", 405),
        ("TRACE", "/api/v1/namespaces/default/pods", 405),
        ("OPTIONS", "/apis/apps/v1/deployments", 405),
        ("HEAD", "/api", 405),
        ("POST", "/apis", 405),
        ("PUT", "/apis/apps/v1", 405),
        ("DELETE", "/version", 405),
        ("POST", "/openid/v1/jwks", 405),
        ("HEAD", "/healthz", 200),
        ("POST", "/livez", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/version", 200),
    ],
)
def test_methods(env: Env, method: str, path: str, code: int) -> None:
    async def main() -> None:
        async with serving(env) as server:
            response = await server.handler(Request(method, path, Headers([("x-test-user", "admin")]), b""))
            assert isinstance(response, Response)
            assert response.status == code
            if code == 405:
                assert isinstance(response.body, bytes)
                tree = json.loads(response.body)
                assert (tree["reason"], tree["message"]) == ("MethodNotAllowed", TEXT)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"FOO /api HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"get /api HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"F\x00O /api HTTP/1.1\r\n\r\n", 400),
        (b"FOO\r\n\r\n", 400),
    ],
)
def test_methods_that_the_parser_does_not_know(data: bytes, status: int) -> None:
    parser = RequestParser(Limits(), lambda *parts: Request(*parts))
    parser.feed(data)
    [turn] = parser.turns
    assert getattr(turn.request, "status", 0) == status
    answer = refuse(status, getattr(turn.request, "message", ""))
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["code"] == status

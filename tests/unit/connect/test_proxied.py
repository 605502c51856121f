"""What the proxy subresources do to paths, redirects and refusals."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from pybernetes.apiserver.connect.proxied import passed_back, redirect_of_root, target_of, unreachable
from pybernetes.wire.http.messages import Headers, Request, Response

PREFIX = "/api/v1/namespaces/a/pods/b/proxy"


@pytest.mark.parametrize(
    ("path", "rest", "target"),
    [
        (PREFIX, "", "/"),
        (f"{PREFIX}/", "", "/"),
        (f"{PREFIX}/x/y", "x/y", "/x/y"),
        (f"{PREFIX}/x/y/", "x/y", "/x/y/"),
        (f"{PREFIX}/x%20y?q=1", "x y", "/x%20y?q=1"),
    ],
)
def test_the_path_that_the_backend_is_asked(path: str, rest: str, target: str) -> None:
    assert target_of(Request("GET", path), rest) == target


def test_the_root_without_a_slash_is_redirected_for_whom_reads() -> None:
    moved = redirect_of_root(Request("GET", f"{PREFIX}?a=b"), "")
    assert moved is not None
    assert (moved.status, [*moved.headers]) == (301, [("Location", f"{PREFIX}/?a=b")])
    assert redirect_of_root(Request("POST", PREFIX), "") is None
    assert redirect_of_root(Request("GET", f"{PREFIX}/"), "") is None
    assert redirect_of_root(Request("GET", f"{PREFIX}/x"), "x") is None
    assert redirect_of_root(Request("GET", PREFIX, Headers((("upgrade", "websocket"),))), "") is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/login", f"{PREFIX}/login"),
        ("http://10.0.0.1:80/login?next=1", f"{PREFIX}/login?next=1"),
        ("http://elsewhere/login", "http://elsewhere/login"),
        ("relative", "relative"),
        (f"{PREFIX}/login", f"{PREFIX}/login"),
    ],
)
def test_redirects_of_the_backend_lead_through_the_proxy(told: str, shown: str) -> None:
    answer = Response(302, (("Location", told), ("Access-Control-Allow-Origin", "*"), ("X", "y")))
    back = passed_back(answer, Request("GET", f"{PREFIX}/app/x"), "app/x", "http://10.0.0.1:80")
    assert [*back.headers] == [("Location", shown), ("X", "y")]


def test_a_backend_that_does_not_answer() -> None:
    error = unreachable(ConnectionRefusedError(), "http://10.0.0.1:80")
    assert (error.code, error.message) == (
        503,
        "error trying to reach service: dial tcp 10.0.0.1:80: connect: connection refused",
    )
    assert unreachable(TimeoutError(), "http://10.0.0.1:80").message.endswith(
        "dial tcp 10.0.0.1:80: i/o timeout"
    )


PAGE = b'<html><a href="/x">a</a><img src="http://10.0.0.1:80/y"><a href="https://api:6443/z"><a href="//else/z"></html>'
SHOWN = (
    f'<html><a href="{PREFIX}/x">a</a><img src="{PREFIX}/y">'
    f'<a href="https://api:6443{PREFIX}/z"><a href="//else/z"></html>'
).encode()


async def body_of(answer: Response) -> bytes:
    assert not isinstance(answer.body, bytes)
    return b"".join([part async for part in answer.body])  # type: ignore[misc]


def page(body: bytes, status: int = 200, **headers: str) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    given = {name.replace("_", "-"): value for name, value in headers.items()}
    told = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **given}
    return Response(status, tuple(told.items()), chunks())


def shown(answer: Response, method: str = "GET") -> Response:
    request = Request(method, f"{PREFIX}/app/", Headers((("host", "api:6443"),)))
    return passed_back(answer, request, "app", "http://10.0.0.1:80")


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def test_links_of_pages_lead_through_the_proxy() -> None:
    answer = shown(page(PAGE))
    assert asyncio.run(body_of(answer)) == SHOWN
    assert [*answer.headers] == [("Content-Type", "text/html; charset=utf-8")]


def test_links_of_compressed_pages() -> None:
    async def main() -> None:
        zipped = shown(page(gzip.compress(PAGE), Content_Encoding="gzip"))
        assert gzip.decompress(await body_of(zipped)) == SHOWN
        deflated = shown(page(bare(PAGE), Content_Encoding="deflate"))
        assert zlib.decompress(await body_of(deflated), -15) == SHOWN
        parts = shown(page(gzip.compress(PAGE[:20]) + gzip.compress(PAGE[20:]), Content_Encoding="gzip"))
        assert gzip.decompress(await body_of(parts)) == SHOWN
        assert gzip.decompress(await body_of(shown(page(b"", Content_Encoding="gzip")))) == b""
        cut = shown(page(gzip.compress(PAGE * 100)[:-9], Content_Encoding="gzip"))
        with pytest.raises(ConnectionError, match="ends in the middle"):
            await body_of(cut)
        broken = shown(page(PAGE, Content_Encoding="gzip"))
        with pytest.raises(ConnectionError, match="not compressed as it says"):
            await body_of(broken)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "status", "method"),
    [
        ({"Content_Type": "text/plain"}, 200, "GET"),
        ({"Content_Type": "application/xhtml+xml"}, 200, "GET"),
        ({"Content_Encoding": "br"}, 200, "GET"),
        ({"Location": "/moved"}, 302, "GET"),
        ({}, 304, "GET"),
        ({}, 200, "HEAD"),
    ],
)
def test_what_is_no_page_passes_as_it_is(headers: dict[str, str], status: int, method: str) -> None:
    answer = shown(page(PAGE, status, **headers), method)
    assert ("Content-Length", str(len(PAGE))) in [*answer.headers]
    assert asyncio.run(body_of(answer)) == PAGE


def test_closing_a_page_closes_the_backends_answer() -> None:
    closed = []

    class Body:
        def __aiter__(self) -> Body:
            return self

        async def __anext__(self) -> bytes:
            return b"<p>"

        async def aclose(self) -> None:
            closed.append(True)

    async def main() -> None:
        answer = shown(Response(200, (("Content-Type", "text/html"),), Body()))
        assert not isinstance(answer.body, bytes)
        assert await anext(aiter(answer.body)) == b"<p>"
        await answer.body.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    assert closed == [True]

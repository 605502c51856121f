"""What the proxy subresources do to paths, redirects and refusals."""

from __future__ import annotations

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

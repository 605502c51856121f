"""Tokens of lists that go on: what a client may not have changed in them."""

from __future__ import annotations

import base64

import pytest

from pybernetes.api.errors import BadRequest
from pybernetes.apiserver.verbs import continuation


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_token_comes_back() -> None:
    for revision in (1, 7, -1):
        for start in ("default/web\0", "web\0", "ümlaut\0"):
            assert continuation.read(continuation.write(revision, start)) == (revision, start)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a$bc", "illegal base64 data at input byte 1"),
        ("abcde", "illegal base64 data at input byte 4"),
        (token("x"), "invalid character 'x' looking for beginning of value"),
        (token("{"), "unexpected end of JSON input"),
        (token('{"v":"v9"}'), 'server does not recognize this encoded version "v9"'),
        (
            token('{"v":"meta.k8s.io/v1","start":"a"}'),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (token('{"v":"meta.k8s.io/v1","rv":1}'), "encoded start key empty (version meta.k8s.io/v1)"),
        (token('{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/a"}'), "../secrets/a"),
    ],
)
def test_a_token_of_ones_own_making(text: str, why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        continuation.read(text)
    assert refused.value.message == f"invalid continue token: continue key is not valid: {why}"

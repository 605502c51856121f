"""Malformed requests over HTTPS, one connection for many of them and raw bytes for those that are no HTTP: the server answers
each of them, keeps the connection where it can, and serves on."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.api.kinds import KINDS
from tests.malformed import Asking, Maker
from tests.pyberup import PyberUp

from .rawhttps import Server

pytestmark = pytest.mark.peer

OBJECTS = Path(__file__).parents[1] / "cluster/columns/objects.yaml"
REQUESTS = 1200
PATIENCE = 0.5
"""Seconds after which a server that says nothing is taken to wait for the rest."""
FAULT = "Internal error occurred"
# What reaches over to other parts of the cluster, and would break it for the tests beside this one.
LEFT_OUT = frozenset(
    {
        "APIService",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
NO_HTTP = (
    b"\r\n\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /api/v1/pods HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 2_000_000 + b"\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost a\r\n\r\n",
    b"\x00\xff\xfe\x16\x03\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x09\xff",
)


@pytest.fixture(scope="module")
def server(hollow: PyberUp) -> Server:
    return Server.of(hollow.state / "kubeconfig")


def samples() -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for tree in yaml.safe_load_all(OBJECTS.read_text().replace("@CSR@", "aGVsbG8=")):
        if tree and tree["kind"] not in LEFT_OUT:
            plain = json.loads(json.dumps(tree, default=str))
            found.setdefault((plain["apiVersion"], plain["kind"]), []).append(plain)
    return found


def fits(asking: Asking) -> bool:
    """Whether Python's client can send it."""
    try:
        asking.target.encode("ascii")
    except UnicodeEncodeError:
        return False
    return True


def askings(namespace: str) -> Iterator[Asking]:
    """In a namespace of the test's own; nothing else of the cluster is written."""
    kinds = [kind for kind in KINDS if kind.kind not in LEFT_OUT and kind.namespaced]
    maker = Maker(11, kinds, samples())
    for asking in maker.good():
        yield moved(asking, namespace)
    for _ in range(REQUESTS):
        yield moved(maker.bad(), namespace)


def moved(asking: Asking, namespace: str) -> Asking:
    target = asking.target.replace("/namespaces/default/", f"/namespaces/{namespace}/")
    return Asking(asking.method, target, asking.headers, asking.body)


def test_each_is_answered_and_none_with_a_fault(server: Server, namespace: str) -> None:
    connection, codes = server.connect(20), set()
    with contextlib.closing(connection):
        for asking in askings(namespace):
            if not fits(asking) or "watch" in asking.target:
                continue
            try:
                connection.request(asking.method, asking.target, asking.body, dict(asking.headers))
                response = connection.getresponse()
                body = response.read()
            except http.client.RemoteDisconnected:
                connection.close()
                continue
            codes.add(response.status)
            text = body.decode(errors="replace")
            assert FAULT not in text, (asking.method, asking.target, text, asking.body[:500])
    assert codes >= {200, 201, 400, 404, 405, 415, 422}
    assert server.get("/readyz", "*/*").code == 200


def test_what_is_no_http_ends_its_connection_only(server: Server) -> None:
    for data in NO_HTTP:
        with (
            socket.create_connection((server.host, server.port), timeout=20) as plain,
            server.tls.wrap_socket(plain, server_hostname=server.host) as secure,
        ):
            secure.settimeout(PATIENCE)
            secure.sendall(data)
            answer = b""
            with contextlib.suppress(OSError):
                while chunk := secure.recv(65_536):
                    answer += chunk
            assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.0 4")), (
                data[:40],
                answer[:200],
            )
            assert b"HTTP/1.1 500" not in answer
    assert server.get("/readyz", "*/*").code == 200

"""HTTPS to the API server with nothing in between: what goes over the wire is what a test wrote."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml


@dataclass(frozen=True)
class Answer:
    """One response. Header names are in lower case."""

    code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        return self.headers["content-type"]

    def refusal(self) -> tuple[int, str, str]:
        """Code, reason and message of the Status that this must be."""
        tree = self.tree
        assert tree["kind"] == "Status", tree
        assert tree["code"] == self.code
        return self.code, tree.get("reason", ""), tree["message"]


@dataclass
class Server:
    """Where the API server is, and the administrator's certificate."""

    host: str
    port: int
    tls: ssl.SSLContext
    default_headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(kubeconfig: Path) -> Server:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        tls = ssl.create_default_context(cadata=ca)
        pair = kubeconfig.parent / "administrator.pem"
        pair.write_bytes(
            base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
        )
        pair.chmod(0o600)
        tls.load_cert_chain(pair)
        url = urlsplit(cluster["server"])
        return Server(url.hostname or "", url.port or 443, tls)

    def connect(self, timeout: float = 30) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: str | int,
    ) -> Answer:
        """A dict goes out as JSON, bytes and text as they are."""
        data = json.dumps(body) if isinstance(body, dict | list) else body
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, target(path, query), data, _with_type(data, headers))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def get(self, path: str, accept: str = "application/json", **query: Any) -> Answer:
        return self.ask("GET", path, headers={"Accept": accept}, **query)

    @contextlib.contextmanager
    def watching(
        self,
        path: str,
        query: Mapping[str, str | int],
        accept: str = "application/json",
        timeout: float = 30,
    ) -> Iterator[Iterator[Any]]:
        """The events of a watch as trees, one by one, until the server or the block ends it."""
        connection = self.connect(timeout)
        with contextlib.closing(connection):
            connection.request("GET", target(path, {"watch": 1, **query}), headers={"Accept": accept})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            yield (json.loads(line) for line in response)


def target(path: str, query: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _with_type(body: Any, headers: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(headers or {})
    if body is not None and "Content-Type" not in given:
        given["Content-Type"] = "application/json"
    return given

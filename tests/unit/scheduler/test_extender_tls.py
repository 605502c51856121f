"""Extenders over HTTPS: whom the scheduler trusts, and who it says it is."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from pybernetes.scheduler.configuration.types import Extender
from pybernetes.scheduler.extenders.client import ExtenderError, prioritize
from pybernetes.wire.http.messages import Request, Response
from pybernetes.wire.http.server import HttpServer
from tests.httpspeer import Certificate, self_signed

from .trees import pod

SERVER, CLIENT, STRANGER = (self_signed("extender.example"), self_signed("scheduler"), self_signed())


def written(directory: Path, given: Certificate, name: str) -> tuple[str, str]:
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    certificate.write_text(given.certificate)
    key.write_text(given.key)
    return str(certificate), str(key)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def scores(directory: Path, tls: dict[str, Any], *, demands: bool = False, enable: bool = False) -> Any:
    """What an extender with this TLS configuration is asked and answers. `demands`: it wants the client's certificate."""

    async def answer(_request: Request) -> Response:
        return Response(200, (("Content-Type", "application/json"),), b'[{"Host": "a", "Score": 7}]')

    async def main() -> Any:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*written(directory, SERVER, "server"))
        if demands:
            context.load_verify_locations(cadata=CLIENT.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        server = HttpServer(answer, now=lambda: 0.0)
        port = await server.listen("127.0.0.1", 0, tls=context)
        try:
            extender = Extender(
                f"https://127.0.0.1:{port}", prioritize_verb="score", weight=1, tls=tls, https=enable
            )
            return await prioritize(extender, pod(), ["a"], {})
        finally:
            await server.close()

    return asyncio.run(main())


def test_a_ca_from_a_file_or_inline(tmp_path: Path) -> None:
    certificate, _ = written(tmp_path, SERVER, "ca")
    assert scores(tmp_path, {"caFile": certificate}) == {"a": 7}
    assert scores(tmp_path, {"caData": encoded(SERVER.certificate)}) == {"a": 7}


def test_an_unknown_ca_is_not_trusted_unless_told_so(tmp_path: Path) -> None:
    for tls in ({}, {"caData": encoded(STRANGER.certificate)}):
        with pytest.raises(
            ExtenderError, match=r"extender https://127\.0\.0\.1:\d+/score: .*CERTIFICATE_VERIFY_FAILED"
        ):
            scores(tmp_path, tls)
    assert scores(tmp_path, {"insecure": True}) == {"a": 7}


def test_https_that_was_only_enabled_trusts_anybody_as_upstreams_does(tmp_path: Path) -> None:
    assert scores(tmp_path, {}, enable=True) == {"a": 7}
    with pytest.raises(ExtenderError, match="CERTIFICATE_VERIFY_FAILED"):
        scores(tmp_path, {"caData": encoded(STRANGER.certificate)}, enable=True)


def test_the_name_on_the_certificate(tmp_path: Path) -> None:
    ca = {"caData": encoded(SERVER.certificate)}
    assert scores(tmp_path, {**ca, "serverName": "extender.example"}) == {"a": 7}
    with pytest.raises(ExtenderError, match=r"certificate is not valid for 'other\.example'"):
        scores(tmp_path, {**ca, "serverName": "other.example"})


def test_a_client_certificate_from_files_or_inline(tmp_path: Path) -> None:
    ca = {"caData": encoded(SERVER.certificate)}
    certificate, key = written(tmp_path, CLIENT, "client")
    assert scores(tmp_path, {**ca, "certFile": certificate, "keyFile": key}, demands=True) == {"a": 7}
    inline = {"certData": encoded(CLIENT.certificate), "keyData": encoded(CLIENT.key)}
    assert scores(tmp_path, {**ca, **inline}, demands=True) == {"a": 7}
    with pytest.raises(ExtenderError, match="extender https://"):
        scores(tmp_path, ca, demands=True)


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    for tls in ({"caData": "?"}, {"certData": encoded("x"), "keyData": encoded("y")}):
        with pytest.raises(ExtenderError, match="extender https://"):
            scores(tmp_path, tls)

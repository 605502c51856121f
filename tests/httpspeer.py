"""A small HTTPS server of another program, in a thread: webhooks and aggregated API servers for tests."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import ipaddress
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that is its own CA, for loopback and some names."""

    certificate: str
    key: str

    @property
    def bundle(self) -> str:
        """As `caBundle` has it."""
        return base64.b64encode(self.certificate.encode()).decode()


def self_signed(*names: str) -> Certificate:
    """For 127.0.0.1 and these DNS names, valid for a century."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        made.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


@dataclass(slots=True)
class Asked:
    """One request that the peer got."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    certificate: dict[str, Any] | None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Answer:
    """`chunks`: a body that is sent piece by piece, `None` for the end of what is known now."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Any = None


def as_json(tree: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(tree).encode(), {"Content-Type": "application/json"})


class Peer:
    """`with Peer(answer, certificate) as peer`: serving at `peer.url` until the block ends."""

    def __init__(
        self, answer: Callable[[Asked], Answer], certificate: Certificate, client_ca: str = ""
    ) -> None:
        self.asked: list[Asked] = []
        self._answer = answer
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                connection: Any = self.connection
                asked = Asked(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                    connection.getpeercert() or None,
                )
                peer.asked.append(asked)
                answer = peer._answer(asked)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.chunks is None:
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for chunk in answer.chunks:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, *_arguments: Any) -> None:
                """Says nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            both = Path(folder) / "both.pem"
            both.write_text(certificate.certificate + certificate.key)
            context.load_cert_chain(both)
        if client_ca:
            context.load_verify_locations(cadata=client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
        self._server.context = context
        self.port: int = self._server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class Server(http.server.ThreadingHTTPServer):
    """Each connection has its handshake in its own thread."""

    context: ssl.SSLContext
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self.connections: set[ssl.SSLSocket] = set()
        super().__init__(*arguments)

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return
        self.connections.add(secured)
        try:
            super().finish_request(secured, client_address)
        finally:
            self.connections.discard(secured)
            secured.close()

    def hang_up(self) -> None:
        """Closes what is still open."""
        for connection in tuple(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that goes away is nothing to report."""

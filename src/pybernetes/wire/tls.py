"""TLS contexts: a server's with optional client certificates, a client's with a CA and a certificate of its own.

ALPN is `http/1.1`, and `h2` before it for a server that is to speak HTTP/2. Keys and certificates are PEM files, since
`ssl` reads its own chain from nothing else.
"""

from __future__ import annotations

import asyncio.sslproto
import contextlib
import ctypes
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What one TLS connection of plain asyncio may hold for reading: 16 KiB is one record. The default of 256 KiB is
# allocated for each connection, which is most of an idle watch's memory.
RECORD = 16 * 1024

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def server_context(
    certificate: Path, key: Path, client_ca: Path | str | None = None, *, http2: bool = False
) -> ssl.SSLContext:
    """A server's context. With a client CA (a file, or PEM text), a certificate is asked for and, when one is given,
    verified against it; a client without one is let in as nobody. An unverifiable one fails the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        _trust(context, client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(
    ca: Path | str | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    verify: bool = True,
) -> ssl.SSLContext:
    """A client's context: `ca` is a file or PEM text (None: the system's roots); `verify=False` accepts any server
    (probes, `insecure-skip-tls-verify`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca is None:
        context.load_default_certs()
    else:
        _trust(context, ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def load_client_pair(context: ssl.SSLContext, certificate_pem: str, key_pem: str) -> None:
    """Gives a context a certificate and key held as text (`client-certificate-data` of a kubeconfig)."""
    with _private_file(certificate_pem + "\n" + key_pem) as path:
        context.load_cert_chain(path)


def _trust(context: ssl.SSLContext, ca: Path | str) -> None:
    if isinstance(ca, Path):
        context.load_verify_locations(cafile=ca)
    else:
        context.load_verify_locations(cadata=ca)


@contextlib.contextmanager
def _private_file(text: str) -> Iterator[Path]:
    """A file only we can read, in memory where the system has a place for it; gone afterwards."""
    directory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    fd, name = tempfile.mkstemp(dir=directory)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text)
        yield Path(name)
    finally:
        Path(name).unlink()


def tune_process() -> None:
    """Once at start of a process that serves TLS: small read buffers per connection under plain asyncio, and under
    uvloop (which allocates 256 KiB for each read) no mmap for each of them, which halves the request rate.
    """
    asyncio.sslproto.SSLProtocol.max_size = RECORD
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        libc.mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024)

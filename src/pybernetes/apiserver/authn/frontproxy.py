"""Front proxies: who has a certificate of their CA is believed whom it names in headers (upstream's request headers).

The TLS layer lets certificates of two CAs in; which of them has signed one decides whether it speaks for others (the
front proxies' CA) or for itself (the clients' CA).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.wire.http.messages import Headers

from ..aggregation.identity import HeaderNames, user_of
from ..user import User

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CACHE_LIMIT = 4096


class FrontProxies:
    """`allowed` are common names of certificates that may speak for others; none: all of the CA's may."""

    def __init__(self, ca: bytes, client_ca: bytes, allowed: tuple[str, ...], names: HeaderNames) -> None:
        self._pem, self._client_pem = ca, client_ca
        self._allowed = allowed
        self._names = names
        self._cas: tuple[list[Certificate], list[Certificate]] | None = None
        self._known: dict[bytes, tuple[bool, bool]] = {}
        """By certificate: whether it may speak for others, and for itself."""

    def user(self, der: bytes, headers: Headers) -> User | None:
        """Whom a front proxy names; None where the certificate is no front proxy's or it names nobody."""
        return user_of(headers, self._names) if self._judged(der)[0] else None

    def speaks_for_itself(self, der: bytes) -> bool:
        """Whether the certificate is one of the clients' CA."""
        return self._judged(der)[1]

    def _judged(self, der: bytes) -> tuple[bool, bool]:
        known = self._known.get(der)
        if known is None:
            if len(self._known) >= CACHE_LIMIT:
                self._known.clear()
            known = self._known[der] = self._judge(der)
        return known

    def _judge(self, der: bytes) -> tuple[bool, bool]:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        if self._cas is None:
            self._cas = (
                x509.load_pem_x509_certificates(self._pem),
                x509.load_pem_x509_certificates(self._client_pem) if self._client_pem else [],
            )
        certificate = x509.load_der_x509_certificate(der)
        proxies, clients = self._cas
        proxy = any(_issued(certificate, ca) for ca in proxies)
        # A certificate below an intermediate of the clients' CA is the client's: it came through TLS.
        client = not proxy or any(_issued(certificate, ca) for ca in clients)
        names = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return proxy and (not self._allowed or any(name in self._allowed for name in names)), client


def _issued(certificate: Certificate, ca: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    refused: tuple[type[Exception], ...] = (ValueError, TypeError, InvalidSignature)
    try:
        certificate.verify_directly_issued_by(ca)
    except refused:
        return False
    return True


def front_proxies(config: Any) -> FrontProxies | None:
    """Those of an `ApiServerConfig`; None where it names no CA of front proxies."""
    if not config.requestheader_client_ca:
        return None
    names = HeaderNames(
        config.requestheader_username_headers,
        config.requestheader_uid_headers,
        config.requestheader_group_headers,
        config.requestheader_extra_headers_prefix,
    )
    return FrontProxies(
        config.requestheader_client_ca, config.client_ca, config.requestheader_allowed_names, names
    )

"""X.509 client certificates: CommonName is the user, each Organization a group (upstream's CommonNameUserConversion).

The TLS layer has verified the chain against the client CA and the dates at the handshake; here only the subject is
read. The certificate's fingerprint goes into the extra, as upstream's `X509SHA256`.
"""

from __future__ import annotations

import hashlib

from ..user import User

CACHE_LIMIT = 4096
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


class ClientCertificates:
    """Users by certificate. A certificate is parsed once: requests of a connection bring the same bytes."""

    def __init__(self) -> None:
        self._users: dict[bytes, User | None] = {}

    def user(self, der: bytes) -> User | None:
        """The user named by the certificate; None where it has no CommonName."""
        try:
            return self._users[der]
        except KeyError:
            if len(self._users) >= CACHE_LIMIT:
                self._users.clear()
            user = self._users[der] = user_of(der)
            return user


def user_of(der: bytes) -> User | None:
    """Reads the subject. Raises ValueError where the bytes are no certificate."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_der_x509_certificate(der)

    def values(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]

    names = values(NameOID.COMMON_NAME)
    if not names or not names[-1]:
        return None
    fingerprint = hashlib.sha256(der).hexdigest()
    extra = {CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)}
    return User(names[-1], groups=tuple(values(NameOID.ORGANIZATION_NAME)), extra=extra)

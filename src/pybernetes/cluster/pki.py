"""The cluster's certificates and keys, as files with kubeadm's names, made once at the first start.

Keys are on P-256: made in a millisecond, verified as fast as RSA for our purposes. A certificate that is near its end
or lacks a name or address is made anew under the same CA; the CA and the service account key are never replaced.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS, LEAF_DAYS, RENEW_BEFORE_DAYS = 3650, 365, 90


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a certificate is for. `hosts` are DNS names and IP addresses; with any, it can be used by a server."""

    common_name: str
    organizations: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    client: bool = True


@dataclass(frozen=True, slots=True)
class Issued:
    """Paths of a certificate (PEM) and its private key."""

    certificate: Path
    key: Path


class Pki:
    """A directory of certificates under one CA."""

    def __init__(
        self, directory: Path, now: float, *, ca: str = "ca", common_name: str = "kubernetes"
    ) -> None:
        """Opens the directory, or makes it with a new CA (files `ca`.crt and `ca`.key) and service account key. `now`
        is Unix time."""
        self.directory = directory
        self._common_name = common_name
        self._now = datetime.datetime.fromtimestamp(now, datetime.UTC)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.ca = directory / f"{ca}.crt"
        self.ca_key = directory / f"{ca}.key"
        if not self.ca.exists():
            self._make_ca()
        self.service_account_key = directory / "sa.key"
        self.service_account_public = directory / "sa.pub"
        if not self.service_account_key.exists():
            self._make_service_account_key()
        self._ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        self._key = _load_key(self.ca_key)

    def issue(self, name: str, subject: Subject) -> Issued:
        """The certificate `name`.crt and key `name`.key for a subject; kept while valid and equal in subject."""
        paths = Issued(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        if not self._still_good(paths, subject):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._sign(subject, key.public_key())
            _write(paths.key, _pem(key), 0o600)
            _write(paths.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return paths

    def front_proxy(self) -> Pki:
        """The certificates of those who may speak for others, under a CA of their own beside this one."""
        return Pki(self.directory, self._now.timestamp(), ca="front-proxy-ca", common_name="front-proxy-ca")

    def _still_good(self, paths: Issued, subject: Subject) -> bool:
        if not (paths.certificate.exists() and paths.key.exists()):
            return False
        current = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
        left = current.not_valid_after_utc - self._now
        if (
            left.days < RENEW_BEFORE_DAYS
            or current.issuer != self._ca.subject
            or current.subject != _name(subject)
        ):
            return False
        return set(_alternative_names(subject.hosts)) <= set(_names_of(current))

    def _sign(self, subject: Subject, public_key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] if subject.client else []
        usages += [ExtendedKeyUsageOID.SERVER_AUTH] if subject.hosts else []
        builder = (
            self._builder(_name(subject), self._ca.subject, LEAF_DAYS)
            .public_key(public_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if subject.hosts:
            names = x509.SubjectAlternativeName(_alternative_names(subject.hosts))
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._common_name)])
        certificate = (
            self._builder(name, name, CA_DAYS)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.ca_key, _pem(key), 0o600)
        _write(self.ca, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _make_service_account_key(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(self.service_account_public, public, 0o644)
        _write(self.service_account_key, _pem(key), 0o600)

    def _builder(self, subject: x509.Name, issuer: x509.Name, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - datetime.timedelta(minutes=5))
            .not_valid_after(self._now + datetime.timedelta(days=days))
        )


def _name(subject: Subject) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in subject.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _alternative_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative_name(host) for host in dict.fromkeys(hosts)]


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _names_of(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path}: the CA's key must be on an elliptic curve")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all: a crash leaves the earlier file."""
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

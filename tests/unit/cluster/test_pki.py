"""Certificates: made once, kept while good, made anew under the same CA when they are not."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pybernetes.cluster.pki import Issued, Pki, Subject

NOW = 1_790_000_000.0
DAY = 86400.0
SERVER = Subject("kube-apiserver", hosts=("kubernetes", "10.96.0.1"), client=False)


def load(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.certificate.read_bytes())


def test_a_second_start_finds_the_same_files(tmp_path: Path) -> None:
    first = load(Pki(tmp_path, NOW).issue("apiserver", SERVER))
    ca = (tmp_path / "ca.crt").read_bytes()
    second = load(Pki(tmp_path, NOW + DAY).issue("apiserver", SERVER))
    assert first == second
    assert (tmp_path / "ca.crt").read_bytes() == ca
    assert (tmp_path / "apiserver.key").stat().st_mode & 0o777 == 0o600


def test_what_a_certificate_says(tmp_path: Path) -> None:
    pki = Pki(tmp_path, NOW)
    ca = x509.load_pem_x509_certificate(pki.ca.read_bytes())
    server = load(pki.issue("apiserver", SERVER))
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.96.0.1"]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    admin = load(pki.issue("admin", Subject("kubernetes-admin", ("system:masters",))))
    assert admin.subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"


def test_a_new_address_or_a_near_end_makes_a_new_certificate(tmp_path: Path) -> None:
    first = load(Pki(tmp_path, NOW).issue("apiserver", SERVER))
    moved = Subject("kube-apiserver", hosts=(*SERVER.hosts, "198.51.100.1"), client=False)
    second = load(Pki(tmp_path, NOW).issue("apiserver", moved))
    assert second.serial_number != first.serial_number
    third = load(Pki(tmp_path, NOW + 300 * DAY).issue("apiserver", moved))
    assert third.serial_number != second.serial_number

"""Kubernetes' own signers: what a request must be for each of them, in upstream's words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from pybernetes.api.certificates.pem import blocks, decode_field
from pybernetes.api.meta import Obj

if TYPE_CHECKING:
    from cryptography.x509 import CertificateSigningRequest

APISERVER_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"

NODES, NODE_PREFIX = "system:nodes", "system:node:"
CLIENT_USAGES = frozenset({"client auth", "digital signature", "key encipherment"})
SERVING_USAGES = frozenset({"digital signature", "key encipherment", "server auth"})
OPTIONAL = "key encipherment"
"""Needed by RSA keys only."""


class Unacceptable(ValueError):
    """A signer does not sign this."""


def request_of(csr: Obj) -> CertificateSigningRequest:
    """The request itself. Raises ValueError where it cannot be read."""
    from cryptography import x509

    block = next(blocks(decode_field(csr["spec"].get("request"))), None)
    if block is None:
        raise ValueError("PEM block type must be CERTIFICATE REQUEST")
    return x509.load_der_x509_csr(block.der)


def check(csr: Obj, request: CertificateSigningRequest) -> None:
    """Raises Unacceptable where the request is not one of its signer's. The signer must be one of `SIGNERS`."""
    SIGNERS[csr["spec"]["signerName"]](request, csr["spec"].get("usages") or ())


def _apiserver_client(_request: CertificateSigningRequest, usages: Collection[str]) -> None:
    if not set(usages) <= CLIENT_USAGES or "client auth" not in usages:
        raise Unacceptable(f"usages did not match [{' '.join(sorted(CLIENT_USAGES))}]")


def kubelet_client(request: CertificateSigningRequest, usages: Collection[str]) -> None:
    """Raises Unacceptable where a request is not for a kubelet's client certificate."""
    names = Names(request)
    _check_subject(names)
    if names.dns:
        raise Unacceptable("DNS subjectAltNames are not allowed")
    _check_no_people(names)
    if names.addresses:
        raise Unacceptable("IP subjectAltNames are not allowed")
    _check_exact(usages, CLIENT_USAGES)


def _kubelet_serving(request: CertificateSigningRequest, usages: Collection[str]) -> None:
    names = Names(request)
    _check_subject(names)
    if not names.dns and not names.addresses:
        raise Unacceptable("DNS or IP subjectAltName is required")
    _check_no_people(names)
    _check_exact(usages, SERVING_USAGES)


def _anything(_request: CertificateSigningRequest, _usages: Collection[str]) -> None:
    """The signer of requests that are older than signers."""


class Names:
    """Who a request is for."""

    def __init__(self, request: CertificateSigningRequest) -> None:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        self.common_name = _text(request, NameOID.COMMON_NAME)[-1:]
        self.organizations = _text(request, NameOID.ORGANIZATION_NAME)
        try:
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = x509.SubjectAlternativeName([])
        self.dns = names.get_values_for_type(x509.DNSName)
        self.addresses = names.get_values_for_type(x509.IPAddress)
        self.emails = names.get_values_for_type(x509.RFC822Name)
        self.uris = names.get_values_for_type(x509.UniformResourceIdentifier)


def _text(request: CertificateSigningRequest, oid: object) -> list[str]:
    return [str(each.value) for each in request.subject if each.oid == oid]


def _check_subject(names: Names) -> None:
    if names.organizations != [NODES]:
        raise Unacceptable("subject organization is not system:nodes")
    if not names.common_name or not names.common_name[0].startswith(NODE_PREFIX):
        raise Unacceptable("subject common name does not begin with system:node:")


def _check_no_people(names: Names) -> None:
    if names.emails:
        raise Unacceptable("Email subjectAltNames are not allowed")
    if names.uris:
        raise Unacceptable("URI subjectAltNames are not allowed")


def _check_exact(usages: Collection[str], wanted: frozenset[str]) -> None:
    if {*usages, OPTIONAL} != wanted:
        raise Unacceptable(f"usages did not match [{' '.join(sorted(wanted))}]")


SIGNERS: Mapping[str, Callable[[CertificateSigningRequest, Collection[str]], None]] = {
    APISERVER_CLIENT: _apiserver_client,
    KUBELET_CLIENT: kubelet_client,
    KUBELET_SERVING: _kubelet_serving,
    LEGACY_UNKNOWN: _anything,
}

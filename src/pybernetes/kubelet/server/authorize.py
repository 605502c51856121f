"""Who may call the kubelet: with client certificates, the API server; anything else is the owner's callback to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pybernetes.wire.http.messages import Request

API_SERVER = "kube-apiserver-kubelet-client"
_KNOWN = "kubelet.common-name"


def by_common_name(
    *names: str, otherwise: Callable[[Request], Awaitable[bool]] | None = None
) -> Callable[[Request], Awaitable[bool]]:
    """Lets in the holders of verified certificates with one of these common names (the API server's where none is
    given); `otherwise` is asked about everyone else (a TokenReview and SubjectAccessReview, say).
    """
    allowed = frozenset(names or (API_SERVER,))

    async def authorize(request: Request) -> bool:
        if common_name(request) in allowed:
            return True
        return await otherwise(request) if otherwise is not None else False

    return authorize


def common_name(request: Request) -> str:
    """The CN of the caller's certificate, "" without one; read once per connection."""
    if request.peer_certificate is None:
        return ""
    known = request.connection.get(_KNOWN)
    if known is None:
        from cryptography import x509

        subject = x509.load_der_x509_certificate(request.peer_certificate).subject
        names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        known = str(names[0].value) if names else ""
        request.connection[_KNOWN] = known
    return str(known)

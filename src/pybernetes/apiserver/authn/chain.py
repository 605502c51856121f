"""The order in which a request is asked who sent it: client certificate, bearer token, anonymous.

The first that knows the user decides. A bearer token that is presented and not valid is a refusal, never anonymity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pybernetes.api.errors import Unauthorized
from pybernetes.wire.http.messages import Headers

from ..user import ANONYMOUS_USER, AUTHENTICATED, UNAUTHENTICATED, User
from .bearer import token_in_header, token_in_subprotocols
from .clientcert import CACHE_LIMIT, ClientCertificates
from .frontproxy import FrontProxies
from .serviceaccount import ServiceAccountTokens
from .verified import InvalidToken, TokenAuthenticator, Verified


class AuthenticatedRequest(Protocol):
    """What is read of a request (`wire.http.messages.Request`)."""

    @property
    def headers(self) -> Headers: ...

    @property
    def peer_certificate(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Review:
    """What a TokenReview says: `user` None where the token is not valid."""

    user: User | None
    audiences: tuple[str, ...] = ()
    error: str = ""


class Authenticator:
    """All authenticators of one API server. `certificates` None: client certificates are not looked at."""

    def __init__(
        self,
        *,
        certificates: ClientCertificates | None = None,
        service_accounts: ServiceAccountTokens | None = None,
        tokens: Sequence[TokenAuthenticator] = (),
        anonymous: bool = True,
        audiences: tuple[str, ...] = (),
        front_proxies: FrontProxies | None = None,
    ) -> None:
        """`tokens` are the other token authenticators; `audiences` the API server's own."""
        self._certificates = certificates
        self.front_proxies = front_proxies
        self._service_accounts = service_accounts
        self._tokens = tuple(tokens)
        self._known: dict[bytes, User] = {}
        """By client certificate."""
        self._anonymous = anonymous
        self._audiences = audiences

    def authenticate(self, request: AuthenticatedRequest) -> User:
        """The user, in `system:authenticated` unless anonymous. Raises Unauthorized."""
        certificate = request.peer_certificate
        if certificate and self.front_proxies is not None:
            user = self.front_proxies.user(certificate, request.headers)
            if user is not None:
                return _known(user)
            if not self.front_proxies.speaks_for_itself(certificate):
                certificate = None
        if self._certificates is not None and certificate:
            known = self._known.get(certificate)
            if known is not None:
                return known
            user = self._certificates.user(certificate)
            if user is not None:
                if len(self._known) >= CACHE_LIMIT:
                    self._known.clear()
                known = self._known[certificate] = _known(user)
                return known
        token = token_of(request.headers)
        if token is not None:
            try:
                verified = self._verify(token, ())
            except InvalidToken as error:
                raise Unauthorized("Unauthorized") from error
            if verified is None:
                raise Unauthorized("Unauthorized")
            return _known(verified.user)
        if self._anonymous:
            return ANONYMOUS_USER
        raise Unauthorized("Unauthorized")

    async def review(self, token: str, audiences: tuple[str, ...]) -> Review:
        """Whose token it is, for one of `audiences` (none: the API server's own)."""
        try:
            verified = self._verify(token, audiences)
        except InvalidToken as error:
            return Review(None, error=f"[invalid bearer token, {error}]")
        if verified is None:
            return Review(None, error="invalid bearer token")
        return Review(_known(verified.user), verified.audiences)

    def _verify(self, token: str, audiences: tuple[str, ...]) -> Verified | None:
        wanted = audiences or self._audiences
        if self._service_accounts is not None:
            verified = self._service_accounts.verify_for(token, wanted)
            if verified is not None:
                return verified
        # The others' tokens are not made for an audience: they are good where the API server itself is asked for.
        own = tuple(audience for audience in wanted if audience in self._audiences)
        if audiences and not own:
            return None
        found = (authenticator.verify(token) for authenticator in self._tokens)
        verified = next((one for one in found if one is not None), None)
        return Verified(verified.user, own) if verified is not None else None


def token_of(headers: Mapping[str, str]) -> str | None:
    """The bearer token of a request, wherever it carries one."""
    token = token_in_header(headers.get("authorization", ""))
    if token is None and "sec-websocket-protocol" in headers:
        token = token_in_subprotocols([p.strip() for p in headers["sec-websocket-protocol"].split(",")])
    return token


def _known(user: User) -> User:
    return user if UNAUTHENTICATED in user.groups else user.with_group(AUTHENTICATED)

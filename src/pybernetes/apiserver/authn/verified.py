"""What the authenticators of bearer tokens have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pybernetes.api.meta import Obj

from ..user import User


class InvalidToken(Exception):
    """The token is of this authenticator's kind, and not valid. The text is for TokenReview and logs."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid token: whose it is, and for whom. `audiences` empty: it was not made for anyone in particular."""

    user: User
    audiences: tuple[str, ...] = ()


class TokenAuthenticator(Protocol):
    def verify(self, token: str) -> Verified | None:
        """None: not this authenticator's kind of token. Raises InvalidToken."""


class Getter(Protocol):
    """Reads an object from the API server's cache."""

    def __call__(self, plural: str, namespace: str, name: str, /) -> Obj | None:
        """`plural` is the core resource: "pods", "secrets", "serviceaccounts", "nodes"."""

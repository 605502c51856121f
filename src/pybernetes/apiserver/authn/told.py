"""How a user was authenticated, in words, for the ledger."""

from __future__ import annotations

from functools import lru_cache

from ..user import ANONYMOUS, AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, User


def told(user: User, *, certificate: bool, token: bool) -> str:
    """`authenticate: client certificate, groups system:masters`. `certificate`, `token`: what the request presented."""
    if user.name == ANONYMOUS:
        return _said("anonymous", ())
    if token and (not certificate or user.name.startswith(SERVICE_ACCOUNT_PREFIX)):
        account = user.name.startswith(SERVICE_ACCOUNT_PREFIX)
        return _said("service account token" if account else "bearer token", user.groups)
    return _said("client certificate" if certificate else "in this process", user.groups)


@lru_cache(maxsize=512)
def _said(how: str, groups: tuple[str, ...]) -> str:
    """One string for all requests of a user: the ledger keeps thousands."""
    known = [group for group in groups if group != AUTHENTICATED]
    return f"authenticate: {how}" + (f", groups {', '.join(known)}" if known else "")

"""Acting as somebody else: the `Impersonate-*` headers, each of which needs the right to `impersonate`."""

from __future__ import annotations

from urllib.parse import unquote

from pybernetes.api.errors import InternalError
from pybernetes.wire.http.messages import Headers

from .attributes import Attributes
from .authz.forbidden import forbidden
from .services import Services
from .user import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    User,
    service_account_user,
    split_service_account,
)

EXTRA_PREFIX = "impersonate-extra-"
_CLAIMS = frozenset(("impersonate-user", "impersonate-group", "impersonate-uid"))


def claims_another(headers: Headers) -> bool:
    """Whether any of the headers is there."""
    return any(name in _CLAIMS or name.startswith(EXTRA_PREFIX) for name in headers)


def impersonated_user(services: Services, user: User, headers: Headers) -> User:
    """The user that the headers name. Raises Forbidden, InternalError (a group or uid without a user, as upstream)."""
    name = headers.get("impersonate-user", "")
    if not name:
        raise InternalError(
            "Internal error occurred: requested groups, extra or uid without impersonating a user"
        )
    groups = tuple(headers.all("impersonate-group"))
    uid = headers.get("impersonate-uid", "")
    extra = {
        unquote(header[len(EXTRA_PREFIX) :]): tuple(headers.all(header))
        for header in headers
        if header.startswith(EXTRA_PREFIX)
    }
    for attributes in _asked(user, name, groups, uid, extra):
        decision = services.authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)
    account = split_service_account(name)
    if account is not None and not groups:
        groups = service_account_user(*account).groups
    if name == ANONYMOUS:
        implied = UNAUTHENTICATED
    else:
        implied = AUTHENTICATED
    if implied not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, implied)
    return User(name, uid, groups, extra)


def _asked(
    user: User, name: str, groups: tuple[str, ...], uid: str, extra: dict[str, tuple[str, ...]]
) -> list[Attributes]:
    """Each thing that is claimed, as a right that `user` needs."""
    account = split_service_account(name)
    if account is not None:
        namespace, account_name = account
        asked = [
            Attributes(user, "impersonate", "", "v1", "serviceaccounts", "", namespace, account_name),
        ]
    else:
        asked = [Attributes(user, "impersonate", "", "v1", "users", "", "", name)]
    asked += [Attributes(user, "impersonate", "", "v1", "groups", "", "", group) for group in groups]
    authentication = "authentication.k8s.io"
    for key, values in extra.items():
        asked += [
            Attributes(user, "impersonate", authentication, "v1", "userextras", key, "", value)
            for value in values
        ]
    if uid:
        asked.append(Attributes(user, "impersonate", authentication, "v1", "uids", "", "", uid))
    return asked

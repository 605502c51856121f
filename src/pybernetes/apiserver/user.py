"""Who a request is from: what every authenticator answers and every authorizer, admission plugin and audit line reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ANONYMOUS = "system:anonymous"
UNAUTHENTICATED = "system:unauthenticated"
AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
NODES = "system:nodes"
NODE_PREFIX = "system:node:"
ALL_SERVICE_ACCOUNTS = "system:serviceaccounts"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
SERVICE_ACCOUNT_GROUP_PREFIX = "system:serviceaccounts:"


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated (or anonymous) identity. `extra` keys are lower case, as upstream sends them on."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_group(self, group: str) -> User:
        """The same identity, in `group` too."""
        if group in self.groups:
            return self
        return User(self.name, self.uid, (*self.groups, group), self.extra)


ANONYMOUS_USER = User(ANONYMOUS, groups=(UNAUTHENTICATED,))


def service_account_user(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> User:
    """The identity of a service account, without `system:authenticated` (the authenticator chain adds that)."""
    groups = (ALL_SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNT_GROUP_PREFIX}{namespace}")
    return User(f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}", uid, groups, extra or {})


def split_service_account(user_name: str) -> tuple[str, str] | None:
    """The (namespace, name) of a service account's user name; None where it is someone else's."""
    if not user_name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = user_name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, name) if namespace and colon and name and ":" not in name else None


def node_of(user: User) -> str | None:
    """The node's name where `user` is a kubelet (user `system:node:<name>` in group `system:nodes`), else None."""
    if NODES in user.groups and user.name.startswith(NODE_PREFIX):
        return user.name[len(NODE_PREFIX) :] or None
    return None

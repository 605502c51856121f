"""The authorizers in their order: the first that allows decides; where none does, their reasons are told together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..attributes import Attributes
from ..user import MASTERS, User
from .decision import Authorizer, Decision
from .rbac import Rbac
from .rules import Rule
from .selfsubjectrules import EVERYTHING

ALLOWED = Decision(True)


class AlwaysAllow:
    """The mode of the same name."""

    def authorize(self, _attributes: Attributes) -> Decision:
        return ALLOWED


class AlwaysDeny:
    """The mode of the same name."""

    def authorize(self, _attributes: Attributes) -> Decision:
        return Decision(False, "Everything is forbidden.")


class Chain:
    """The union. Members of `system:masters` are allowed before anyone is asked."""

    def __init__(self, authorizers: Iterable[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)

    def authorize(self, attributes: Attributes) -> Decision:
        if MASTERS in attributes.user.groups:
            return ALLOWED
        reasons: list[str] = []
        for authorizer in self._authorizers:
            decision = authorizer.authorize(attributes)
            if decision.allowed:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(False, "\n".join(reasons))

    def rules_for(self, user: User, namespace: str) -> tuple[list[Rule], bool]:
        """What can be listed of a user's rights, and whether that is only part of them."""
        rules: list[Rule] = []
        incomplete = False
        for authorizer in self._authorizers:
            if isinstance(authorizer, Rbac):
                rules += authorizer.rules_for(user, namespace)
            elif isinstance(authorizer, AlwaysAllow):
                rules += EVERYTHING
            elif not isinstance(authorizer, AlwaysDeny):
                incomplete = True
        if MASTERS in user.groups and not any(isinstance(a, Rbac) for a in self._authorizers):
            rules += EVERYTHING  # elsewhere a ClusterRoleBinding says it
        return rules, incomplete


def chain_of(modes: Iterable[str], available: Mapping[str, Authorizer]) -> Chain:
    """The chain for `--authorization-mode`. `available` holds "RBAC" and "Node". Raises ValueError for a mode that is
    unknown or not available."""
    known: dict[str, Authorizer] = {"AlwaysAllow": AlwaysAllow(), "AlwaysDeny": AlwaysDeny(), **available}
    chosen: list[Authorizer] = []
    for mode in modes:
        if mode not in known:
            raise ValueError(f"unknown authorization mode {mode}")
        chosen.append(known[mode])
    return Chain(chosen)

"""Nobody gives away more than they hold: the checks on writing roles and bindings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pybernetes.api.errors import Forbidden, NotFound
from pybernetes.api.meta import Obj, name_of, namespace_of

from ..attributes import Attributes
from ..user import MASTERS, User
from .decision import Decision
from .rbac import Rbac
from .rules import Rule, joined, rules_of, uncovered

GROUP = "rbac.authorization.k8s.io"
Authorize = Callable[[Attributes], Decision]


def check_role(
    role_kind: str, new: Obj, old: Obj | None, user: User, rbac: Rbac, authorize: Authorize
) -> None:
    """Before a Role or ClusterRole is written: `user` must hold every permission in it, or have the verb `escalate`
    on it. An update that leaves the rules as they are is free. Raises Forbidden."""
    rules = rules_of(new)
    if MASTERS in user.groups or (
        old is not None and rules_of(old) == rules and _aggregation(old) == _aggregation(new)
    ):
        return
    plural = f"{role_kind.lower()}s"
    namespace, name = namespace_of(new), name_of(new)
    if authorize(Attributes(user, "escalate", GROUP, "v1", plural, "", namespace, name)).allowed:
        return
    if _aggregation(new):
        # An aggregated role gets whatever roles with the labels hold, now and later: only who may do all may make it.
        everything = [
            Rule(frozenset("*"), frozenset("*"), frozenset("*")),
            Rule(frozenset("*"), urls=frozenset("*")),
        ]
        if uncovered(rbac.rules_for(user, ""), everything):
            raise _forbidden(plural, name, "must have cluster-admin privileges to use the aggregationRule")
    _check_covered(user, namespace, rules, rbac, plural, name)


def check_binding(
    binding_kind: str, new: Obj, old: Obj | None, user: User, rbac: Rbac, authorize: Authorize
) -> None:
    """Before a RoleBinding or ClusterRoleBinding is written: `user` must hold every permission of the role bound, or
    have the verb `bind` on that role. Raises Forbidden, NotFound (there is no such role)."""
    ref = new["roleRef"]
    unchanged = old is not None and old["roleRef"] == ref and old.get("subjects") == new.get("subjects")
    if MASTERS in user.groups or unchanged:
        return
    plural = f"{binding_kind.lower()}s"
    namespace, role_kind = namespace_of(new), ref["kind"]
    asked = Attributes(user, "bind", GROUP, "v1", f"{role_kind.lower()}s", "", namespace, ref["name"])
    if authorize(asked).allowed:
        return
    rules = rbac.role_rules(role_kind, namespace, ref["name"])
    if rules is None:
        roles = f"{role_kind.lower()}s"
        message = f'{roles}.{GROUP} "{ref["name"]}" not found'
        raise NotFound(message, group=GROUP, kind=roles, name=ref["name"])
    _check_covered(user, namespace, rules, rbac, plural, name_of(new))


def _aggregation(role: Obj) -> object:
    return role.get("aggregationRule") or None


def _check_covered(
    user: User, namespace: str, rules: Iterable[Rule], rbac: Rbac, plural: str, name: str
) -> None:
    extra = uncovered(rbac.rules_for(user, namespace), rules)
    if not extra:
        return
    shown = "\n".join(sorted(_compact(rule) for rule in joined(extra)))
    groups = " ".join(f'"{group}"' for group in user.groups)
    who = f'user "{user.name}" (groups=[{groups}])'
    raise _forbidden(
        plural, name, f"{who} is attempting to grant RBAC permissions not currently held:\n{shown}"
    )


def _forbidden(plural: str, name: str, detail: str) -> Forbidden:
    return Forbidden(f'{plural}.{GROUP} "{name}" is forbidden: {detail}', group=GROUP, kind=plural, name=name)


def _compact(rule: Rule) -> str:
    """`{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`, as upstream prints it."""
    fields = {
        "APIGroups": rule.groups,
        "Resources": rule.resources,
        "ResourceNames": rule.names,
        "NonResourceURLs": rule.urls,
        "Verbs": rule.verbs,
    }
    shown = (
        f"{name}:[{' '.join(f'{chr(34)}{v}{chr(34)}' for v in sorted(values))}]"
        for name, values in fields.items()
        if values
    )
    return "{" + ", ".join(shown) + "}"

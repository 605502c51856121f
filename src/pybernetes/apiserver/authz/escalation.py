"""Nobody gives away more than they hold: the checks on writing roles and bindings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pybernetes.api.errors import Forbidden, NotFound
from pybernetes.api.meta import Obj, name_of, namespace_of

from ..attributes import Attributes
from ..user import MASTERS, User
from .decision import Decision
from .rbac import Rbac
from .rules import Rule, rules_of, uncovered

GROUP = "rbac.authorization.k8s.io"
Authorize = Callable[[Attributes], Decision]


def check_role(
    role_kind: str, new: Obj, old: Obj | None, user: User, rbac: Rbac, authorize: Authorize, asked: str = ""
) -> None:
    """Before a Role or ClusterRole is written: `user` must hold every permission in it, or have the verb `escalate`
    on it (`asked`: the name in the request, which has none where an object is created). An update that only changes
    what garbage collection does is free. Raises Forbidden."""
    plural, namespace, name = f"{role_kind.lower()}s", namespace_of(new), name_of(new)
    if MASTERS in user.groups:
        return
    if authorize(Attributes(user, "escalate", GROUP, "*", plural, "", namespace, asked)).allowed:
        return
    if old is not None and only_for_collection(new, old):
        return
    _check_covered(user, namespace, rules_of(new), rbac, plural, name)
    if not _is_aggregated(new) and not (old is not None and _is_aggregated(old)):
        return
    # An aggregated role gets whatever roles with the labels hold, now and later: only who may do all may make it.
    everything = [
        Rule(frozenset("*"), frozenset("*"), frozenset("*")),
        Rule(frozenset("*"), urls=frozenset("*")),
    ]
    if uncovered(rbac.rules_for(user, ""), everything):
        raise _forbidden(plural, name, "must have cluster-admin privileges to use the aggregationRule")


def check_binding(
    binding_kind: str, new: Obj, old: Obj | None, user: User, rbac: Rbac, authorize: Authorize
) -> None:
    """Before a RoleBinding or ClusterRoleBinding is written: `user` must hold every permission of the role bound, or
    have the verb `bind` on that role; also before any change but of what garbage collection does. A role of no kind
    that there is, is left to validation. Raises Forbidden, NotFound (there is no such role)."""
    ref = new.get("roleRef") or {}
    role_kind, role = ref.get("kind") or "", ref.get("name") or ""
    if MASTERS in user.groups or (old is not None and only_for_collection(new, old)):
        return
    if role_kind not in ("ClusterRole", "Role"):
        return
    namespace, roles = namespace_of(new), f"{role_kind.lower()}s"
    asked = Attributes(user, "bind", ref.get("apiGroup", ""), "*", roles, "", namespace, role)
    if authorize(asked).allowed:
        return
    rules = rbac.role_rules(role_kind, namespace, role)
    if rules is None:
        raise NotFound(f'{roles}.{GROUP} "{role}" not found', group=GROUP, kind=roles, name=role)
    _check_covered(user, namespace, rules, rbac, f"{binding_kind.lower()}s", name_of(new))


def only_for_collection(new: Obj, old: Obj) -> bool:
    """Whether nothing changes but owners and finalizers (and what the server notes of a write)."""
    return _without(new) == _without(old)


_COLLECTION = frozenset(("ownerReferences", "finalizers", "managedFields", "resourceVersion"))


def _without(tree: Obj) -> Obj:
    metadata = {field: value for field, value in tree["metadata"].items() if field not in _COLLECTION}
    return {**tree, "metadata": metadata}


def _is_aggregated(role: Obj) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _check_covered(
    user: User, namespace: str, rules: Iterable[Rule], rbac: Rbac, plural: str, name: str
) -> None:
    extra = uncovered(rbac.rules_for(user, namespace), rules)
    if not extra:
        return
    shown = "\n".join(sorted(set(_lines(extra))))
    groups = " ".join(f'"{group}"' for group in user.groups)
    who = f'user "{user.name}" (groups=[{groups}])'
    raise _forbidden(
        plural, name, f"{who} is attempting to grant RBAC permissions not currently held:\n{shown}"
    )


def _forbidden(plural: str, name: str, detail: str) -> Forbidden:
    return Forbidden(f'{plural}.{GROUP} "{name}" is forbidden: {detail}', group=GROUP, kind=plural, name=name)


def _lines(permissions: Iterable[Rule]) -> list[str]:
    """Single permissions as upstream prints them: those on a resource as a whole share a line."""
    verbs: dict[tuple[str, str], list[str]] = {}
    found: list[str] = []
    for one in permissions:
        if one.names or one.urls:
            found.append(_compact(one, sorted(one.verbs)))
            continue
        (group,), (resource,) = one.groups, one.resources
        verbs.setdefault((group, resource), []).extend(one.verbs)
    return found + [
        _compact(Rule(frozenset(), frozenset({group}), frozenset({resource})), held)
        for (group, resource), held in verbs.items()
    ]


def _compact(rule: Rule, verbs: Iterable[str]) -> str:
    """`{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`."""
    fields: dict[str, Iterable[str]] = {
        "APIGroups": rule.groups,
        "Resources": rule.resources,
        "ResourceNames": rule.names,
        "NonResourceURLs": rule.urls,
        "Verbs": verbs,
    }
    shown = (
        f"{name}:[{' '.join(f'{chr(34)}{value}{chr(34)}' for value in values)}]"
        for name, values in fields.items()
        if values
    )
    return "{" + ", ".join(shown) + "}"

"""The objects of the default policy, ready to be written at start: `objects()`; see `reconcile.py` for how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pybernetes.api.meta import MutableObj, Obj

from .bootstrap.bindings import (
    CLUSTER_BINDINGS,
    JOIN_BINDINGS,
    JOIN_NAMESPACED_BINDINGS,
    JOIN_NAMESPACED_ROLES,
    JOIN_ROLES,
    NAMESPACED_BINDINGS,
    NAMESPACED_ROLES,
    Subject,
)
from .bootstrap.controller_roles import CONTROLLER_ROLES, PREFIX
from .bootstrap.gated_rules import rules_of
from .bootstrap.system_roles import SYSTEM_ROLES
from .bootstrap.user_roles import AGGREGATE, AGGREGATED, GATHERED, USER_ROLES

API_VERSION = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"


def objects(join: bool = True, features: frozenset[str] = frozenset()) -> list[MutableObj]:
    """All roles, then all bindings. `join` adds what kubeadm adds for joining nodes and administrators; `features` are
    the feature gates that are on."""
    cluster_bindings = {**CLUSTER_BINDINGS, **(JOIN_BINDINGS if join else {})}
    roles = {**NAMESPACED_ROLES, **(JOIN_NAMESPACED_ROLES if join else {})}
    bindings = {**NAMESPACED_BINDINGS, **(JOIN_NAMESPACED_BINDINGS if join else {})}
    return [
        *cluster_roles(join, features),
        *(_object("Role", name, namespace, rules=list(rules)) for (namespace, name), rules in roles.items()),
        *(
            _binding("ClusterRoleBinding", n, "", "ClusterRole", role, s)
            for n, (role, s) in cluster_bindings.items()
        ),
        *_controller_bindings(),
        *(_binding("RoleBinding", name, ns, "Role", role, s) for (ns, name), (role, s) in bindings.items()),
    ]


def cluster_roles(join: bool = True, features: frozenset[str] = frozenset()) -> list[MutableObj]:
    """The ClusterRoles. The aggregated ones come with the rules that the aggregation controller will find for them."""
    plain = {**USER_ROLES, **SYSTEM_ROLES, **(JOIN_ROLES if join else {})}
    roles = [
        _object("ClusterRole", name, rules=[*rules, *rules_of(name, features)])
        for name, rules in plain.items()
    ]
    for name, (suffix, rules) in GATHERED.items():
        labels = {f"{AGGREGATE}{suffix}": "true"}
        roles.append(_object("ClusterRole", name, labels=labels, rules=[*rules, *rules_of(name, features)]))
    roles += [
        _object("ClusterRole", PREFIX + name, rules=list(rules)) for name, rules in CONTROLLER_ROLES.items()
    ]
    for name in reversed(tuple(AGGREGATED)):  # view before edit before admin: each gathers the one before
        roles.append(_aggregated(name, roles))
    return roles


def _aggregated(name: str, roles: Iterable[Obj]) -> MutableObj:
    gathers, carries = AGGREGATED[name]
    wanted = {f"{AGGREGATE}{gathers}": "true"}
    labels = {f"{AGGREGATE}{carries}": "true"} if carries else {}
    return _object(
        "ClusterRole",
        name,
        labels=labels,
        aggregationRule={"clusterRoleSelectors": [{"matchLabels": wanted}]},
        rules=aggregate(wanted, roles),
    )


def aggregate(labels: Mapping[str, str], roles: Iterable[Obj]) -> list[Obj]:
    """The rules of all roles that carry `labels`, in the order of the roles' names, each rule once."""
    gathered: list[Obj] = []
    for role in sorted(roles, key=lambda role: str(role["metadata"]["name"])):
        if labels.items() <= (role["metadata"].get("labels") or {}).items():
            gathered += [rule for rule in role.get("rules") or () if rule not in gathered]
    return gathered


def _controller_bindings() -> Iterator[MutableObj]:
    for name in CONTROLLER_ROLES:
        subjects = (("kube-system", name),)
        yield _binding("ClusterRoleBinding", PREFIX + name, "", "ClusterRole", PREFIX + name, subjects)


def _binding(
    kind: str, name: str, namespace: str, role_kind: str, role: str, subjects: tuple[Subject, ...]
) -> MutableObj:
    ref = {"apiGroup": GROUP, "kind": role_kind, "name": role}
    shown = [_subject(*subject) for subject in subjects]
    if not shown:
        return _object(kind, name, namespace, roleRef=ref)
    return _object(kind, name, namespace, subjects=shown, roleRef=ref)


def _subject(kind: str, name: str) -> MutableObj:
    if kind in ("User", "Group"):
        return {"kind": kind, "apiGroup": GROUP, "name": name}
    return {"kind": "ServiceAccount", "name": name, "namespace": kind}


def _object(
    kind: str, name: str, namespace: str = "", *, labels: Mapping[str, str] | None = None, **rest: object
) -> MutableObj:
    metadata: MutableObj = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {**LABELS, **(labels or {})}
    metadata["annotations"] = {AUTOUPDATE: "true"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **rest}

"""The RBAC authorizer: an index of roles and bindings, and the decision over it.

The index is fed with the four kinds as they change (`put`, `remove`), so that a decision looks only at bindings that
name the user or one of the user's groups: those of the cluster first, then those of the request's namespace.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pybernetes.api.meta import Obj, key_of, name_of, namespace_of

from ..attributes import Attributes
from ..user import SERVICE_ACCOUNT_PREFIX, User
from .decision import Decision
from .rules import Rule, rules_of

RBAC_KINDS = ("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding")
SubjectKey = tuple[str, str]
"""("User", name) or ("Group", name); a service account is the user that it authenticates as."""
log = logging.getLogger("authorizer")
NO_OPINION = Decision(False)


@dataclass(frozen=True, slots=True)
class Binding:
    """A ClusterRoleBinding (`namespace` "") or RoleBinding, compiled."""

    name: str
    namespace: str
    role_kind: str
    role_name: str
    subjects: tuple[tuple[SubjectKey, str], ...]
    """Each subject with how reasons name it."""

    def describe(self, subject: str) -> str:
        what = (
            f'RoleBinding "{self.name}/{self.namespace}"'
            if self.namespace
            else f'ClusterRoleBinding "{self.name}"'
        )
        return f'{what} of {self.role_kind} "{self.role_name}" to {subject}'

    @property
    def role_key(self) -> tuple[str, str]:
        return (self.namespace if self.role_kind == "Role" else "", self.role_name)


@dataclass(frozen=True, slots=True)
class Grant:
    """The rules that one binding gives to one subject; `missing` where its role does not exist."""

    binding: Binding
    subject: str
    rules: tuple[Rule, ...]
    missing: bool = False


class Rbac:
    """Index and authorizer."""

    def __init__(self) -> None:
        self._roles: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._by_subject: dict[str, dict[SubjectKey, dict[str, tuple[Binding, str]]]] = {}
        """Namespace ("" for the cluster) -> subject -> binding's name -> the binding and the subject's description."""

    # ---- feeding

    def put(self, kind: str, obj: Obj) -> None:
        """Takes a new or changed object of one of RBAC_KINDS."""
        place = (namespace_of(obj), name_of(obj))
        if kind in ("ClusterRole", "Role"):
            self._roles[place] = rules_of(obj)
            return
        self._unbind(place)
        try:
            binding = _compile(obj)
        except (AttributeError, LookupError, TypeError) as error:
            log.warning("%s: a binding that cannot be read gives nothing: %r", key_of(obj), error)
            return
        self._bindings[place] = binding
        subjects = self._by_subject.setdefault(binding.namespace, {})
        for key, description in binding.subjects:
            subjects.setdefault(key, {})[binding.name] = (binding, description)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Forgets an object; one that is not there is no error."""
        if kind in ("ClusterRole", "Role"):
            self._roles.pop((namespace, name), None)
        else:
            self._unbind((namespace, name))

    def _unbind(self, place: tuple[str, str]) -> None:
        old = self._bindings.pop(place, None)
        if old is None:
            return
        subjects = self._by_subject[old.namespace]
        for key, _ in old.subjects:
            bindings = subjects.get(key, {})
            bindings.pop(old.name, None)
            if not bindings:
                subjects.pop(key, None)

    # ---- deciding

    def authorize(self, attributes: Attributes) -> Decision:
        """Allowed by the first rule that matches; bindings to roles that do not exist are named where none does."""
        missing: list[str] = []
        namespace = attributes.namespace if attributes.is_resource else ""
        for grant in self.grants(attributes.user, namespace):
            if grant.missing:
                missing.append(_not_found(grant.binding))
                continue
            for rule in grant.rules:
                if rule.allows(attributes):
                    return Decision(True, f"RBAC: allowed by {grant.binding.describe(grant.subject)}")
        if not missing:
            return NO_OPINION
        unique = list(dict.fromkeys(missing))
        return Decision(False, f"RBAC: {unique[0]}" if len(unique) == 1 else f"RBAC: [{', '.join(unique)}]")

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """What the user is given: by ClusterRoleBindings, then by the RoleBindings of `namespace` (if any)."""
        keys: list[SubjectKey] = [("User", user.name), *(("Group", group) for group in user.groups)]
        for scope in ("", namespace) if namespace else ("",):
            subjects = self._by_subject.get(scope)
            if not subjects:
                continue
            for key in keys:
                for binding, description in subjects.get(key, {}).values():
                    rules = self._roles.get(binding.role_key)
                    yield Grant(binding, description, rules or (), rules is None)

    def rules_for(self, user: User, namespace: str) -> list[Rule]:
        """Everything that the user may do in `namespace` ("": cluster-wide), in the order found."""
        return [rule for grant in self.grants(user, namespace) for rule in grant.rules]

    def role_rules(self, role_kind: str, namespace: str, name: str) -> tuple[Rule, ...] | None:
        """The rules of a role; None where it does not exist."""
        return self._roles.get((namespace if role_kind == "Role" else "", name))


def _compile(obj: Obj) -> Binding:
    """Raises AttributeError, LookupError, TypeError for one that was stored by other means and is none."""
    namespace, ref = namespace_of(obj), obj["roleRef"]
    subjects = tuple(_subject(subject, namespace) for subject in obj.get("subjects") or ())
    return Binding(name_of(obj), namespace, _text(ref["kind"]), _text(ref["name"]), subjects)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a string: {value!r}")
    return value


def _subject(subject: Obj, binding_namespace: str) -> tuple[SubjectKey, str]:
    kind, name = _text(subject["kind"]), _text(subject["name"])
    if kind != "ServiceAccount":
        return (kind, name), f'{kind} "{name}"'
    namespace = subject.get("namespace") or binding_namespace
    return ("User", f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"), f'ServiceAccount "{name}/{namespace}"'


def _not_found(binding: Binding) -> str:
    return f'{binding.role_kind.lower()}.rbac.authorization.k8s.io "{binding.role_name}" not found'

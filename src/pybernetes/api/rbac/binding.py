"""What RoleBindings and ClusterRoleBindings have in common."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Cell, Column
from ..meta import MutableObj, Obj
from ..validation.values import named

GROUP = "rbac.authorization.k8s.io"
SUBJECT_KINDS = ["ServiceAccount", "User", "Group"]
ROLE_KINDS = {"RoleBinding": ["Role", "ClusterRole"], "ClusterRoleBinding": ["ClusterRole"]}


def default(obj: MutableObj) -> None:
    """API groups that follow from kinds."""
    role = obj.setdefault("roleRef", {})
    role["apiGroup"] = role.get("apiGroup") or GROUP
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP


def validate(binding: Obj, errors: FieldErrors) -> None:
    role, at, kinds = binding.get("roleRef") or {}, errors.at("roleRef"), ROLE_KINDS[binding["kind"]]
    if role.get("apiGroup") != GROUP:
        at.not_supported(role.get("apiGroup", ""), [GROUP], "apiGroup")
    if role.get("kind") not in kinds:
        at.not_supported(role.get("kind", ""), kinds, "kind")
    named(role, "name", names.path_segment, at, required=True)
    for index, subject in enumerate(binding.get("subjects") or ()):
        _validate_subject(subject, binding["kind"] == "RoleBinding", errors.at("subjects", index))


def _validate_subject(subject: Obj, namespaced: bool, errors: FieldErrors) -> None:
    """`namespaced`: whether the binding has a namespace, which is then the one of accounts that name none."""
    kind, group = subject.get("kind", ""), subject.get("apiGroup") or ""
    if not subject.get("name"):
        errors.required("name")
    if kind == "ServiceAccount":
        named(subject, "name", names.dns1123_subdomain, errors)
        if group:
            errors.not_supported(group, [""], "apiGroup")
        if not namespaced and not subject.get("namespace"):
            errors.required("namespace")
    elif kind not in SUBJECT_KINDS:
        errors.not_supported(kind, SUBJECT_KINDS, "kind")
    elif group != GROUP:
        errors.not_supported(group, [GROUP], "apiGroup")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    role = new.get("roleRef") or {}
    if role != old.get("roleRef"):
        shown = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
        errors.invalid(
            {name: role.get(field, "") for name, field in shown.items()}, "cannot change roleRef", "roleRef"
        )


def _role(binding: Obj, _now: float) -> Cell:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _subjects(title: str, kind: str, holder: str) -> Column:
    def cell(binding: Obj, _now: float) -> Cell:
        found = [subject for subject in binding.get("subjects") or () if subject.get("kind") == kind]
        shown = [_account(s) if kind == "ServiceAccount" else s["name"] for s in found]
        return ", ".join(shown)

    return Column(title, cell, description=f"{title} in the {holder}", priority=1)


def _account(subject: Obj) -> str:
    return f"{subject.get('namespace', '')}/{subject['name']}"


def columns(kind: str) -> tuple[Column, ...]:
    """`kind` is how descriptions call the binding."""
    return (
        NAME,
        Column("Role", _role),
        AGE,
        _subjects("Users", "User", kind),
        _subjects("Groups", "Group", kind),
        _subjects("ServiceAccounts", "ServiceAccount", kind),
    )

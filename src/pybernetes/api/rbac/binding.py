"""What RoleBindings and ClusterRoleBindings have in common."""

from __future__ import annotations

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Cell, Column
from ..meta import MutableObj, Obj

GROUP = "rbac.authorization.k8s.io"
SUBJECT_KINDS = ["Group", "ServiceAccount", "User"]
ROLE_KINDS = {"RoleBinding": ["ClusterRole", "Role"], "ClusterRoleBinding": ["ClusterRole"]}


def default(obj: MutableObj) -> None:
    """API groups that follow from kinds."""
    role = obj.get("roleRef")
    if role and not role.get("apiGroup"):
        role["apiGroup"] = GROUP
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP


def validate(binding: Obj, errors: FieldErrors) -> None:
    role = binding.get("roleRef") or {}
    at = errors.at("roleRef")
    if role.get("apiGroup") != GROUP:
        at.not_supported(role.get("apiGroup", ""), [GROUP], "apiGroup")
    kinds = ROLE_KINDS.get(binding.get("kind", ""), [])
    if role.get("kind") not in kinds:
        at.not_supported(role.get("kind", ""), kinds, "kind")
    if not role.get("name"):
        at.required("name")
    for index, subject in enumerate(binding.get("subjects") or ()):
        here = errors.at("subjects", index)
        if not subject.get("name"):
            here.required("name")
        if subject.get("kind") not in SUBJECT_KINDS:
            here.not_supported(subject.get("kind", ""), SUBJECT_KINDS, "kind")
        if subject.get("kind") == "ServiceAccount":
            namespace = subject.get("namespace") or (
                binding["kind"] == "RoleBinding" and binding["metadata"].get("namespace")
            )
            if not namespace:
                here.required("namespace")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    if new.get("roleRef") != old.get("roleRef"):
        errors.invalid(new.get("roleRef"), "cannot change roleRef", "roleRef")


def _role(binding: Obj, _now: float) -> Cell:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _subjects(title: str, kind: str) -> Column:
    def cell(binding: Obj, _now: float) -> Cell:
        found = [subject for subject in binding.get("subjects") or () if subject.get("kind") == kind]
        names = [f"{s['namespace']}/{s['name']}" if kind == "ServiceAccount" else s["name"] for s in found]
        return ", ".join(names)

    return Column(title, cell, priority=1)


COLUMNS = (
    NAME,
    Column("Role", _role),
    AGE,
    _subjects("Users", "User"),
    _subjects("Groups", "Group"),
    _subjects("ServiceAccounts", "ServiceAccount"),
)

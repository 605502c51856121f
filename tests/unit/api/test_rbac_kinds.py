"""Roles and bindings: what a rule, a role's name and a subject must say, fixed fields, the table row."""

from __future__ import annotations

from typing import Any

import pytest
from kindrules import (
    CREATED,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    update_errors,
)

from pybernetes.api.kinds import CLUSTERROLE, CLUSTERROLEBINDING, ROLE, ROLEBINDING

READ = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
GROUP = "rbac.authorization.k8s.io"


def binding(kind: str = "RoleBinding", **changes: Any) -> dict[str, Any]:
    tree = {
        "kind": kind,
        "metadata": {"name": "b", "creationTimestamp": CREATED},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": "alice"}],
    }
    return changed(tree, **changes)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (READ, []),
        (
            {},
            [
                (REQUIRED, "rules[0].verbs", "Required value: verbs must contain at least one value"),
                (
                    REQUIRED,
                    "rules[0].apiGroups",
                    "Required value: resource rules must supply at least one api group",
                ),
                (
                    REQUIRED,
                    "rules[0].resources",
                    "Required value: resource rules must supply at least one resource",
                ),
            ],
        ),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/a"], "resourceNames": ["x"]},
            [
                (
                    INVALID,
                    "rules[0].nonResourceURLs",
                    'Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
                ),
                (
                    INVALID,
                    "rules[0].nonResourceURLs",
                    'Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
                ),
            ],
        ),
    ],
)
def test_rules_of_roles(rule: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    tree = {"metadata": {"name": "r"}, "rules": [rule]}
    assert new_errors(ROLE, tree) == expected
    in_cluster = [each for each in expected if "namespaced rules" not in each[2]]
    assert new_errors(CLUSTERROLE, tree) == in_cluster


def test_aggregation_wants_good_selectors() -> None:
    def errors(*selectors: Any) -> list[tuple[str, str, str]]:
        return new_errors(
            CLUSTERROLE, {"metadata": {}, "aggregationRule": {"clusterRoleSelectors": list(selectors)}}
        )

    assert errors({"matchLabels": {"a": "b"}}) == []
    assert errors() == [
        (
            REQUIRED,
            "aggregationRule.clusterRoleSelectors",
            "Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
        )
    ]
    where = "aggregationRule.clusterRoleSelectors[0]"
    assert errors({"matchExpressions": [{"key": "a", "operator": "Like"}]}) == [
        (
            INVALID,
            f"{where}.matchExpressions[0].operator",
            'Invalid value: "Like": not a valid selector operator',
        ),
        (INVALID, where, 'Invalid value: "null": invalid label selector.'),
    ]


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        (ROLEBINDING, {"roleRef__apiGroup": None, "subjects__0__apiGroup": None}, []),
        (
            ROLEBINDING,
            {"roleRef": None},
            [
                (
                    UNSUPPORTED,
                    "roleRef.kind",
                    'Unsupported value: "": supported values: "Role", "ClusterRole"',
                ),
                (REQUIRED, "roleRef.name", "Required value"),
            ],
        ),
        (
            CLUSTERROLEBINDING,
            {"roleRef__kind": "Role", "roleRef__apiGroup": "x", "roleRef__name": "a/b"},
            [
                (UNSUPPORTED, "roleRef.apiGroup", f'Unsupported value: "x": supported values: "{GROUP}"'),
                (UNSUPPORTED, "roleRef.kind", 'Unsupported value: "Role": supported values: "ClusterRole"'),
                (INVALID, "roleRef.name", "Invalid value: \"a/b\": may not contain '/'"),
            ],
        ),
        (
            ROLEBINDING,
            {"subjects__0": {"kind": "Robot"}},
            [
                (REQUIRED, "subjects[0].name", "Required value"),
                (
                    UNSUPPORTED,
                    "subjects[0].kind",
                    'Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
                ),
            ],
        ),
        (
            ROLEBINDING,
            {"subjects__0__apiGroup": "v1"},
            [
                (
                    UNSUPPORTED,
                    "subjects[0].apiGroup",
                    f'Unsupported value: "v1": supported values: "{GROUP}"',
                )
            ],
        ),
        (ROLEBINDING, {"subjects__0": {"kind": "ServiceAccount", "name": "s"}}, []),
        (
            CLUSTERROLEBINDING,
            {"subjects__0": {"kind": "ServiceAccount", "name": "s", "apiGroup": GROUP}},
            [
                (
                    UNSUPPORTED,
                    "subjects[0].apiGroup",
                    f'Unsupported value: "{GROUP}": supported values: ""',
                ),
                (REQUIRED, "subjects[0].namespace", "Required value"),
            ],
        ),
    ],
)
def test_bindings(kind: Any, changes: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert new_errors(kind, binding(kind.kind, **changes)) == expected


def test_names_of_service_accounts_are_domains() -> None:
    tree = binding(subjects__0={"kind": "ServiceAccount", "name": "A_b"})
    ((reason, field, message),) = new_errors(ROLEBINDING, tree)
    assert (reason, field) == (INVALID, "subjects[0].name")
    assert message.startswith('Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of')


def test_the_role_of_a_binding_is_fixed() -> None:
    assert update_errors(ROLEBINDING, binding(roleRef__name="edit"), binding()) == [
        (
            INVALID,
            "roleRef",
            f'Invalid value: {{"APIGroup":"{GROUP}","Kind":"ClusterRole","Name":"edit"}}: cannot change roleRef',
        )
    ]
    assert update_errors(ROLEBINDING, binding(subjects=None), binding()) == []


def test_the_row_names_accounts_by_their_namespace() -> None:
    accounts = [
        {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
        {"kind": "ServiceAccount", "name": "t"},
    ]
    assert row(ROLEBINDING, binding(subjects=accounts)) == {
        "Name": "b",
        "Role": "ClusterRole/view",
        "Age": "60s",
        "Users": "",
        "Groups": "",
        "ServiceAccounts": "n/s, /t",
    }

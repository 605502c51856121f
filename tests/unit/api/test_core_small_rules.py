"""The rules of the smaller kinds of the core group: nodes, namespaces, secrets, config maps, limit ranges, controllers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from kindrules import (
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    TOO_LONG,
    UNSUPPORTED,
    new_errors,
    status_errors,
    update_errors,
)

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import (
    CONFIGMAP,
    LIMITRANGE,
    NAMESPACE,
    NODE,
    PODDISRUPTIONBUDGET,
    REPLICATIONCONTROLLER,
    SECRET,
    SERVICE,
    STATEFULSET,
)

META = {"name": "a", "namespace": "default"}
Expected = list[tuple[str, str, str]]


def made(**rest: Any) -> dict[str, Any]:
    return {"metadata": dict(META), **rest}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TAINT = {"key": "k", "effect": "NoSchedule"}
NEW: list[tuple[str, Kind, dict[str, Any], Expected]] = [
    (
        "taints",
        NODE,
        made(spec={"taints": [{"key": "", "value": "?", "effect": "Never"}, TAINT, TAINT, {"key": "x"}]}),
        [
            (INVALID, "metadata.taints[0].key", ""),
            (INVALID, "metadata.taints[0].key", ""),
            (INVALID, "metadata.taints[0].value", ""),
            (
                UNSUPPORTED,
                "metadata.taints[0].effect",
                'Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
            ),
            (
                DUPLICATE,
                "metadata.taints[2]",
                'Duplicate value: {"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}: '
                "taints must be unique by key and effect pair",
            ),
            (REQUIRED, "metadata.taints[3].effect", "Required value"),
        ],
    ),
    (
        "blocks of addresses",
        NODE,
        made(spec={"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]}, status={"capacity": {"pods": "1.5"}}),
        [
            (INVALID, "status.capacity.pods", 'Invalid value: "1500m": must be an integer'),
            (
                INVALID,
                "spec.podCIDRs",
                'Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: '
                "may specify no more than one CIDR for each IP family",
            ),
        ],
    ),
    (
        "finalizers",
        NAMESPACE,
        made(spec={"finalizers": ["mine"]}),
        [
            (
                INVALID,
                "spec.finalizers",
                'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
            )
        ],
    ),
    (
        "credentials that are no JSON",
        SECRET,
        made(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": encoded("{x}")}),
        [
            (
                INVALID,
                "data[.dockerconfigjson]",
                'Invalid value: "<secret contents redacted>": '
                "invalid character 'x' looking for beginning of object key string",
            )
        ],
    ),
    (
        "credentials that are no object",
        SECRET,
        made(type="kubernetes.io/dockercfg", data={".dockercfg": encoded("[]")}),
        [
            (
                INVALID,
                "data[.dockercfg]",
                'Invalid value: "<secret contents redacted>": '
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            )
        ],
    ),
    (
        "an empty key",
        SECRET,
        made(type="kubernetes.io/ssh-auth", data={"ssh-privatekey": ""}),
        [(REQUIRED, "data[ssh-privatekey]", "Required value")],
    ),
    (
        "a key twice",
        CONFIGMAP,
        made(data={"a": "x"}, binaryData={"a": encoded("y")}),
        [(INVALID, "data[a]", 'Invalid value: "a": duplicate of key present in binaryData')],
    ),
    (
        "too much",
        CONFIGMAP,
        made(data={"a": "x" * (1024 * 1024 + 1)}),
        [(TOO_LONG, "[]", "Too long: may not be more than 1048576 bytes")],
    ),
    (
        "limits of a pod",
        LIMITRANGE,
        made(spec={"limits": [{"type": "Pod", "max": {"storage": "1Gi"}}]}),
        [
            (
                INVALID,
                "spec.limits[0].max[storage]",
                'Invalid value: "storage": must be a standard resource for containers',
            )
        ],
    ),
    (
        "a controller without anything",
        REPLICATIONCONTROLLER,
        made(spec={}),
        [
            (REQUIRED, "spec.selector", "Required value"),
            (REQUIRED, "spec.template", "Required value"),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "tree", "expected"), [c[1:] for c in NEW], ids=[c[0] for c in NEW])
def test_a_new_object(kind: Kind, tree: dict[str, Any], expected: Expected) -> None:
    found = new_errors(kind, tree)
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    for (*_, message), (*_, wanted) in zip(found, expected, strict=True):
        assert not wanted or message == wanted


FROZEN = "Forbidden: field is immutable when `immutable` is set"
ONCE = 'Forbidden: node updates may not change {} except from "" to valid'
UPDATED: list[tuple[str, Kind, dict[str, Any], dict[str, Any], Expected]] = [
    (
        "what may not change is told first",
        CONFIGMAP,
        made(immutable=True, data={"a": "x"}),
        made(data={"?": "x"}),
        [
            (FORBIDDEN, "immutable", FROZEN),
            (FORBIDDEN, "data", FROZEN),
            (INVALID, "data[?]", ""),
        ],
    ),
    (
        "the type of a secret",
        SECRET,
        made(type="a"),
        made(type="kubernetes.io/ssh-auth"),
        [
            (INVALID, "type", 'Invalid value: "kubernetes.io/ssh-auth": field is immutable'),
            (REQUIRED, "data[ssh-privatekey]", "Required value"),
        ],
    ),
    (
        "what a node has for good",
        NODE,
        made(spec={"podCIDR": "10.0.0.0/24", "providerID": "a"}),
        made(
            spec={"podCIDR": "10.0.1.0/24", "providerID": "b"},
            status={"addresses": [{"type": "InternalIP", "address": "1.2.3.4"}] * 2},
        ),
        [
            (
                DUPLICATE,
                "status.addresses[1]",
                'Duplicate value: {"Type":"InternalIP","Address":"1.2.3.4"}',
            ),
            (FORBIDDEN, "spec.podCIDRs", ONCE.format("podCIDR")),
            (FORBIDDEN, "spec.providerID", ONCE.format("providerID")),
        ],
    ),
]


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"), [c[1:] for c in UPDATED], ids=[c[0] for c in UPDATED]
)
def test_an_updated_object(kind: Kind, old: Any, new: Any, expected: Expected) -> None:
    found = update_errors(kind, new, old)
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    for (*_, message), (*_, wanted) in zip(found, expected, strict=True):
        assert not wanted or message == wanted


def test_the_phase_of_a_namespace_is_that_of_its_deletion() -> None:
    active, ending = made(status={"phase": "Active"}), made(status={"phase": "Terminating"})
    assert status_errors(NAMESPACE, active, active) == []
    assert status_errors(NAMESPACE, ending, active) == [
        (
            INVALID,
            "status.Phase",
            "Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
        )
    ]
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert status_errors(NAMESPACE, ending, active) == []


def test_the_two_forms_of_a_nodes_block() -> None:
    for given in ({"podCIDR": "10.0.0.0/24"}, {"podCIDRs": ["10.0.0.0/24"]}):
        tree = made(spec=given)
        NODE.default(tree)
        assert tree["spec"] == {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(STATEFULSET, "dns1123label"), (SERVICE, "dns1123label"), (PODDISRUPTIONBUDGET, "path")],
)
def test_rules_of_names(kind: Kind, rule: str) -> None:
    """Pods are named after StatefulSets; services need not begin with a letter; budgets have hardly a rule."""
    assert kind.name_rule == rule


INGRESS = [{"ip": "1.2.3.4"}]


@pytest.mark.parametrize(
    ("spec", "ingress", "expected"),
    [
        (
            {"type": "ClusterIP"},
            INGRESS,
            [
                (
                    FORBIDDEN,
                    "status.loadBalancer.ingress",
                    "Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
                )
            ],
        ),
        (
            {"type": "LoadBalancer"},
            INGRESS,
            [
                (
                    REQUIRED,
                    "status.loadBalancer.ingress[0].ipMode",
                    "Required value: must be specified when `ip` is set",
                )
            ],
        ),
    ],
)
def test_the_status_of_a_service(spec: Any, ingress: Any, expected: Expected) -> None:
    tree = made(spec=spec, status={"loadBalancer": {"ingress": ingress}})
    assert status_errors(SERVICE, tree, tree) == expected

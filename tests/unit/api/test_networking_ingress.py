"""Ingresses: rules by field, what old objects may keep, status, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.networking.ingress import INGRESS

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
UNSUPPORTED = "FieldValueNotSupported"
SERVICE = {"service": {"name": "web", "port": {"number": 80}}}
PATH = {"path": "/", "pathType": "Prefix", "backend": SERVICE}
BACKEND = "spec.defaultBackend"


def ingress(annotations: dict | None = None, **spec: object) -> dict:
    return {
        "metadata": {
            "name": "web",
            "namespace": "default",
            "annotations": annotations or {},
            "creationTimestamp": "2026-09-21T14:12:20Z",
        },
        "spec": spec,
    }


def rules(host: str = "a.example.com", **path: object) -> list[dict]:
    return [{"host": host, "http": {"paths": [{**PATH, **path}]}}]


def found(errors: FieldErrors) -> list[tuple[str, str, str]]:
    return [(each.reason, each.field, each.message) for each in errors.causes]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"rules": rules()}, []),
        ({"defaultBackend": SERVICE}, []),
        (
            {},
            [
                (
                    INVALID,
                    "spec",
                    "Invalid value: null: either `defaultBackend` or `rules` must be specified",
                )
            ],
        ),
        (
            {"rules": rules("10.0.0.1")},
            [
                (
                    INVALID,
                    "spec.rules[0].host",
                    'Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
                )
            ],
        ),
        ({"rules": rules("*.example.com")}, []),
        ({"rules": rules("a.*.com")}, [(INVALID, "spec.rules[0].host", None)]),
        ({"rules": rules("A.com")}, [(INVALID, "spec.rules[0].host", None)]),
        (
            {"rules": [{"http": {"paths": []}}]},
            [(REQUIRED, "spec.rules[0].http.paths", "Required value")],
        ),
        (
            {"rules": rules(pathType=None)},
            [
                (
                    REQUIRED,
                    "spec.rules[0].http.paths[0].pathType",
                    "Required value: pathType must be specified",
                )
            ],
        ),
        (
            {"rules": rules(pathType="Regex")},
            [
                (
                    UNSUPPORTED,
                    "spec.rules[0].http.paths[0].pathType",
                    'Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
                )
            ],
        ),
        (
            {"rules": rules(path="x//y/..")},
            [
                (
                    INVALID,
                    "spec.rules[0].http.paths[0].path",
                    'Invalid value: "x//y/..": must be an absolute path',
                ),
                (
                    INVALID,
                    "spec.rules[0].http.paths[0].path",
                    "Invalid value: \"x//y/..\": must not contain '//'",
                ),
                (
                    INVALID,
                    "spec.rules[0].http.paths[0].path",
                    "Invalid value: \"x//y/..\": cannot end with '/..'",
                ),
            ],
        ),
        ({"rules": rules(pathType="ImplementationSpecific", path="")}, []),
        (
            {"defaultBackend": {}},
            [(INVALID, BACKEND, 'Invalid value: "": resource or service backend is required')],
        ),
        (
            {"defaultBackend": {**SERVICE, "resource": {"kind": "K", "name": "n"}}},
            [(INVALID, BACKEND, 'Invalid value: "": cannot set both resource and service backends')],
        ),
        (
            {"defaultBackend": {"resource": {"apiGroup": "A_", "kind": "a/b", "name": ""}}},
            [
                (INVALID, f"{BACKEND}.resource.apiGroup", None),
                (INVALID, f"{BACKEND}.resource.kind", "Invalid value: \"a/b\": may not contain '/'"),
                (REQUIRED, f"{BACKEND}.resource.name", "Required value"),
            ],
        ),
        (
            {"defaultBackend": {"service": {"name": ""}}},
            [
                (REQUIRED, f"{BACKEND}.service.name", "Required value"),
                (REQUIRED, BACKEND, "Required value: port name or number is required"),
            ],
        ),
        (
            {"defaultBackend": {"service": {"name": "web", "port": {"name": "a", "number": 1}}}},
            [(INVALID, BACKEND, 'Invalid value: "": cannot set both port name & port number')],
        ),
        (
            {"defaultBackend": {"service": {"name": "web", "port": {"number": 70000}}}},
            [
                (
                    INVALID,
                    f"{BACKEND}.service.port.number",
                    "Invalid value: 70000: must be between 1 and 65535, inclusive",
                )
            ],
        ),
        (
            {"rules": rules(), "tls": [{"hosts": ["*.a.com", "B"]}]},
            [(INVALID, "spec.tls[0].hosts[1]", None)],
        ),
        ({"rules": rules(), "ingressClassName": ""}, [(INVALID, "spec.ingressClassName", None)]),
    ],
)
def test_rules(spec: dict, expected: list) -> None:
    errors = FieldErrors()
    INGRESS.validate(ingress(**spec), errors)
    INGRESS.validate_create(ingress(**spec), errors)
    causes = found(errors)
    assert [each[:2] for each in causes] == [each[:2] for each in expected]
    for cause, wanted in zip(causes, expected, strict=True):
        assert wanted[2] is None or cause[2] == wanted[2]


def test_class_and_annotation_agree_in_new_ones() -> None:
    tree = ingress({"kubernetes.io/ingress.class": "a"}, rules=rules(), ingressClassName="b")
    errors = FieldErrors()
    INGRESS.validate_create(tree, errors)
    assert list(errors) == [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` '
        "when both are specified"
    ]
    assert INGRESS.warnings(tree, None) == [
        "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
    ]
    assert INGRESS.warnings(tree, tree) == []


def test_old_faults_may_stay() -> None:
    bad = ingress(rules=rules("*.a.com", path="x"), tls=[{"secretName": "A_"}])
    errors = FieldErrors()
    INGRESS.validate_update(bad, bad, errors)
    assert not errors
    INGRESS.validate_update(bad, ingress(rules=rules()), errors)
    assert [each.field for each in errors.causes] == [
        "spec.rules[0].http.paths[0].path",
        "spec.tls[0].secretName",
    ]


def with_points(*points: dict) -> dict:
    return {**ingress(rules=rules()), "status": {"loadBalancer": {"ingress": [*points]}}}


def test_status_rules() -> None:
    errors = FieldErrors()
    old = with_points({"ip": "010.0.0.1"})
    INGRESS.validate_status(with_points({"ip": "010.0.0.1"}, {"hostname": "lb.example.com"}), old, errors)
    assert not errors
    INGRESS.validate_status(with_points({"ip": "010.0.0.2"}, {"hostname": "1.2.3.4"}), old, errors)
    assert list(errors) == [
        'status.loadBalancer.ingress[0].ip: Invalid value: "010.0.0.2": must not have leading 0s',
        'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ]


def test_row() -> None:
    tree = with_points({"ip": "10.0.0.2"}, {"hostname": "lb.example.com"}, {"ip": "10.0.0.2"})
    tree["spec"]["tls"] = [{}]
    tree["spec"]["rules"] = [{"host": f"{letter}.com"} for letter in "abcde"]
    assert [(column.name, column.cell(tree, 1_790_000_060.0)) for column in INGRESS.columns] == [
        ("Name", "web"),
        ("Class", "<none>"),
        ("Hosts", "a.com,b.com,c.com + 2 more..."),
        ("Address", "10.0.0.2,lb.example.com"),
        ("Ports", "80, 443"),
        ("Age", "2m"),
    ]
    plain = ingress(defaultBackend=SERVICE, ingressClassName="nginx")
    INGRESS.prepare_create(plain)
    assert [column.cell(plain, 0.0) for column in INGRESS.columns[1:5]] == ["nginx", "*", "", "80"]

"""IPAddresses: the name is an address, the parent is named and stays, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.networking.ipaddress import IPADDRESS
from pybernetes.api.validation.metadata import validate_metadata

PARENT = {"group": "", "resource": "services", "namespace": "default", "name": "kubernetes"}


def address(name: str = "10.96.0.1", **parent: object) -> dict:
    return {"metadata": {"name": name}, "spec": {"parentRef": {**PARENT, **parent}}}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("10.96.0.1", ""),
        ("2001:db8::1", ""),
        ("010.96.0.1", "must not have leading 0s"),
        ("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
        ("2001:DB8::1", 'must be in canonical form ("2001:db8::1")'),
        ("web", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    ],
)
def test_names(name: str, message: str) -> None:
    errors = FieldErrors()
    validate_metadata(IPADDRESS, address(name), errors)
    assert list(errors) == ([f'metadata.name: Invalid value: "{name}": {message}'] if message else [])


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (address(), []),
        ({"metadata": {}, "spec": {}}, ["spec.parentRef: Required value"]),
        (
            {"metadata": {}, "spec": {"parentRef": {"resource": "", "name": ""}}},
            ["spec.parentRef.resource: Required value", "spec.parentRef.name: Required value"],
        ),
        (
            address(namespace="a/b"),
            ["spec.parentRef.namespace: Invalid value: \"a/b\": may not contain '/'"],
        ),
    ],
)
def test_rules(tree: dict, expected: list) -> None:
    errors = FieldErrors()
    IPADDRESS.validate(tree, errors)
    assert list(errors) == expected


def test_parent_stays() -> None:
    errors = FieldErrors()
    IPADDRESS.validate_update(address(namespace="other"), address(), errors)
    (cause,) = errors.causes
    assert (cause.field, cause.message.endswith("field is immutable")) == ("spec.parentRef", True)


def test_row() -> None:
    assert [(column.name, column.cell(address(), 0.0)) for column in IPADDRESS.columns] == [
        ("Name", "10.96.0.1"),
        ("ParentRef", "services/default/kubernetes"),
    ]
    gateway = {"group": "gateway.networking.k8s.io", "resource": "gateways", "name": "g", "namespace": ""}
    tree = {"metadata": {"name": "10.0.0.9"}, "spec": {"parentRef": gateway}}
    assert IPADDRESS.columns[1].cell(tree, 0.0) == "gateways.gateway.networking.k8s.io/g"

"""NetworkPolicies: defaults, rules of ports, peers and blocks, warnings, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.networking.networkpolicy import NETWORKPOLICY

FROM = "spec.ingress[0].from[0]"
PORT = "spec.ingress[0].ports[0]"


def policy(**spec: object) -> dict:
    tree = {
        "metadata": {"name": "p", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"podSelector": {}, **spec},
    }
    NETWORKPOLICY.default(tree)
    return tree


def peer(**fields: object) -> dict:
    return policy(ingress=[{"from": [fields]}])


def block(cidr: str, *excepted: str) -> dict:
    return peer(ipBlock={"cidr": cidr, "except": [*excepted]})


def port(**fields: object) -> dict:
    return policy(ingress=[{"ports": [fields]}])


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"egress": [{}], "policyTypes": ["Egress"]}, ["Egress"]),
    ],
)
def test_default_types(spec: dict, types: list) -> None:
    assert policy(**spec)["spec"]["policyTypes"] == types


def test_default_protocol() -> None:
    assert port(port=80)["spec"]["ingress"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (policy(), []),
        (port(port="http"), []),
        (port(port=80, endPort=90, protocol="SCTP"), []),
        (
            port(protocol="ICMP"),
            [f'{PORT}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"'],
        ),
        (
            port(endPort=90),
            [f"{PORT}.endPort: Invalid value: 90: may not be specified when `port` is not specified"],
        ),
        (
            port(port="http", endPort=90),
            [f"{PORT}.endPort: Invalid value: 90: may not be specified when `port` is non-numeric"],
        ),
        (
            port(port=80, endPort=79),
            [f"{PORT}.endPort: Invalid value: 80: must be greater than or equal to `port`"],
        ),
        (port(port=0), [f"{PORT}.port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        (peer(), [f"{FROM}: Required value: must specify a peer"]),
        (peer(podSelector={}, namespaceSelector={}), []),
        (
            peer(podSelector={}, ipBlock={"cidr": "10.0.0.0/8"}),
            [f"{FROM}: Forbidden: may not specify both ipBlock and another peer"],
        ),
        (block("10.0.0.0/8", "10.1.0.0/16"), []),
        (block(""), [f"{FROM}.ipBlock.cidr: Required value"]),
        (
            block("10.0.0.0"),
            [
                f'{FROM}.ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, '
                "(e.g. 10.9.8.0/24 or 2001:db8::/64)"
            ],
        ),
        (
            block("10.0.0.1/8"),
            [
                f'{FROM}.ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length'
            ],
        ),
        (
            block("10.0.0.0/8", "10.0.0.0/8", "fd00::/64", "x"),
            [
                f'{FROM}.ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
                f'{FROM}.ipBlock.except[1]: Invalid value: "fd00::/64": must be a strict subset of `cidr`',
                f'{FROM}.ipBlock.except[2]: Invalid value: "x": must be a valid CIDR value, '
                "(e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ],
        ),
        (
            policy(policyTypes=["Ingress", "Sideways"]),
            ['spec.policyTypes[1]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"'],
        ),
        (
            policy(policyTypes=["Ingress", "Egress", "Ingress"]),
            [
                'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: '
                "may not specify more than two policyTypes"
            ],
        ),
        (
            policy(podSelector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
            [
                "spec.podSelector.matchExpressions[0].values: Forbidden: "
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            ],
        ),
    ],
)
def test_rules(tree: dict, expected: list) -> None:
    errors = FieldErrors()
    NETWORKPOLICY.validate(tree, errors)
    NETWORKPOLICY.validate_create(tree, errors)
    assert list(errors) == expected


def test_a_block_that_was_there_is_not_judged_again() -> None:
    errors = FieldErrors()
    NETWORKPOLICY.validate_update(block("10.0.0.1/8"), block("10.0.0.1/8"), errors)
    assert not errors
    NETWORKPOLICY.validate_update(block("10.0.0.2/8"), block("10.0.0.1/8"), errors)
    assert [each.field for each in errors.causes] == [f"{FROM}.ipBlock.cidr"]


def test_warnings() -> None:
    assert NETWORKPOLICY.warnings(block("2001:DB8::/32", "2001:db8:1::1/48"), None) == [
        f'{FROM}.ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format '
        '("2001:db8::/32")',
        f'{FROM}.ipBlock.except[0]: CIDR value "2001:db8:1::1/48" is ambiguous in this context '
        '(should be "2001:db8:1::/48" or "2001:db8:1::1/128"?)',
    ]


def test_row() -> None:
    columns = NETWORKPOLICY.columns
    tree = policy(podSelector={"matchLabels": {"app": "web"}})
    assert [(column.name, column.cell(tree, 1_790_000_060.0)) for column in columns] == [
        ("Name", "p"),
        ("Pod-Selector", "app=web"),
        ("Age", "2m"),
    ]
    assert columns[1].cell(policy(), 0.0) == "<none>"

"""Addresses and CIDRs: what is refused, and what is only warned of."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.validation.addresses import (
    address_warnings,
    cidr_warnings,
    legacy_address,
    legacy_cidr,
    strict_cidr,
)

NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
FUTURE = "will be considered invalid in a future Kubernetes release"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("192.0.2.1", ""),
        ("2001:0DB8::1", ""),
        ("192.0.2.010", "must not have leading 0s"),
        ("::ffff:192.0.2.1", "must not be an IPv4-mapped IPv6 address"),
        ("192.0.2", NO_ADDRESS),
        ("fe80::1%eth0", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_addresses_of_old_fields(text: str, message: str) -> None:
    errors = FieldErrors()
    legacy_address(text, errors.at("ip"))
    assert list(errors) == ([f'ip: Invalid value: "{text}": {message}'] if message else [])
    kept = FieldErrors()
    legacy_address(text, kept, [text])
    assert not kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.0/8", ""),
        ("2001:0DB8::/32", ""),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
        ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
        ("10.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ("10.0.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
    ],
)
def test_cidrs_of_old_fields(text: str, message: str) -> None:
    errors = FieldErrors()
    legacy_cidr(text, errors.at("cidr"))
    assert list(errors) == ([f'cidr: Invalid value: "{text}": {message}'] if message else [])


def test_new_fields_are_canonical() -> None:
    assert strict_cidr("2001:db8::/32") == []
    assert strict_cidr("2001:0db8::/32") == ['must be in canonical form ("2001:db8::/32")']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.12.2.2", []),
        ("192.012.2.2", [f'f: non-standard IP address "192.012.2.2" {FUTURE}: use "192.12.2.2"']),
        (
            "::ffff:192.12.2.2",
            [f'f: non-standard IP address "::ffff:192.12.2.2" {FUTURE}: use "192.12.2.2"'],
        ),
        (
            "2001:db8:0:0::2",
            ['f: IPv6 address "2001:db8:0:0::2" should be in RFC 5952 canonical format ("2001:db8::2")'],
        ),
        ("nonsense", []),
    ],
)
def test_warnings_of_addresses(text: str, expected: list) -> None:
    assert address_warnings("f", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.12.2.0/24", []),
        (
            "192.12.2.8/24",
            [
                'f: CIDR value "192.12.2.8/24" is ambiguous in this context '
                '(should be "192.12.2.0/24" or "192.12.2.8/32"?)'
            ],
        ),
        ("192.012.2.0/24", [f'f: non-standard CIDR value "192.012.2.0/24" {FUTURE}: use "192.12.2.0/24"']),
        (
            "::ffff:192.12.2.0/120",
            [f'f: non-standard CIDR value "::ffff:192.12.2.0/120" {FUTURE}: use "192.12.2.0/24"'],
        ),
        (
            "2001:db8:0:0::/64",
            [
                'f: IPv6 CIDR value "2001:db8:0:0::/64" should be in RFC 5952 canonical format ("2001:db8::/64")'
            ],
        ),
    ],
)
def test_warnings_of_cidrs(text: str, expected: list) -> None:
    assert cidr_warnings("f", text) == expected

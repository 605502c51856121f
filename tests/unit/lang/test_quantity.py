from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import quantity

CANONICAL = [
    ("0", "0"),
    ("0Ki", "0"),
    ("100m", "100m"),
    ("1000m", "1"),
    ("1500m", "1500m"),
    ("0.5", "500m"),
    (".5", "500m"),
    ("1.", "1"),
    ("1000", "1k"),
    ("1024", "1024"),
    ("1024Ki", "1Mi"),
    ("1000Ki", "1000Ki"),
    ("0.5Ki", "512"),
    ("1.5Gi", "1536Mi"),
    ("0.0001Ki", "102400u"),
    ("128974848", "128974848"),
    ("129e6", "129e6"),
    ("129M", "129M"),
    ("123Mi", "123Mi"),
    ("1e3", "1e3"),
    ("1E", "1E"),
    ("12e-3", "12e-3"),
    ("1n", "1n"),
    ("0.1n", "1n"),
    ("-0.1n", "-1n"),
    ("-1.5Gi", "-1536Mi"),
    ("9999999E", "9223372036854775807"),
    ("1e100000", "9223372036854775807"),
    ("1e-100000", "1e-9"),
]


@pytest.mark.parametrize(("text", "expected"), CANONICAL)
def test_canonical_form(text: str, expected: str) -> None:
    assert quantity.canonical(text) == expected


@pytest.mark.parametrize(
    "text", ["", "-", ".", "1.2.3", "1 Gi", "Gi", "1KiB", "1e", "1e1.5", "0x10", "1,5", "١"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(quantity.QuantityError, match=r"quantit|suffix"):
        quantity.parse(text)


def test_the_message_for_a_bad_suffix_is_upstreams() -> None:
    with pytest.raises(quantity.QuantityError, match=r"^unable to parse quantity's suffix$"):
        quantity.parse("1KM")


def test_counting_rounds_up() -> None:
    assert quantity.milli("0.0001") == 1
    assert quantity.milli("2") == 2000
    assert quantity.units("1.1Gi") == 1181116007
    assert quantity.units("100m") == 1
    assert quantity.milli(2) == 2000
    assert quantity.milli(0.5) == 500


def test_exact_value() -> None:
    assert quantity.parse_quantity("0.1") + quantity.parse_quantity("200m") == Decimal("0.3")
    assert quantity.add("1Gi", "512Mi") == "1536Mi"
    assert quantity.add("0", "100m") == "100m"


@settings(max_examples=150)
@given(
    st.integers(-(10**12), 10**12),
    st.integers(0, 999),
    st.sampled_from(["", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "e-3", "E2"]),
)
def test_canonical_keeps_the_value_and_is_a_fixed_point(whole: int, fraction: int, suffix: str) -> None:
    text = f"{whole}.{fraction:03d}{suffix}"
    once = quantity.canonical(text)
    assert quantity.canonical(once) == once
    assert quantity.parse(once).nano == quantity.parse(text).nano
    assert "." not in once

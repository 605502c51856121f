"""Patterns as Go reads them, in linear time."""

from __future__ import annotations

import time

import pytest

from pybernetes.lang import goregex


@pytest.mark.parametrize("hostile", ["(a+)+$", "^(a|a)*$", "(.*a){20}$", "^(a?){50}a{50}$"])
def test_no_pattern_takes_long(hostile: str) -> None:
    began = time.process_time()
    assert goregex.compile(hostile).search("a" * 30_000 + "b" * 3) is None
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a$", "ba", "a\n"),
        (r"(?m)^b$", "a\nb\nc", "ab"),
        (r"^\d+$", "12", "१२"),
        (r"^\w$", "a", "é"),
        (r"^[[:alpha:]]$", "a", "1"),
        (r"^\p{Lu}$", "É", "é"),
        (r"^\p{Greek}$", "α", "a"),
        (r"^\Qa.b\E$", "a.b", "axb"),
        (r"^\x{41}\z", "A", "B"),
        (r"(?i)^ab$", "AB", "ac"),
        (r"^a.c$", "abc", "a\nc"),
        (r"(?s)^a.c$", "a\nc", "ac"),
        (r"^(?P<x>a)(?<y>b)$", "ab", "a"),
    ],
)
def test_language(pattern: str, yes: str, no: str) -> None:
    compiled = goregex.compile(pattern)
    assert compiled.search(yes) is not None
    assert compiled.search(no) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\pX", r"invalid character class range: `\pX`"),
    ],
)
def test_what_is_wrong_with_it_is_said_as_go_says_it(pattern: str, why: str) -> None:
    with pytest.raises(goregex.BadPattern) as error:
        goregex.compile(pattern)
    assert str(error.value) == f"error parsing regexp: {why}"


def test_matches_of_text_beyond_ascii() -> None:
    assert [match.group() for match in goregex.compile("é.").finditer("xéaéb")] == ["éa", "éb"]

"""Go's regular expressions on Python's: where the two differ."""

from __future__ import annotations

import pytest

from pybernetes.lang import goregex


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        (r"\d", "\u0663", False),
        (r"a\z", "a", True),
        ("[[:alpha:]]+[[:digit:]]", "ab1", True),
        (r"^\pL+$", "é", True),
        (r"^[\p{Lu}_]+$", "Ä_", True),
        (r"^\P{L}$", "a", False),
        (r"\x{1F600}", "😀", True),
        ("(?<year>[0-9]{4})", "2026", True),
        (r"\Q.*\E", "a.*b", True),
        ("[]a]", "]", True),
        ("[^]a]", "]", False),
        ("(?i)ABC", "abc", True),
        ("[a[]", "[", True),
    ],
)
def test_search(pattern: str, text: str, found: bool) -> None:
    assert (goregex.compile(pattern).search(text) is not None) is found


@pytest.mark.parametrize(
    "pattern", ["(?=a)", "(?<!a)", r"(a)\1", "(", "[[:nothing:]]", r"\p{Klingon}", "a{2,1}"]
)
def test_refused(pattern: str) -> None:
    with pytest.raises(goregex.BadPattern, match="error parsing regexp"):
        goregex.compile(pattern)

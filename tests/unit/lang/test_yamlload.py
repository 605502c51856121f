import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import yamlload

SCALARS = [
    ("0644", 420),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", 3),
    ("1_000", 1000),
    ("08", 8),
    ("-7", -7),
    ("1.5", 1.5),
    ("1.0", 1),
    ("1e3", 1000),
    ("yes", True),
    ("on", True),
    ("No", False),
    ("n", False),
    ("~", None),
    ("", None),
    ("Null", None),
    ("1:30", "1:30"),
    ("2026-01-01", "2026-01-01"),
    ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ("1.10.0", "1.10.0"),
    ("10.0.0.1", "10.0.0.1"),
    ("1e", "1e"),
    (".inf", ".inf"),
    ("'yes'", "yes"),
    ('"0644"', "0644"),
    ("!!str 1", "1"),
    ("!!int '7'", 7),
    ("!!binary aGk=", "hi"),
    ("18446744073709551615", 18446744073709551615),
    ("'-'", "-"),
]


@pytest.mark.parametrize(("text", "expected"), SCALARS)
def test_scalars_as_kubernetes_reads_them(text: str, expected: object) -> None:
    value = yamlload.load(f"v: {text}\n")["v"]
    assert value == expected
    assert type(value) is type(expected)


def test_documents_and_keys() -> None:
    text = "---\n# nothing\n---\n1: a\ntrue: b\n---\n[x]\n...\n"
    assert yamlload.load_documents(text) == [{"1": "a", "true": "b"}, ["x"]]
    assert yamlload.load("") is None


def test_anchors_and_merges() -> None:
    text = "base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  b: 3\nagain: *b\n"
    assert yamlload.load(text)["use"] == {"a": 1, "b": 3}


REFUSED = [
    ("a: 1\nb: 2\na: 3\n", 3, 'key "a" already set in map'),
    ("a: &x [*x]\n", 1, "contains itself"),
    ("a: *nowhere\n", 1, "unknown anchor|undefined alias"),
    ("a: [1\n", 2, "did not find expected"),
    ("a:\n\t- b\n", 2, "cannot start any token"),
    ("[" * 3000, 1, "depth|nesting"),
    ("? [a]\n: b\n", 1, "key must be"),
]


@pytest.mark.parametrize(("text", "line", "message"), REFUSED)
def test_what_is_refused_names_the_place(text: str, line: int, message: str) -> None:
    with pytest.raises(yamlload.YamlError, match=message) as caught:
        yamlload.load(text)
    assert caught.value.line == line


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(yamlload.YamlError, match="excessive aliasing"):
        yamlload.load("\n".join(lines))


text6 = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff\u2028\u2029"), max_size=6
)
json_trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), text6),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text6, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=80)
@given(json_trees.filter(lambda tree: tree is not None))
def test_json_is_yaml(tree: object) -> None:
    assert yamlload.load(json.dumps({"v": tree})) == {"v": tree}
    assert yamlload.load(json.dumps([tree], ensure_ascii=False)) == [tree]


def test_json_indented_with_tabs_and_with_a_key_twice() -> None:
    assert yamlload.load('{\n\t"a": 1\n}') == {"a": 1}
    with pytest.raises(yamlload.YamlError, match="already set"):
        yamlload.load('{"a": 1,\n "a": 2}')

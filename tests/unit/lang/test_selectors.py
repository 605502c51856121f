import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import fieldselector, labelselector

MATCHES = [
    ("", {}, True),
    ("a", {"a": ""}, True),
    ("!a", {"a": ""}, False),
    ("a=b", {"a": "b"}, True),
    ("a==b", {"a": "c"}, False),
    ("a!=b", {}, True),
    ("a=", {"a": ""}, True),
    ("a=,b=c", {"a": "", "b": "c"}, True),
    ("a in (b, c)", {"a": "c"}, True),
    ("a in (b,)", {"a": ""}, True),
    ("a notin (b,c)", {"a": "c"}, False),
    ("a notin (b,c)", {}, True),
    ("n>5", {"n": "6"}, True),
    ("n<5", {"n": "6"}, False),
    ("n>5", {"n": "x"}, False),
    (" a = b , c ", {"a": "b", "c": "1"}, True),
    ("in=in,notin", {"in": "in", "notin": ""}, True),
    ("example.com/app in (x)", {"example.com/app": "x"}, True),
]


@pytest.mark.parametrize(("text", "labels", "expected"), MATCHES)
def test_label_selector_matches(text: str, labels: dict[str, str], expected: bool) -> None:
    assert labelselector.parse(text).matches(labels) is expected


BAD = [
    ("a=b=c", "found '=', expected: ',' or 'end of string'"),
    ("a,", "found '', expected: identifier after ','"),
    ("a in b", "unable to parse requirement: found 'b' expected: '\\('"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("a>x", "for 'Gt', 'Lt' operators, the value must be an integer"),
    ("-a", 'unable to parse requirement: key: Invalid value: "-a": name part must consist of'),
    ("a=-b", 'values\\[0\\]\\[a\\]: Invalid value: "-b": a valid label must be'),
    ("=a", "found '=', expected: !, identifier, or 'end of string'"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_label_selector_says_why(text: str, message: str) -> None:
    with pytest.raises(labelselector.SelectorError, match=message):
        labelselector.parse(text)


def test_the_tree_form() -> None:
    selector = labelselector.from_label_selector(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["b", "a"]},
                {"key": "canary", "operator": "DoesNotExist"},
            ],
        }
    )
    assert str(selector) == "app=web,!canary,tier in (a,b)"
    assert selector.matches({"app": "web", "tier": "a"})
    assert not selector.matches({"app": "web", "tier": "a", "canary": ""})
    assert dict(selector.exact()) == {"app": "web"}


def test_absent_matches_nothing_and_empty_everything() -> None:
    assert not labelselector.from_label_selector(None).matches({"a": "b"})
    assert labelselector.from_label_selector({}).matches({})
    assert labelselector.from_label_selector({}).everything


words = st.from_regex(r"[a-z][a-z0-9]{0,4}", fullmatch=True)
terms = st.one_of(
    words,
    words.map(lambda w: f"!{w}"),
    st.tuples(words, st.sampled_from(["=", "!="]), words).map("".join),
    st.tuples(words, st.sampled_from([" in ", " notin "]), st.lists(words, min_size=1, max_size=3)).map(
        lambda t: f"{t[0]}{t[1]}({','.join(t[2])})"
    ),
)


@settings(max_examples=80)
@given(st.lists(terms, max_size=4), st.dictionaries(words, words, max_size=4))
def test_printing_and_reading_a_selector_is_the_identity(parts: list[str], labels: dict[str, str]) -> None:
    selector = labelselector.parse(",".join(parts))
    again = labelselector.parse(str(selector))
    assert again == selector
    assert again.matches(labels) == all(labelselector.parse(part).matches(labels) for part in parts)


def test_field_selector() -> None:
    selector = fieldselector.parse("metadata.name=web,status.phase!=Running,spec.x==a\\,b")
    assert selector.matches({"metadata.name": "web", "spec.x": "a,b"})
    assert not selector.matches({"metadata.name": "web", "spec.x": "a,b", "status.phase": "Running"})
    assert selector.exact("metadata.name") == "web"
    assert selector.exact("status.phase") is None
    assert fieldselector.parse(str(selector)) == selector


def test_a_bad_field_selector_says_why() -> None:
    with pytest.raises(fieldselector.FieldSelectorError, match="invalid selector: 'a'; can't understand 'a'"):
        fieldselector.parse("a")

"""kubectl's JSONPath: the examples of its documentation and the corners of columns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import jsonpath

TREE = {
    "kind": "List",
    "items": [
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
            "status": {
                "capacity": {"cpu": "4"},
                "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}],
            },
        },
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.2"},
            "status": {
                "capacity": {"cpu": "8"},
                "addresses": [
                    {"type": "LegacyHostIP", "address": "127.0.0.2"},
                    {"type": "another", "address": "127.0.0.3"},
                ],
            },
        },
    ],
    "users": [
        {"name": "myself", "user": {}},
        {"name": "e2e", "user": {"username": "admin", "password": "secret"}},
    ],
    "numbers": [1, 2, 3, 4],
    "none": None,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("kind is {.kind}", "kind is List"),
        ("{['kind']}", "List"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.users[0].name}", "myself"),
        ("{.users[-1].name}", "e2e"),
        ("{.numbers[1:3]}", "2 3"),
        ("{.numbers[::2]}", "1 3"),
        ("{.items[*]['metadata.name', 'status.capacity']}", ""),
        ("{.items[0]['kind','kind']}", "None None"),
        ('{.users[?(@.name=="e2e")].user.password}', "secret"),
        ('{.users[?(@.name!="e2e")].name}', "myself"),
        ("{.numbers[?(@>2)]}", "3 4"),
        ("{.users[?(@.user.username)].name}", "e2e"),
        (
            "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
            '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] ',
        ),
        ('{range .users[*]}{.name}{"\\t"}{end}', "myself\te2e\t"),
        (r"{.items[0].metadata.labels.kubernetes\.io/hostname}", "127.0.0.1"),
        ("{.items[0].metadata.labels['kubernetes.io/hostname']}", "127.0.0.1"),
        ("{.none}", "<nil>"),
        ("{.missing.field}", ""),
        ("{$.kind}{@.kind}", "ListList"),
    ],
)
def test_render(template: str, text: str) -> None:
    assert jsonpath.parse(template).render(TREE) == text


def test_a_field_that_is_not_there_can_be_an_error() -> None:
    with pytest.raises(jsonpath.JsonPathError, match="missing is not found"):
        jsonpath.parse("{.missing}").render(TREE, missing=False)


@pytest.mark.parametrize(
    "template", ["{", "{.a", "{.a[}", "{.a[x]}", "{range .a}", "{end}", "{.a[?(@.b==)]}", "{'a}", "{}}{"]
)
def test_refused(template: str) -> None:
    with pytest.raises(jsonpath.JsonPathError):
        jsonpath.parse(template)


@pytest.mark.parametrize(
    ("given_", "full"), [("spec.x", "{.spec.x}"), (".spec.x", "{.spec.x}"), ("{.a}", "{.a}")]
)
def test_relaxed(given_: str, full: str) -> None:
    assert jsonpath.relaxed(given_) == full


@given(st.text(alphabet="{}.[]()?@='\"ab*:01,$ ", max_size=16))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        template = jsonpath.parse(text)
    except jsonpath.JsonPathError:
        return
    template.render(TREE)

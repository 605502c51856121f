"""Decoding a body by the table of definitions: what is dropped, added, refused, and what need not be walked again."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api import kinds
from pybernetes.api.errors import Undecodable
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.schema.check import check
from pybernetes.api.schema.decode import Mismatch, decode
from pybernetes.api.schema.duplicates import duplicate_fields, surely_none

POD = "io.k8s.api.core.v1.Pod"


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "main", "image": "nginx"}], **spec},
    }


def test_a_template_seen_before_gives_the_same_tree_but_a_fresh_one() -> None:
    first = decode(pod(hostNetwork=False, nodeName="n1"), POD).tree
    second = decode(pod(hostNetwork=False, nodeName="n1"), POD).tree
    assert first == second
    assert "hostNetwork" not in first["spec"]
    second["spec"]["containers"][0]["image"] = "changed"
    assert decode(pod(hostNetwork=False, nodeName="n1"), POD).tree == first


def test_unknown_fields_are_told_each_time() -> None:
    for _ in range(2):
        found = decode(pod(replicas=1, containers=[{"name": "main", "imag": "x"}]), POD)
        assert found.unknown == ('unknown field "spec.containers[0].imag"', 'unknown field "spec.replicas"')
    for _ in range(2):
        with pytest.raises(Mismatch, match=r"Go struct field PodSpec\.spec\.hostNetwork of type bool"):
            decode(pod(hostNetwork="yes"), POD)


def test_a_patched_object_is_walked_where_it_changed() -> None:
    old = decode(pod(nodeName="n1"), POD).tree
    body = {**old, "metadata": {**old["metadata"], "annotations": {"a": "b"}, "bogus": 1}}
    before = copy.deepcopy(old)
    found = decode(body, POD, known=old)
    assert found.unknown == ('unknown field "metadata.bogus"',)
    assert found.tree == {**old, "metadata": {"name": "web", "annotations": {"a": "b"}}}
    assert list(found.tree) == list(decode(body, POD).tree)
    found.tree["spec"]["containers"].append({"name": "more"})
    assert old == before, "the stored object is not shared"


def test_strict_errors_are_told_in_the_order_of_the_body() -> None:
    body = b'{"spec":{"odd":1,"replicas":1,"replicas":2,"paused":true,"odd2":{"a":1,"a":2},"paused":false}}'
    tree = json.loads(body)
    with pytest.raises(Undecodable) as refused:
        check(tree, kinds.DEPLOYMENT, "Strict", duplicate_fields(body))
    assert refused.value.why == (
        'strict decoding error: unknown field "spec.odd", duplicate field "spec.replicas", unknown field "spec.odd2", '
        'duplicate field "spec.odd2.a", duplicate field "spec.paused"'
    )


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may come twice."""


KEYS = st.sampled_from(["a", "b", '":', "c\\", "k ", ""])
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(['":', "\\", 'x":y', " :", '\\":']),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=3).map(Pairs),
    max_leaves=8,
)


def text(value: Any, after: str, escape: bool) -> str:
    if isinstance(value, Pairs):
        items = (f"{text(k, after, escape)}{after}:{text(v, after, escape)}" for k, v in value)
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text(each, after, escape) for each in value) + "]"
    if escape and isinstance(value, str):
        return '"' + "".join("\\u0022" if char == '"' else json.dumps(char)[1:-1] for char in value) + '"'
    return json.dumps(value)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.sampled_from(["", "", " ", "\n"]), st.booleans())
def test_no_double_key_is_missed_by_the_quick_look(value: Any, after: str, escape: bool) -> None:
    body = text(Pairs([("root", value)]), after, escape).encode()
    if surely_none(body, orjson.dumps(orjson.loads(body))):
        assert duplicate_fields(body) == []


def test_the_quick_look_suffices_for_an_ordinary_body() -> None:
    body = json.dumps(pod(hostname='a":b'), indent=2).encode()
    assert surely_none(body, orjson.dumps(orjson.loads(body)))


def test_a_path_is_spelled_when_an_error_is_found() -> None:
    errors = FieldErrors()
    at = errors.at("spec").at("template", "spec").at("containers", 0)
    at.required("name")
    errors.at("metadata").at("labels").at_key("a/b").invalid("x!", "bad")
    assert at.path == "spec.template.spec.containers[0]"
    assert list(errors) == [
        "spec.template.spec.containers[0].name: Required value",
        'metadata.labels[a/b]: Invalid value: "x!": bad',
    ]

"""CEL: what expressions give, and what they are refused for, in cel-go's words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang.cel.errors import CelCompileError, CelCostExceeded, CelError
from pybernetes.lang.cel.program import Budget, compile
from pybernetes.lang.cel.types import DYN, INT, STRING, Field, list_of, map_of, object_of
from pybernetes.lang.cel.values import UnorderedList

OBJECT = object_of(
    "object",
    {
        "a": INT,
        "s": STRING,
        "l": list_of(STRING),
        "m": map_of(STRING, INT),
        "d": DYN,
        "__in__": Field(STRING, "in"),
    },
)
VARIABLES = {"self": OBJECT, "x": DYN}
DATA = {
    "self": {"a": 2, "s": "hello", "l": ["a", "b"], "m": {"k": 2}, "in": "z"},
    "x": {"y": {"z": 1}, "n": 2, "nothing": None, "f": 2.5},
}

TRUE = """
1 + 2 * 3 == 7
-7 / 2 == -3 && -7 % 2 == -1
self.a > 1 && self.s.startsWith("h")
self.l.all(i, size(i) == 1)
self.l.map(i, i + "x").join(",") == "ax,bx"
[1, 2].map(i, i > 1, i * 2) == [4]
self.l.exists_one(i, i == "a") && self.l.filter(i, i != "a") == ["b"]
has(self.a) && !has(self.d)
self.m.exists(k, self.m[k] == 2) && "k" in self.m && 'a' in ['a']
self.m.all(k, v, v > 0) && ["p"].all(i, v, i == 0 && v == "p")
{"a": 1}.transformMap(k, v, v + 1) == {"a": 2}
x.y.z == 1 && x.n > 1 && x.f == 2.5 && 2 < x.f
x.missing.orValue(1) == 1 || true
false && x.missing == 1 ? false : true
x.?missing.orValue(5) == 5 && self.?d.hasValue() == false
optional.of(3).optMap(v, v + 1).value() == 4
self.l[?5].orValue("n") == "n" && [?optional.none(), 1] == [1]
self.__in__ == "z"
1u + 2u == 3u && dyn(1) == 1.0 && dyn(1) == 1u && 1 < 1.5
type(self.a) == int && type([]) == list && type(1.0) != int
"abc".substring(1) == "bc" && "abc".charAt(1) == "b" && "a.b".split(".") == ["a", "b"]
"ABC".lowerAscii() == "abc" && " a ".trim() == "a" && "aXbX".replace("X", "-") == "a-b-"
"%s-%d-%.2f-%x".format([self.s, self.a, 1.0, 255]) == "hello-2-1.00-ff"
self.s.matches("^h.*o$") && "hello".find("l+") == "ll" && "a1b2".findAll("[0-9]") == ["1", "2"]
duration("1h") > duration("59m") && duration("90s").getMinutes() == 1
timestamp("2020-02-01T00:00:00Z").getMonth() == 1
timestamp("2020-01-01T00:00:00Z") + duration("24h") == timestamp("2020-01-02T00:00:00Z")
[1, 2, 3].sum() == 6 && [3, 1].max() == 3 && [3, 1].min() == 1 && !["b", "a"].isSorted() && [1, 2].indexOf(2) == 1
quantity("1Gi").isGreaterThan(quantity("1G")) && quantity("500m").add(quantity("0.5")).asInteger() == 1
isQuantity("1") && !isQuantity("one") && quantity("1k") == quantity("1000")
cidr("10.0.0.0/8").containsIP("10.2.3.4") && !cidr("10.0.0.0/8").containsCIDR("10.0.0.0/7")
ip("::1").isLoopback() && isIP("1.2.3.4") && !isIP("1.2.3") && ip.isCanonical("::1")
url("https://a.b:80/p?x=1").getPort() == "80" && url("https://[::1]/").getHostname() == "::1"
url("https://a.b/p?x=1").getQuery()["x"] == ["1"] && isURL("/a") && !isURL("a")
semver("1.2.3").isLessThan(semver("1.10.0")) && semver("1.0.0-rc.1").isLessThan(semver("1.0.0"))
!format.dns1123Label().validate("abc").hasValue() && format.dns1123Label().validate("A").value().size() == 1
sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])
b"abc" == bytes("abc") && string(b"abc") == "abc" && int("12") == 12 && string(1.0) == "1"
self.l + ["c"] == ["a", "b", "c"] && size({"a": 1}) == 1
r"\\d" == "\\\\d" && "\\u00e9" == "é" && '''a"b''' == "a\\"b"
x.nothing == null
"""


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_true(text: str) -> None:
    assert compile(text, VARIABLES).evaluate(DATA) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self.foo", "ERROR: <input>:1:5: undefined field 'foo'\n | self.foo\n | ....^"),
        ("has(self.zz)", "ERROR: <input>:1:4: undefined field 'zz'\n | has(self.zz)\n | ...^"),
        ("foo", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^"),
        (
            '1+"a"',
            "ERROR: <input>:1:2: found no matching overload for '_+_' applied to '(int, string)'\n | 1+\"a\"\n | .^",
        ),
        (
            '"a".contains(1)',
            "ERROR: <input>:1:13: found no matching overload for 'contains' applied to 'string.(int)'\n"
            ' | "a".contains(1)\n | ............^',
        ),
        (
            "true &&\n self.s > 1",
            "ERROR: <input>:2:9: found no matching overload for '_>_' applied to '(string, int)'\n"
            " |  self.s > 1\n | ........^",
        ),
        (
            "self.a.all(i, true)",
            "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension "
            "(must be list, map, or dynamic)\n | self.a.all(i, true)\n | ....^",
        ),
        (
            "1 == 1.0",
            "ERROR: <input>:1:3: found no matching overload for '_==_' applied to '(int, double)'\n | 1 == 1.0\n | ..^",
        ),
        (
            "self.a.b",
            "ERROR: <input>:1:7: type 'int' does not support field selection\n | self.a.b\n | ......^",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(CelCompileError) as caught:
        compile(text, VARIABLES)
    assert str(caught.value) == message


def test_two_problems_are_told_at_once() -> None:
    with pytest.raises(CelCompileError) as caught:
        compile("self.p && self.q", VARIABLES)
    assert [problem.at for problem in caught.value.problems] == [4, 14]


@pytest.mark.parametrize("text", ["self.a +", "(1", "1 = 2", "a b", "[1, 2", '"abc', "self.a ? 1", "1 +* 2"])
def test_syntax(text: str) -> None:
    with pytest.raises(CelCompileError, match="Syntax error"):
        compile(text, VARIABLES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.missing == 1", "no such key: missing"),
        ("[1][3] == 1", "index out of bounds: 3"),
        ("1 / 0 == 1", "division by zero"),
        ("1 % 0 == 1", "modulus by zero"),
        ("9223372036854775807 + 1 > 0", "integer overflow"),
        ("x.n.startsWith('a')", "no such overload"),
        ("optional.none().value() == 1", "optional.none() dereference"),
        ("int('a') == 1", "type conversion error from 'string' to 'int'"),
        ("[].min() == 1", "min called on empty list"),
    ],
)
def test_without_a_value(text: str, message: str) -> None:
    with pytest.raises(CelError, match=f"^{re.escape(message)}"):
        compile(text, VARIABLES).evaluate(DATA)


def test_an_evaluation_that_takes_too_many_steps_is_given_up() -> None:
    program = compile("self.l.all(a, self.l.all(b, self.l.all(c, true)))", VARIABLES)
    data = {"self": {"l": ["a"] * 50}}
    with pytest.raises(CelCostExceeded, match="actual cost limit exceeded"):
        program.evaluate(data, Budget(1000))
    assert program.evaluate(data) is True


def unordered(items: list[Any], *keys: str) -> UnorderedList:
    made = UnorderedList(items)
    made.keys = keys
    return made


def test_lists_of_type_set_and_map_know_no_order() -> None:
    both = {"a": list_of(DYN), "b": list_of(DYN)}
    same = compile("a == b", both)
    assert same.evaluate({"a": unordered([1, 2]), "b": [2, 1]}) is True
    keyed = [{"k": 1, "v": 1}, {"k": 2, "v": 2}]
    assert same.evaluate({"a": unordered(keyed, "k"), "b": keyed[::-1]}) is True
    joined = compile("a + b", both)
    assert list(joined.evaluate({"a": unordered([1, 2]), "b": [2, 3]})) == [1, 2, 3]
    merged = joined.evaluate({"a": unordered(keyed, "k"), "b": [{"k": 2, "v": 9}, {"k": 3}]})
    assert list(merged) == [{"k": 1, "v": 1}, {"k": 2, "v": 9}, {"k": 3}]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_a_value_equals_itself_and_no_error_escapes(value: Any) -> None:
    assert compile("v == v", {"v": DYN}).evaluate({"v": value}) is True


@given(st.text(alphabet="self.a+-*/()[]{}\"'0123 &|?:!<>=,x", max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        program = compile(text, VARIABLES)
    except CelCompileError:
        return
    try:
        program.evaluate(DATA)
    except CelError:
        return

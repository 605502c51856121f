"""CEL's language by the areas of its specification's conformance tests: each line of a table is true, or has no value."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.lang.cel.errors import CelCostExceeded, CelError, CelSyntaxError, CelTypeError
from pybernetes.lang.cel.program import Budget, compile
from pybernetes.lang.cel.types import DYN, INT, STRING, Type, list_of, map_of, object_of
from pybernetes.lang.cel.values import Duration, Optional, Timestamp, Uint

TREE: dict[str, Any] = {
    "s": "a",
    "i": 3,
    "f": 2.5,
    "t": True,
    "n": None,
    "l": [1, 2],
    "m": {"k": {"d": 1}},
    "e": [],
}


def value(text: str, known: dict[str, Type] | None = None, **bindings: Any) -> Any:
    return compile(text, known or dict.fromkeys(bindings, DYN)).evaluate(bindings)


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


BASIC = r"""
-0 == 0
0x55555555 == 1431655765
-0x55555555 == -1431655765
9223372036854775807 > -9223372036854775808
18446744073709551615u > 0u
-2.3e+1 == -23.0
.5 == 0.5
"\u270c\U0001f431\320" == '✌🐱Ð'
'\x41\101\t' == "AA\t"
b"\303\277" == b"ÿ"
b'\xff' != b"ÿ"
r"\d\n" == "\\d\\n"
R'''a"b'c''' == "a\"b'c"
"""
OPERATORS = r"""
7 / 2 == 3 && -7 / 2 == -3
7 % -5 == 2 && -7 % 5 == -2
2.0 / 0.0 > 1e300 && -2.0 / 0.0 < -1e300
"ab" + "cd" == "abcd" && b"a" + b"b" == b"ab"
[1] + [2] == [1, 2]
!true == false && !!true
-(-5) == 5 && --5 == 5
1 + 2 * 3 - 4 / 2 % 2 == 7
false ? false : true ? 1 == 1 : true
1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3
"a" < "b" && b"a" < b"b" && false < true
1 < 1.5 && 1u < 2 && 2.0 >= 2u
dyn(1) == 1u && dyn(1) == 1.0 && dyn(1.0) == 1u
dyn(true) != 1 && dyn("1") != 1 && dyn(null) != 0
[dyn(1)] == [dyn(1.0)] && {"a": dyn(1)} == {"a": dyn(1u)}
[1, 2] != [2, 1] && {"a": 1, "b": 2} == {"b": 2, "a": 1}
1 in [1, 2] && !(3 in [1, 2]) && "k" in {"k": 0} && dyn(1.0) in [1]
[1, 2][1] == 2 && {"a": 1}["a"] == 1 && {1: "x"}[1] == "x" && {true: 1}[true] == 1
[[1], [2]][1][0] == 2
false && 1 / 0 == 1 ? false : true
1 / 0 == 1 && false ? false : true
true || 1 / 0 == 1
1 / 0 == 1 || true
(false ? 1 / 0 : 1) == 1
"""
MACROS = r"""
[1, 2, 3].all(x, x > 0) && ![1, 2].all(x, x > 1) && [].all(x, x > 0)
[1, 2, 3].exists(x, x == 2) && ![].exists(x, x == 2)
[1, 2, 3].exists_one(x, x > 2) && ![1, 2, 3].existsOne(x, x > 1)
[1, 0].exists(x, 1 / x == 1)
![1, 0].all(x, 1 / x == 2)
{"a": 1, "b": 2}.all(k, k in ["a", "b"]) && {"a": 1}.exists(k, k == "a")
[1, 2, 3].map(x, x * 2) == [2, 4, 6] && [1, 2].map(x, x > 1, x * 2) == [4]
{"a": 1}.map(k, k + "!") == ["a!"] && {"a": 1, "b": 2}.filter(k, k > "a") == ["b"]
[[1, 2], [3]].map(l, l.map(x, x + size(l))) == [[3, 4], [4]]
[1, 2].map(x, [3].map(x, x + 1)) == [[4], [4]]
[5].map(x, [x].exists(y, y == x)) == [true]
["a", "b"].all(i, v, v == "ab".charAt(i)) && {"a": 1}.exists(k, v, k == "a" && v == 1)
[1, 2].existsOne(i, v, i == 0 && v == 1)
[4, 5].transformList(i, v, i + v) == [4, 6] && [4, 5].transformList(i, v, i > 0, v) == [5]
{"a": 1, "b": 2}.transformMap(k, v, v > 1, v * 2) == {"b": 4} && ["x"].transformMap(i, v, v) == {0: "x"}
{"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}
[3, 1, 2].sortBy(x, -x) == [3, 2, 1]
has({"a": 1}.a) && !has({"a": 1}.b)
"""
OPTIONALS = r"""
optional.of(1).hasValue() && !optional.none().hasValue()
optional.of(1) == optional.of(1) && optional.of(1) != optional.none()
optional.ofNonZeroValue("").orValue("x") == "x" && optional.ofNonZeroValue("y").value() == "y"
optional.none().or(optional.of(2)).value() == 2 && optional.of(1).or(optional.of(2)).value() == 1
{"a": {"b": 1}}.?a.?b.orValue(0) == 1 && {"a": {"b": 1}}.?x.?b.orValue(0) == 0
{"a": {"b": 1}}.?a.b.value() == 1 && !{"a": {"b": 1}}.?x.b.hasValue()
{"a": 1}[?"a"].value() == 1 && [1, 2][?1].value() == 2 && ![1, 2][?2].hasValue() && ![1][?-1].hasValue()
optional.of([1, 2])[1].value() == 2
has({"a": {"b": 1}}.?a.b) && !has({"a": {"b": 1}}.?x.b)
[?optional.of(1), ?optional.none(), 3] == [1, 3]
{?"a": optional.of(1), ?"b": optional.none()} == {"a": 1}
optional.of(2).optMap(x, x + 1).value() == 3 && !optional.none().optMap(x, x + 1).hasValue()
optional.of(2).optFlatMap(x, x > 1 ? optional.of(x) : optional.none()).hasValue()
[optional.of(1), optional.none()].unwrapOpt() == [1] && optional.unwrap([optional.of(2)]) == [2]
"""
CONVERSIONS = r"""
int("-12") == -12 && int(3.9) == 3 && int(-3.9) == -3 && int(5u) == 5
int(timestamp("1970-01-01T00:01:00Z")) == 60
uint(5) == 5u && uint("7") == 7u && uint(2.9) == 2u
double(3) == 3.0 && double("1.5e2") == 150.0
string(12) == "12" && string(-1.5) == "-1.5" && string(1e21) == "1e+21" && string(1e-7) == "1e-07" && string(100.0) == "100"
string(true) == "true" && string(b"ab") == "ab" && string(7u) == "7"
string(duration("1h30m")) == "5400s" && string(duration("1.5s")) == "1.5s"
string(timestamp("2023-01-02T03:04:05.600Z")) == "2023-01-02T03:04:05.6Z"
bytes("ÿ") == b"\303\277" && size(bytes("ÿ")) == 2 && size("ÿ") == 1
bool("true") && !bool("F") && bool("1")
type(1) == int && type("") == string && type([]) == list && type({}) == map && type(null) == null_type
type(1.0) == double && type(b"") == bytes && type(true) == bool && type(1u) == uint && type(int) == type
type(duration("1s")) == google.protobuf.Duration && type(timestamp(0)) == google.protobuf.Timestamp
"""
TIMES = r"""
timestamp("2009-02-13T23:31:30Z") == timestamp(1234567890)
timestamp("2009-02-13T23:31:30.5+01:00") < timestamp(1234567890)
timestamp("2009-02-13T23:31:30Z").getFullYear() == 2009 && timestamp("2009-02-13T23:31:30Z").getMonth() == 1
timestamp("2009-02-13T23:31:30Z").getDate() == 13 && timestamp("2009-02-13T23:31:30Z").getDayOfMonth() == 12
timestamp("2009-02-13T23:31:30Z").getDayOfWeek() == 5 && timestamp("2009-02-13T23:31:30Z").getDayOfYear() == 43
timestamp("2009-02-13T23:31:30Z").getHours("+02:00") == 1 && timestamp("2009-02-13T23:31:30Z").getMinutes() == 31
timestamp("2009-02-13T23:31:20.123Z").getMilliseconds() == 123
timestamp("2009-02-13T23:31:30Z").getDate("Europe/Berlin") == 14
timestamp(60) - timestamp(0) == duration("1m") && timestamp(60) - duration("1m") == timestamp(0)
duration("1h") + duration("30m") == duration("90m") && -duration("1s") < duration("0s")
duration("3730s").getHours() == 1 && duration("3730s").getMinutes() == 62 && duration("-1.5s").getMilliseconds() == -1500
duration("1us") == duration("1000ns") && duration("-.5s") == duration("-500ms")
"""
DYNAMIC = r"""
tree.s == "a" && tree.i == 3 && tree.i + 1 > 3 && tree.f * 2.0 == 5.0
tree.t && tree.n == null && tree.l[0] == 1 && tree.m.k.d == 1
tree["s"] == tree.s && "s" in tree && !("x" in tree)
has(tree.m.k) && !has(tree.m.x) && has(tree.n)
tree.?x.?y.orValue("none") == "none" && tree.m.?k.d.orValue(0) == 1
tree.l.exists(x, x == 2) && tree.e.all(x, x.nope == 1) && tree.m.all(k, tree.m[k].d == 1)
size(tree.l) == 2 && tree.s.size() == 1 && tree.l.map(x, string(x)).join("-") == "1-2"
type(tree.i) == int && type(tree.m) == map && type(tree.n) == null_type
(tree.t ? tree.i : "other") == 3
tree.i > 2.5 && tree.f < 3
"""


@pytest.mark.parametrize(
    "text",
    [*lines(BASIC), *lines(OPERATORS), *lines(MACROS), *lines(OPTIONALS), *lines(CONVERSIONS), *lines(TIMES)],
)
def test_true(text: str) -> None:
    assert value(text) is True


@pytest.mark.parametrize("text", lines(DYNAMIC))
def test_values_of_unknown_type(text: str) -> None:
    assert value(text, tree=TREE) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-9223372036854775808 - 1", "integer overflow"),
        ("-(-9223372036854775807 - 1)", "integer overflow"),
        ("9223372036854775807 * 2", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("18446744073709551615u + 1u", "unsigned integer overflow"),
        ("1 / 0", "division by zero"),
        ("1u % 0u", "modulus by zero"),
        ("[1][1]", "index out of bounds: 1"),
        ("[1][-1]", "index out of bounds: -1"),
        ("{'a': 1}.b", "no such key: b"),
        ("{'a': 1}['b']", "no such key: b"),
        ("{1: 2}[dyn(true)]", "no such key: true"),
        ("{'a': 1, 'a': 2}", "Failed with repeated key: a"),
        ("dyn(1) + 'a'", "no such overload"),
        ("dyn(1).a", "no such overload"),
        ("dyn('a') && true", "no such overload"),
        ("dyn(1) ? 1 : 2", "no such overload"),
        ("dyn(1).all(x, true)", "no such overload"),
        ("[1, 0].all(x, 1 / x == 1)", "division by zero"),
        ("[0, 2].exists(x, 1 / x == 1)", "division by zero"),
        ("false || 1 / 0 == 1", "division by zero"),
        ("int(1e30)", "integer overflow"),
        ("uint(-1)", "unsigned integer overflow"),
        ("bool('yes')", "type conversion error from 'string' to 'bool'"),
        ("double('x')", "type conversion error from 'string' to 'double'"),
        ("string(b'\\377')", "invalid UTF-8 in bytes, cannot convert to string"),
        ("duration(dyn('1w'))", "type conversion error from 'string' to 'google.protobuf.Duration'"),
        ("timestamp(dyn('2023'))", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"),
        ("optional.none().value()", "optional.none() dereference"),
    ],
)
def test_no_value(text: str, message: str) -> None:
    with pytest.raises(CelError) as caught:
        value(text)
    assert str(caught.value) == message


OPERAND = (
    "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
    "IDENTIFIER}"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", f"ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' {OPERAND}\n | 1 +\n | ...^"),
        ("a +\n  * b", f"ERROR: <input>:2:3: Syntax error: mismatched input '*' {OPERAND}\n |   * b\n | ..^"),
        ("a b", "ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>\n | a b\n | ..^"),
        ("(1", "ERROR: <input>:1:3: Syntax error: missing ')' at '<EOF>'\n | (1\n | ..^"),
        ("a @ b", "ERROR: <input>:1:3: Syntax error: token recognition error at: '@ b'\n | a @ b\n | ..^"),
        ("for", "ERROR: <input>:1:1: reserved identifier: for\n | for\n | ^"),
        ("9223372036854775808", "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^"),
        ("has(1)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(1)\n | ....^"),
        (
            "[1].all(1, true)",
            "ERROR: <input>:1:9: argument must be a simple name\n | [1].all(1, true)\n | ........^",
        ),
    ],
)
def test_syntax(text: str, message: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        compile(text, {"a": DYN, "b": DYN})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + 1", "undeclared reference to 'x' (in container '')"),
        ("f(1)", "undeclared reference to 'f' (in container '')"),
        ("1 + 'a'", "found no matching overload for '_+_' applied to '(int, string)'"),
        ("1 == 1u", "found no matching overload for '_==_' applied to '(int, uint)'"),
        ("true && 1", "found no matching overload for '_&&_' applied to '(bool, int)'"),
        ("[1, 'a']", "expected type 'int' but found 'string'"),
        ("{'a': 1, 2: 1}", "expected type 'string' but found 'int'"),
        ("true ? 1 : 'a'", "found no matching overload for '_?_:_' applied to '(bool, int, string)'"),
        ("'a'.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'"),
        ("o.z", "undefined field 'z'"),
        ("o.n.z", "type 'int' does not support field selection"),
        ("o.l.join(1)", "found no matching overload for 'join' applied to 'list(string).(int)'"),
        (
            "1.all(x, true)",
            "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
        (
            "[1].filter(x, x + 1)",
            "found no matching overload for '_?_:_' applied to '(int, list(dyn), list(dyn))'",
        ),
        ("duration('1w')", "invalid duration argument"),
        ("timestamp('yesterday')", "invalid timestamp argument"),
        ("'a'.matches('[')", "invalid matches argument"),
        ("Thing{a: 1}", "undeclared reference to 'Thing' (in container '')"),
    ],
)
def test_types(text: str, message: str) -> None:
    thing = object_of("thing", {"n": INT, "l": list_of(STRING), "m": map_of(STRING, INT)})
    with pytest.raises(CelTypeError) as caught:
        compile(text, {"o": thing})
    (problem,) = caught.value.problems
    assert problem.message == message


def test_every_problem_is_told_in_the_order_of_the_source() -> None:
    with pytest.raises(CelTypeError) as caught:
        compile("x == 1 &&\n y == 2", {})
    assert [line for line in str(caught.value).splitlines() if line.startswith("ERROR")] == [
        "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')",
        "ERROR: <input>:2:2: undeclared reference to 'y' (in container '')",
    ]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("1 + 1", "int"),
        ("d.a", "dyn"),
        ("d.a == 1", "bool"),
        ("[1]", "list(int)"),
        ("[]", "list(dyn)"),
        ("true ? ['a'] : []", "list(string)"),
        ("{'a': [1u]}", "map(string, list(uint))"),
        ("[1].map(x, string(x))", "list(string)"),
        ("optional.of(1)", "optional_type(int)"),
        ("d.?a.?b", "optional_type(dyn)"),
        ("timestamp(1) - timestamp(0)", "duration"),
        ("d.x + 1", "int"),
    ],
)
def test_the_type_of_the_whole(text: str, type_: str) -> None:
    assert str(compile(text, {"d": DYN}).type) == type_


def test_variables_of_macros_hide_names_only_in_their_bodies() -> None:
    assert value("[1].map(x, x) == [1] && x == 'x'", x="x") is True


def test_values_that_are_no_json() -> None:
    assert value("1u") == Uint(1)
    assert type(value("1u + 1u")) is Uint
    assert value("duration('1s')") == Duration(10**9)
    assert value("timestamp(1)") == Timestamp(10**9)
    assert value("{'a': 1}.?b") == Optional(False)
    assert value("size(x)", x="😀") == 1


def test_what_is_given_is_not_changed() -> None:
    tree = {"l": [3, 1, 2]}
    assert value("x.l.sort() + [4]", x=tree) == [1, 2, 3, 4]
    assert tree == {"l": [3, 1, 2]}


def test_an_expression_that_does_too_much_is_stopped() -> None:
    with pytest.raises(CelCostExceeded, match="operation cancelled: actual cost limit exceeded"):
        value("l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d > 0))))", l=list(range(1, 60)))
    budget = Budget(100)
    program = compile("l.all(a, a > 0)", {"l": DYN})
    assert program.evaluate({"l": [1] * 10}, budget) is True
    with pytest.raises(CelCostExceeded):
        program.evaluate({"l": [1] * 100}, budget)


def test_long_chains_are_not_deep() -> None:
    assert value(" || ".join(["x == 1"] * 2000), x=2) is False
    with pytest.raises(CelSyntaxError, match="expression recursion limit exceeded"):
        compile("(" * 300 + "1" + ")" * 300, {})

"""Names, times, durations, hashes, int-or-string, field paths, frozen trees."""

import copy
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import durations, fieldpath, hashing, intorstr, names, timestamps
from pybernetes.lang.frozen import FrozenError, freeze, thaw

AGES = [
    (-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"), (10799, "179m"),
    (10800, "3h"), (11100, "3h5m"), (28800, "8h"), (172799, "47h"), (172800, "2d"), (176400, "2d1h"),
    (691200, "8d"), (63071999, "729d"), (63072000, "2y"), (63158400, "2y1d"), (252288000, "8y"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), AGES)
def test_ages_as_kubectl_prints_them(seconds: float, text: str) -> None:
    assert durations.human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h30m", 5400.0), ("300ms", 0.3), ("-1.5s", -1.5), ("0", 0.0), ("1m0.5s", 60.5)]
)
def test_go_durations(text: str, seconds: float) -> None:
    assert durations.parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "1h 2m"])
def test_bad_go_durations(text: str) -> None:
    with pytest.raises(durations.DurationError, match="time: invalid duration"):
        durations.parse_go_duration(text)


def test_go_prints_durations() -> None:
    shown = [durations.go_duration(s) for s in (0, 5400, 1.5, 0.2, 60, 3661, 0.0000015)]
    assert shown == ["0s", "1h30m0s", "1.5s", "200ms", "1m0s", "1h1m1s", "1.5µs"]


def test_timestamps() -> None:
    assert timestamps.rfc3339(1_790_000_000.9) == "2026-09-21T14:13:20Z"
    assert timestamps.rfc3339_micro(1_790_000_000.25) == "2026-09-21T14:13:20.250000Z"
    assert timestamps.parse("2026-09-21T16:13:20.5+02:00") == 1_790_000_000.5
    for bad in ("2026-09-21", "2026-13-01T00:00:00Z", "now"):
        with pytest.raises(timestamps.TimestampError):
            timestamps.parse(bad)


@settings(max_examples=60)
@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_micro_times_survive(seconds: int, micros: int) -> None:
    unix = seconds + micros / 1_000_000
    assert timestamps.parse(timestamps.rfc3339_micro(unix)) == pytest.approx(unix, abs=2e-6)


def test_names() -> None:
    assert names.dns1123_label("web-1") == []
    assert names.dns1123_label("Web") == [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    ]
    assert names.dns1123_label("a" * 64) == ["must be no more than 63 bytes"]
    assert names.dns1123_subdomain("a.b") == []
    assert names.dns1123_subdomain("a..b") != []
    assert names.dns1035_label("1a") != []
    assert names.qualified_name("example.com/app") == []
    assert names.qualified_name("/app") == [
        "prefix part must be non-empty",
    ]
    assert len(names.qualified_name("a/")) == 2
    assert names.label_value("") == []
    assert names.label_value("a b") != []
    assert names.config_map_key("..x") == ["must not start with '..'"]
    assert names.env_var_name("A=B") != []
    assert names.port_name("http") == []
    assert names.port_name("80") == ["must contain at least one letter (a-z)"]
    assert names.path_segment("a/b") == ["may not contain '/'"]
    assert names.dns1123_label("web\n") != []


def test_hashes() -> None:
    assert hashing.fnv32a(b"foobar") == 0xBF9CF968
    assert hashing.fnv32(b"foobar") == 0x31F0B262
    assert hashing.fnv32a(b"bar", hashing.fnv32a(b"foo")) == hashing.fnv32a(b"foobar")
    assert hashing.safe_encode("0123456789") == "456789bcdf"


def test_int_or_string() -> None:
    assert intorstr.scaled_value(3, 10, round_up=True) == 3
    assert intorstr.scaled_value("25%", 10, round_up=True) == 3
    assert intorstr.scaled_value("25%", 10, round_up=False) == 2
    with pytest.raises(intorstr.IntOrStringError):
        intorstr.scaled_value("many", 10, round_up=True)


def test_field_paths() -> None:
    pod = {"metadata": {"name": "web", "labels": {"app": "x", "b": 'q"'}}, "status": {"podIP": "10.0.0.1"}}
    assert fieldpath.as_text(pod, "metadata.name") == "web"
    assert fieldpath.as_text(pod, "metadata.labels['app']") == "x"
    assert fieldpath.as_text(pod, "metadata.labels") == 'app="x"\nb="q\\""'
    assert fieldpath.as_text(pod, "metadata.annotations['no']") == ""
    with pytest.raises(fieldpath.FieldPathError):
        fieldpath.as_text(pod, "metadata")


def test_a_frozen_tree_raises_on_every_write() -> None:
    tree = freeze({"a": [1, {"b": 2}], "c": {}})
    writes = [
        lambda: tree.update(x=1), lambda: tree.pop("a"), lambda: tree.setdefault("z", 1), lambda: tree["a"].append(1),
        lambda: tree["a"].sort(), lambda: tree["a"][1].clear(), lambda: tree["a"].__setitem__(0, 2),
        lambda: tree.__delitem__("a"), lambda: tree["a"].__iadd__([1]), lambda: tree.__ior__({"x": 1}),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(FrozenError):
            write()
    assert tree == {"a": [1, {"b": 2}], "c": {}}


def test_a_frozen_tree_encodes_and_copies_like_an_ordinary_one() -> None:
    plain = {"a": [1, {"b": None}], "c": "d"}
    tree = freeze(plain)
    assert orjson.dumps(tree) == orjson.dumps(plain)
    assert json.dumps(tree) == json.dumps(plain)
    for changeable in (copy.deepcopy(tree), thaw(tree)):
        changeable["a"][1]["b"] = 1
        assert plain["a"] == [1, {"b": None}]
    assert freeze(tree) is tree

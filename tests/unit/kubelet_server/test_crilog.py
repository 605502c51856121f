"""The CRI log format and reading its files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubelet.server.crilog import (
    LogLine,
    LogOptions,
    MalformedLine,
    Selector,
    nano_time,
    options_from_query,
    parse_line,
    tail_start,
)
from pybernetes.kubelet.server.logs import read_log

T = "2026-11-21T04:05:2{}.5Z"


def line(second: int, text: str, stream: str = "stdout", tag: str = "F") -> bytes:
    return f"{T.format(second)} {stream} {tag} {text}\n".encode()


def test_parse_line() -> None:
    assert parse_line(b"2016-10-06T00:17:09.669794202Z stdout P a b  c") == LogLine(
        "2016-10-06T00:17:09.669794202Z", "stdout", True, b"a b  c"
    )
    assert parse_line(b"t stderr F:x ").text == b""
    assert parse_line(b"t stderr F").text == b""
    for bad in (b"", b"plain text", b"t stdlog F x", b"t stdout X y"):
        with pytest.raises(MalformedLine):
            parse_line(bad)


@pytest.mark.parametrize(
    ("time", "printed"),
    [
        ("2026-11-21T04:05:28Z", "2026-11-21T04:05:28.000000000Z"),
        ("2026-11-21T04:05:28.5Z", "2026-11-21T04:05:28.500000000Z"),
        ("2026-11-21T04:05:28.123456789+02:00", "2026-11-21T04:05:28.123456789+02:00"),
    ],
)
def test_nano_time(time: str, printed: str) -> None:
    assert nano_time(time) == printed


def test_options_from_query() -> None:
    now = 1_790_000_000.0
    query = {"follow": "true", "tailLines": "5", "sinceSeconds": "60", "timestamps": "1", "limitBytes": "9"}
    assert options_from_query(query, now) == LogOptions(True, True, 5, 9, now - 60)
    assert options_from_query({"sinceTime": "1970-01-01T00:01:00Z", "stream": "Stderr"}, now).since == 60.0
    assert options_from_query({"follow": "false"}, now) == LogOptions()
    for bad in ({"tailLines": "x"}, {"sinceTime": "yesterday"}, {"stream": "Both"}):
        with pytest.raises(ValueError):
            options_from_query(bad, now)


def selected(options: LogOptions, *lines: bytes) -> bytes:
    selector = Selector(options)
    return b"".join(selector.select(parse_line(text.rstrip(b"\n"))) for text in lines)


def test_selector_joins_partial_lines_with_one_timestamp_each() -> None:
    lines = (line(1, "ab", tag="P"), line(2, "err", "stderr"), line(3, "cd"), line(4, "e"))
    assert selected(LogOptions(), *lines) == b"aberr\ncd\ne\n"
    assert selected(LogOptions(stream="Stdout"), *lines) == b"abcd\ne\n"
    stamped = selected(LogOptions(timestamps=True, stream="Stdout"), *lines)
    assert stamped == b"2026-11-21T04:05:21.500000000Z abcd\n2026-11-21T04:05:24.500000000Z e\n"


def test_selector_since_and_limit() -> None:
    lines = tuple(line(n, str(n)) for n in range(5))
    since = 1795233922.5  # 04:05:22.5
    assert selected(LogOptions(since=since), *lines) == b"2\n3\n4\n"
    assert selected(LogOptions(limit_bytes=5), *lines) == b"0\n1\n2"
    selector = Selector(LogOptions(limit_bytes=1))
    selector.select(parse_line(lines[0]))
    assert selector.done


@given(
    st.lists(st.binary(max_size=5).filter(lambda b: b"\n" not in b), min_size=1, max_size=8),
    st.integers(0, 10),
)
def test_tail_start_is_the_last_lines(lines: list[bytes], count: int) -> None:
    block = b"".join(text + b"\n" for text in lines)
    at = tail_start(block, count)
    if count >= len(lines) and count:
        assert at is None
    else:
        assert block[at:] == b"".join(text + b"\n" for text in lines[len(lines) - count :])


async def collect(path: Path, options: LogOptions, running: bool = False) -> bytes:
    async def still() -> bool:
        return running

    return b"".join([data async for data in read_log(path, options, still)])


def test_reading_a_file_from_its_tail(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(line(1, f"line {n:06}") for n in range(20_000)) + b"junk\n" + line(2, "end"))
    whole = asyncio.run(collect(path, LogOptions()))
    assert whole.count(b"\n") == 20_001
    assert asyncio.run(collect(path, LogOptions(tail_lines=4))) == b"line 019998\nline 019999\nend\n"
    assert asyncio.run(collect(path, LogOptions(tail_lines=0))) == b""
    assert asyncio.run(collect(path, LogOptions(tail_lines=10**6))) == whole
    assert asyncio.run(collect(path, LogOptions(limit_bytes=20))) == whole[:20]
    with pytest.raises(FileNotFoundError):
        asyncio.run(collect(tmp_path / "none", LogOptions()))


def test_following_through_growth_rotation_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybernetes.kubelet.server.logs.POLL", 0.001)
    path = tmp_path / "0.log"
    path.write_bytes(line(1, "one") + b"2026-11-21T04:05:21Z stdout F ha")

    async def main() -> None:
        alive = True

        async def running() -> bool:
            return alive

        stream = read_log(path, LogOptions(follow=True), running)
        assert await anext(stream) == b"one\n"
        with path.open("ab") as file:
            file.write(b"lf\n")
        assert await anext(stream) == b"half\n"
        with path.open("ab") as file:
            path.rename(tmp_path / "0.log.1")
            file.write(line(2, "last of the old"))
        path.write_bytes(line(3, "first of the new"))
        assert await anext(stream) == b"last of the old\n"
        assert await anext(stream) == b"first of the new\n"
        with path.open("ab") as file:
            file.write(line(4, "bye"))
        alive = False
        assert [data async for data in stream] == [b"bye\n"]

    asyncio.run(main())

"""The CRI log format (`kubelet/apis/cri` "container logs"): pure parsing and selecting of lines.

A line is `2016-10-06T00:17:09.669794202Z stdout F text`: time, stream, tags (parted by colons, the first P for a
partial line or F for a full one), text. A long line of a container comes as several P lines and one F line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pybernetes.lang import timestamps

LogStream = Literal["All", "Stdout", "Stderr"]

_FRACTION = re.compile(r"(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What `PodLogOptions` asks. `since` is Unix seconds; None is "not given"."""

    follow: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: float | None = None
    stream: LogStream = "All"


@dataclass(frozen=True, slots=True)
class LogLine:
    time: str
    stream: str
    partial: bool
    text: bytes


class MalformedLine(ValueError):
    """Not a line of the CRI format."""


def options_from_query(query: Mapping[str, str], now: float) -> LogOptions:
    """`PodLogOptions` as query parameters. Raises ValueError with the parameter's name where one does not parse."""

    def number(name: str) -> int | None:
        text = query.get(name, "")
        try:
            return int(text) if text else None
        except ValueError as error:
            raise ValueError(f"{name}: {text!r} is not a number") from error

    since_seconds, since_time = number("sinceSeconds"), query.get("sinceTime", "")
    since = None if since_seconds is None else now - since_seconds
    if since_time:
        since = timestamps.parse(since_time)
    stream = query.get("stream") or "All"
    if stream not in ("All", "Stdout", "Stderr"):
        raise ValueError(f"stream: {stream!r} is not one of All, Stdout, Stderr")
    return LogOptions(
        follow=is_true(query.get("follow", "")),
        timestamps=is_true(query.get("timestamps", "")),
        tail_lines=number("tailLines"),
        limit_bytes=number("limitBytes"),
        since=since,
        stream="All" if stream == "All" else "Stdout" if stream == "Stdout" else "Stderr",
    )


def is_true(text: str) -> bool:
    """A boolean query parameter as upstream converts it: present and neither "false" nor "0" (nor empty)."""
    return text.lower() not in ("", "false", "0")


def parse_line(line: bytes) -> LogLine:
    """One line without its line feed. Raises MalformedLine."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        raise MalformedLine(f"not a CRI log line: {line[:100]!r}")
    tag = parts[2].split(b":")[0]
    if tag not in (b"P", b"F"):
        raise MalformedLine(f"unknown tag {tag!r}")
    text = parts[3] if len(parts) == 4 else b""
    return LogLine(parts[0].decode("ascii", "replace"), parts[1].decode(), tag == b"P", text)


def nano_time(time: str) -> str:
    """The time with all nine digits of its fraction, as upstream prints it."""
    return _FRACTION.sub(lambda m: f"{(m[1] or '.'):0<10}{m[2]}", time)


class Selector:
    """Turns log lines into the bytes to send: by stream and time, with timestamps, up to the byte limit.

    `done` says that the limit is reached.
    """

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._left = options.limit_bytes
        # Whether the last line sent of a stream was partial: its continuation gets no timestamp.
        self._continues: dict[str, bool] = {}
        self._passed_since = options.since is None
        self.done = self._left is not None and self._left <= 0

    def select(self, line: LogLine) -> bytes:
        """What this line adds to the output; b"" where nothing."""
        wanted = self._options.stream
        if self.done or (wanted != "All" and wanted.lower() != line.stream) or not self._recent(line):
            return b""
        text = line.text if line.partial else line.text + b"\n"
        if self._options.timestamps and not self._continues.get(line.stream):
            text = nano_time(line.time).encode() + b" " + text
        self._continues[line.stream] = line.partial
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
            self.done = self._left <= 0
        return text

    def _recent(self, line: LogLine) -> bool:
        """Lines are in order of time: once one is recent enough, all that follow are."""
        if not self._passed_since and self._options.since is not None:
            try:
                self._passed_since = timestamps.parse(line.time) >= self._options.since
            except ValueError:
                return False
        return self._passed_since


def tail_start(block: bytes, lines: int) -> int | None:
    """Where the last `lines` lines of a file begin in its last bytes, or None where the block does not hold that many.

    An unfinished last line counts as one.
    """
    if lines <= 0:
        return len(block)
    at = len(block) - 1 if block.endswith(b"\n") else len(block)
    for _ in range(lines):
        at = block.rfind(b"\n", 0, at)
        if at < 0:
            return None
    return at + 1

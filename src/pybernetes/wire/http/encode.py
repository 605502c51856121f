"""The bytes of a response's head and chunks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from http import HTTPStatus

from pybernetes.wire.http.messages import Chunk, HeaderPairs

STATUS_LINES: dict[int, str] = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# Below this a response goes out as one joined write; above, joining would copy more than a second write costs.
JOIN_LIMIT = 64 * 1024


def has_body(method: str, status: int) -> bool:
    """Whether an answer may carry a body at all (RFC 9110, 6.4.1)."""
    return method != "HEAD" and status >= 200 and status not in (204, 304)


def date_line(now: float) -> str:
    """The Date header for Unix time `now`."""
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(now))


def head(status: int, headers: HeaderPairs, *more: str) -> bytes:
    """Status line and headers; `more` are whole lines with their line ends. The headers were checked."""
    lines = [STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n", *more]
    for name, value in headers:
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1", "replace")


def check(headers: HeaderPairs) -> None:
    """Raises ValueError where a header would break out of its line: a handler may pass on what a client sent."""
    text = "".join([part for pair in headers for part in pair])
    if "\r" not in text and "\n" not in text:
        return
    for name, value in headers:
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"header {name!r} holds a line break")


def names(headers: HeaderPairs) -> set[str]:
    """The lower-case names present."""
    return {name.lower() for name, _ in headers}


def length(headers: HeaderPairs) -> int | None:
    """The Content-Length that is told."""
    return next((int(value) for name, value in headers if name.lower() == "content-length"), None)


class Framed:
    """One chunk of the chunked coding, joined, for data below JOIN_LIMIT. The last one is kept: a change that a thousand
    watchers see is one chunk for all of them."""

    def __init__(self) -> None:
        self._data = self._chunk = b""

    def __call__(self, data: bytes) -> bytes:
        if self._data is not data:
            self._data, self._chunk = data, b"%x\r\n%b\r\n" % (len(data), data)
        return self._chunk


framed = Framed()


def chunk(data: Chunk) -> list[bytes]:
    """One chunk of the chunked coding, as buffers."""
    if isinstance(data, list):
        return [b"%x\r\n" % sum(map(len, data)), *data, b"\r\n"]
    return [b"%x\r\n" % len(data), data, b"\r\n"]


async def exactly(size: int, body: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks of a body whose head has told its size. Raises ValueError where they do not keep to it: the client
    would take the rest for the next answer."""
    left = size
    async for data in body:
        left -= sum(map(len, data)) if isinstance(data, list) else len(data)
        if left < 0:
            raise ValueError(f"a body of more than the {size} bytes that its head tells of")
        yield data
    if left:
        raise ValueError(f"a body of {size - left} bytes in the place of {size}")

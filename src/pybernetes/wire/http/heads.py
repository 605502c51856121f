"""Heads of requests that were parsed before: a client sends the same header lines with every request.

What the lines mean is a function of their bytes alone, so a memory of them can never be wrong. Only plain requests are
remembered: a known method, a target in origin form, a body of a told length, a connection that goes on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pybernetes.wire.http.messages import Headers

REMEMBERED = 512
"""Blocks of header lines; the oldest goes."""
LONGEST = 4096
"""Bytes of a block that is worth remembering: 2 MiB at the very most in all."""
MOST = 64
"""Headers of such a block: as objects they are much larger than as bytes."""

PLAIN_REQUEST = re.compile(rb'(GET|PUT|POST|PATCH|DELETE|HEAD) (/[!"$-~]*) HTTP/1\.1\r\n')
LINES_END = b"\r\n\r\n"
SPECIAL = frozenset({"upgrade", "transfer-encoding", "expect"})
"""Headers that change how the message goes on."""


class Head(NamedTuple):
    """What the header lines of a request say. The headers are shared: nobody may change them."""

    headers: Headers
    length: int


class RememberedHeads:
    """The memory, one for all connections of a server."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def read(self, data: bytes) -> tuple[str, str, Headers, bytes] | None:
        """Method, target, headers and body where `data` is exactly one request with known header lines."""
        line = PLAIN_REQUEST.match(data)
        if line is None:
            return None
        start = line.end()
        end = data.find(LINES_END, start)
        head = self._known.get(data[start:end])
        if head is None or end < 0 or len(data) != end + 4 + head.length:
            return None
        method, target = line.groups()
        return method.decode(), target.decode(), head.headers, data[end + 4 :]

    def remember(self, data: bytes, headers: Headers, size: int) -> None:
        """`data` was parsed as exactly one request, after which the connection goes on: its headers, and the size of
        its body."""
        line = PLAIN_REQUEST.match(data)
        if line is None or len(headers) > MOST or not SPECIAL.isdisjoint(headers):
            return
        end = data.find(LINES_END, line.end())
        if end < 0 or end - line.end() > LONGEST or len(data) != end + 4 + size:
            return
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[data[line.end() : end]] = Head(headers, size)

"""A head that was seen before is read as it was the first time, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pybernetes.wire.http.heads import REMEMBERED, RememberedHeads
from pybernetes.wire.http.messages import Headers, Request
from pybernetes.wire.http.parsing import Limits, Refusal, RequestParser

LINES = (
    "Host: x",
    "Host: y",
    "Accept: application/json",
    "accept: text/html",
    "Content-Length: 4",
    "Content-Length: 0",
    "Content-Length: 40",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Expect: 100-continue",
    "X-Twice: 1",
    "X-Twice: 2",
    "Bad line",
)
STARTS = (
    "GET / HTTP/1.1",
    "GET /api/v1/pods?watch=true HTTP/1.1",
    "PATCH /a%20b HTTP/1.1",
    "GET /a#b HTTP/1.1",
    "GET http://host/path HTTP/1.1",
    "GET / HTTP/1.0",
    "CONNECT / HTTP/1.1",
    "FETCH / HTTP/1.1",
    "GET  / HTTP/1.1",
)
MESSAGES = st.builds(
    lambda start, lines, body: "\r\n".join([start, *lines, "", body]).encode(),
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(LINES), max_size=4),
    st.sampled_from(("", "body", "4\r\nbody\r\n0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
)
Seen = list[tuple[object, ...]]


def parser(heads: RememberedHeads) -> RequestParser:
    return RequestParser(Limits(), lambda *parts: Request(*parts), heads)


def turns(of: RequestParser) -> Seen:
    found: Seen = []
    while of.turns:
        turn = of.turns.popleft()
        if isinstance(turn.request, Refusal):
            found.append((turn.request.status, turn.request.message, turn.keep_alive))
        else:
            request = turn.request
            told = (request.method, request.target, request.headers.pairs(), request.body)
            found.append((*told, turn.keep_alive, turn.http11))
    return found


def fed(pieces: list[bytes], heads: RememberedHeads | None) -> tuple[Seen, bool, bytes | None]:
    """What comes of `pieces` on one connection; without `heads`, nothing is remembered from piece to piece."""
    reader, found = parser(heads or RememberedHeads()), Seen()
    for piece in pieces:
        if heads is None:
            reader._heads = RememberedHeads()
        reader.feed(piece)
        found += turns(reader)
    return found, reader.finished, None if reader.held is None else bytes(reader.held)


PARTIAL = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r"
"""Its end is still to come; what is there is as long as three bytes and the body that the head tells of."""


@settings(max_examples=400, deadline=None)
@given(st.lists(MESSAGES, min_size=1, max_size=4), st.lists(MESSAGES, max_size=3), st.integers(1, 80))
@example([b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + b"x" * 40, PARTIAL], [], 80)
def test_connections_that_remember_read_what_others_read(
    pieces: list[bytes], seen: list[bytes], cut: int
) -> None:
    heads = RememberedHeads()
    for message in seen:
        fed([message], heads)
    fed(pieces, heads)
    assert fed(pieces, heads) == fed(pieces, None)
    in_parts = [part for piece in pieces for part in (piece[:cut], piece[cut:]) if part]
    assert fed(in_parts, heads) == fed(in_parts, None)


def test_the_same_lines_are_parsed_once() -> None:
    heads = RememberedHeads()
    message = b"GET /a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
    assert heads.read(message) is None
    fed([message], heads)
    known = heads.read(message.replace(b"/a", b"/b?c=d"))
    assert known == ("GET", "/b?c=d", Headers([("host", "x"), ("accept", "*/*")]), b"")


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    heads = RememberedHeads()
    for number in range(REMEMBERED + 1):
        fed([b"GET / HTTP/1.1\r\nHost: %d\r\n\r\n" % number], heads)
    assert heads.read(b"GET / HTTP/1.1\r\nHost: 0\r\n\r\n") is None
    assert heads.read(b"GET / HTTP/1.1\r\nHost: 1\r\n\r\n") is not None

"""A lean HTTPS client for measuring: prebuilt requests over non-blocking TLS sockets, answers hardly looked at.

It runs in processes of its own (`spawn`), pinned away from the server, so that what it costs is not the server's.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

BUFFER = 256 * 1024
LAST_CHUNK = b"\r\n0\r\n\r\n"
SAMPLED = 20
"""Of so many watchers, one has the delays of its events measured."""
STAMP = b'"sent":"'


@dataclass(frozen=True)
class Target:
    """Where the server is, and the files of the credentials."""

    port: int
    authority: str
    pair: str

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.pair)
        return context


@dataclass
class Result:
    """Seconds of every request, and from the first to the last."""

    times: list[float]
    took: float
    bytes: int = 0


def request(method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """A whole request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + body


class Client:
    """One connection."""

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        raw = socket.create_connection(("127.0.0.1", target.port), 30)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.socket.setblocking(False)
        self.buffer = bytearray(BUFFER)
        self.began = 0.0
        self.parts: list[bytes] = []
        self.missing = -1
        """Bytes of the answer still to come; -1: the head has not come, -2: it is chunked."""

    def send(self, data: bytes) -> None:
        self.began = time.perf_counter()
        self.parts.clear()
        self.missing = -1
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)

    def answered(self) -> bool:
        """Reads what there is; whether the answer is whole. Raises RuntimeError for any code but 2xx."""
        while True:
            try:
                size = self.socket.recv_into(self.buffer)
            except ssl.SSLWantReadError:
                return False
            if not size:
                raise RuntimeError("the server closed the connection")
            if self._take(size):
                return True

    def _take(self, size: int) -> bool:
        data = bytes(memoryview(self.buffer)[:size])
        if self.missing == -1:
            data = b"".join((*self.parts, data))
            head, found, _ = data.partition(b"\r\n\r\n")
            if not found:
                self.parts = [data]
                return False
            if data[9:10] != b"2":
                raise RuntimeError(data[:1000].decode())
            length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
            self.missing = int(length) + len(head) + 4 if length else -2
            size = len(data)
            self.parts = []
        if self.missing >= 0:
            self.missing -= size
            self.parts.append(data)
            return self.missing <= 0
        self.parts.append(data)
        tail = data if len(data) >= len(LAST_CHUNK) else b"".join(self.parts[-3:])
        return tail.endswith(LAST_CHUNK)

    def ask(self, data: bytes) -> bytes:
        """One request on its own; the answer, its head included."""
        self.send(data)
        while not self.answered():
            select.select([self.socket], [], [], 60)
        return b"".join(self.parts)


def closed_loop(target: Target, connections: int, requests: Sequence[bytes]) -> Result:
    """Sends all requests, each connection its next one when it has its answer."""
    context = target.context()
    poll = select.epoll()
    clients = {}
    for _ in range(connections):
        client = Client(target, context)
        clients[client.socket.fileno()] = client
        poll.register(client.socket.fileno(), select.EPOLLIN)
    waiting: Iterator[bytes] = iter(requests)
    times: list[float] = []
    size = 0
    started = time.perf_counter()
    for client in clients.values():
        if (first := next(waiting, None)) is not None:
            client.send(first)
    while len(times) < len(requests):
        for descriptor, _ in poll.poll(60):
            client = clients[descriptor]
            if client.answered():
                times.append(time.perf_counter() - client.began)
                size += sum(map(len, client.parts))
                if (following := next(waiting, None)) is not None:
                    client.send(following)
    return Result(times, time.perf_counter() - started, size)


def paced(target: Target, connections: int, per_second: float, requests: Sequence[bytes]) -> Result:
    """Sends requests at a fixed pace, over whichever connection is free; each says in its body when it was sent
    (where the placeholder of `stamped` stands)."""
    context = target.context()
    poll = select.epoll()
    idle: list[Client] = []
    busy: dict[int, Client] = {}
    for _ in range(connections):
        idle.append(Client(target, context))
        poll.register(idle[-1].socket.fileno(), select.EPOLLIN)
    times: list[float] = []
    sent = 0
    started = time.perf_counter()
    while len(times) < len(requests):
        now = time.perf_counter()
        while sent < len(requests) and idle and (not per_second or now >= started + sent / per_second):
            client = idle.pop()
            client.send(requests[sent].replace(PLACEHOLDER, b"%020d" % time.monotonic_ns()))
            busy[client.socket.fileno()] = client
            sent += 1
        wait = (
            started + sent / per_second - time.perf_counter() if per_second and sent < len(requests) else 0.01
        )
        for descriptor, _ in poll.poll(max(wait, 0.0)):
            client = busy.get(descriptor)
            if client is None:  # a TLS ticket
                next(c for c in idle if c.socket.fileno() == descriptor).answered()
            elif client.answered():
                times.append(time.perf_counter() - client.began)
                idle.append(busy.pop(descriptor))
    return Result(times, time.perf_counter() - started)


PLACEHOLDER = b"TTTTTTTTTTTTTTTTTTTT"


@dataclass
class Seen:
    """What the watchers of one process saw: events, the seconds of the sampled ones, from the first to the last."""

    events: int
    delays: list[float]
    first: float
    last: float


def watch(target: Target, watchers: int, path: str, expected: int, ready: Any) -> Seen:
    """Opens watches and reads until each has had `expected` events (or nothing comes any more)."""
    context = target.context()
    poll = select.epoll()
    clients: dict[int, tuple[Client, bool]] = {}
    for number in range(watchers):
        client = Client(target, context)
        client.socket.setblocking(True)
        client.socket.sendall(request("GET", path))
        head = client.socket.recv(65536)
        assert head.startswith(b"HTTP/1.1 200"), head
        client.socket.setblocking(False)
        clients[client.socket.fileno()] = (client, number % SAMPLED == 0)
    for descriptor in clients:
        poll.register(descriptor, select.EPOLLIN)
    ready.set()
    seen, wanted = Seen(0, [], 0.0, 0.0), expected * watchers
    buffer = bytearray(BUFFER)
    view = memoryview(buffer)
    while seen.events < wanted:
        happened = poll.poll(10)
        if not happened:
            break
        for descriptor, _ in happened:
            client, sampled = clients[descriptor]
            try:
                while size := client.socket.recv_into(buffer):
                    data = view[:size].tobytes()
                    seen.events += data.count(b"}\n")
                    if sampled:
                        _sample(data, seen)
            except ssl.SSLWantReadError:
                continue
        seen.last = time.perf_counter()
        seen.first = seen.first or seen.last
    return seen


def _sample(data: bytes, seen: Seen) -> None:
    """Notes the delay of each event. An event cut by a read is left out: there are enough."""
    now = time.monotonic_ns()
    at = data.find(STAMP)
    while at >= 0:
        text = data[at + len(STAMP) : at + len(STAMP) + 20]
        if len(text) == 20 and text.isdigit():
            seen.delays.append((now - int(text)) / 1e9)
        at = data.find(STAMP, at + 28)


# ---- processes


@dataclass
class Job:
    """A function running in a pinned process of its own."""

    process: multiprocessing.process.BaseProcess
    pipe: Any

    def result(self) -> Any:
        """Waits for its answer. Raises RuntimeError with what it raised."""
        answer, error = self.pipe.recv()
        self.process.join()
        if error:
            raise RuntimeError(error)
        return answer


SPAWN = multiprocessing.get_context("spawn")


def run(core: int, function: Callable[..., Any], *arguments: Any) -> Job:
    """Starts `function(*arguments)` in a process on one core."""
    mine, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_in_process, args=(core, theirs, function, arguments), daemon=True)
    process.start()
    return Job(process, mine)


def event() -> Any:
    """Something that a process can set."""
    return SPAWN.Event()


def _in_process(core: int, pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    try:
        pipe.send((function(*arguments), ""))
    except Exception as error:  # noqa: BLE001  (raised again by `Job.result`)
        pipe.send((None, f"{type(error).__name__}: {error}"))


def body(tree: dict[str, Any]) -> bytes:
    return json.dumps(tree, separators=(",", ":")).encode()

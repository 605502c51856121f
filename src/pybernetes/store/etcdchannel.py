"""Connections to the members of an etcd cluster, and what their errors mean. All gRPC is in here and `etcdwatch.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from .types import FutureRevision, LeaseNotFound, StoreError, Unavailable

M = TypeVar("M", bound=Message)

CALL_SECONDS = 10.0
"""How long one unary call may take before the member counts as unreachable."""
KEEPALIVE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files. `ca` verifies the members ("" uses the machine's roots); `cert` and `key` identify us."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        ca, cert, key = (Path(name).read_bytes() if name else None for name in (self.ca, self.cert, self.key))
        return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=cert)


class EtcdChannel:
    """One member at a time, the next one after a failure. Endpoints are `http://host:port` or `https://host:port`;
    a bare `host:port` is plain unless TLS files are given."""

    def __init__(self, endpoints: Sequence[str], tls: TlsFiles | None) -> None:
        if not endpoints:
            raise ValueError("an etcd store needs at least one endpoint")
        self._channels = [_open(endpoint, tls) for endpoint in endpoints]
        self._at = 0
        self._calls: dict[tuple[int, str], Any] = {}
        """Prepared calls by member and path: making one costs as much as using it."""

    def __len__(self) -> int:
        return len(self._channels)

    @property
    def current(self) -> grpc.aio.Channel:
        return self._channels[self._at]

    def move_on(self, failed: grpc.aio.Channel) -> None:
        """Turns to the next member, unless another caller already has left the one that failed."""
        if failed is self.current:
            self._at = (self._at + 1) % len(self._channels)

    async def unary(self, path: str, request: Message, answer: type[M], *, repeat: bool = False) -> M:
        """One call. `repeat` (only for calls that change nothing, or the same again) tries each member once.

        Raises Unavailable, FutureRevision, LeaseNotFound, ValueError (a wrong request), and `CompactedError` where
        a revision is gone (etcd does not say here what the oldest is).
        """
        attempts = len(self._channels) if repeat else 1
        while True:
            channel = self.current
            call = channel.unary_unary(
                path,
                request_serializer=type(request).SerializeToString,
                response_deserializer=answer.FromString,
            )
            try:
                return await call(request, timeout=CALL_SECONDS)  # type: ignore[no-any-return]
            except grpc.aio.AioRpcError as error:
                attempts -= 1
                meaning = meaning_of(error)
                if isinstance(meaning, Unavailable):
                    self.move_on(channel)
                    if attempts > 0:
                        continue
                raise meaning from error

    def stream(self, path: str, request: type[Message], answer: type[Message], **options: Any) -> Any:
        """A two-way stream at the current member: `write` to it, `read_answer` from it, `cancel` it."""
        call: Any = self.current.stream_stream(
            path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString
        )
        return call(**options)

    async def close(self) -> None:
        await asyncio.gather(*(channel.close(None) for channel in self._channels))


async def read_answer(stream: Any, _type: type[M]) -> M:
    """The next message. Raises AioRpcError, and ConnectionResetError where the member ended the stream."""
    answer = await stream.read()
    if answer is grpc.aio.EOF:  # type: ignore[attr-defined]
        raise ConnectionResetError("etcd ended the stream")
    return answer  # type: ignore[no-any-return]


class CompactedError(StoreError):
    """etcd's "required revision has been compacted", without the number that the store's `Compacted` has."""


def meaning_of(error: grpc.aio.AioRpcError) -> Exception:
    """What the store raises for an error of etcd's. Codes and texts: etcd's api/v3rpc/rpctypes."""
    details = error.details() or ""
    match error.code():
        case grpc.StatusCode.OUT_OF_RANGE:
            return CompactedError(details) if "compacted" in details else FutureRevision(details)
        case grpc.StatusCode.NOT_FOUND if "lease" in details:
            return LeaseNotFound(details)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return ValueError(details)
        case code:
            return Unavailable(f"etcd: {code.name}: {details}")


def _open(endpoint: str, tls: TlsFiles | None) -> grpc.aio.Channel:
    scheme, separator, target = endpoint.rstrip("/").rpartition("://")
    secure = scheme == "https" if separator else tls is not None
    options: Any = KEEPALIVE_OPTIONS
    if secure:
        return grpc.aio.secure_channel(target, (tls or TlsFiles()).credentials(), options=options)
    return grpc.aio.insecure_channel(target, options=options)

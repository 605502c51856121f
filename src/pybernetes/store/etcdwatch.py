"""One watch on etcd: a stream that is opened again, at another member if need be, from where it broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from .etcdchannel import EtcdChannel, meaning_of, read_answer
from .etcdconvert import Converter
from .etcdpb import rpc_pb2
from .types import Compacted, Event, Unavailable, WatchBatch

GIVE_UP_SECONDS = 60.0
"""For which a broken watch is retried before its iterator raises Unavailable."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
WATCH_PATH = "/etcdserverpb.Watch/Watch"
BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, ConnectionResetError)
"""What reading or writing a stream raises when it is over."""


MARKER = "\0progress"
"""Follows the first key of a watched range: where progress is found out by writing (see `EtcdStore.progress`)."""


class EtcdWatch:
    """An iterator of batches, used by one task. Events of one revision are never split between batches: fragments
    (etcd cuts responses at 1.5 MiB when asked to) are put together again.

    `trusts_progress` False: etcd's word that everything up to a revision was sent is not believed, only events are.
    """

    def __init__(
        self,
        channel: EtcdChannel,
        converter: Converter,
        key: str,
        end: str | None,
        revision: int,
        *,
        trusts_progress: bool,
    ) -> None:
        self._channel = channel
        self._converter = converter
        self._key = converter.key(key)
        self._end = converter.key(end)
        self._trusts_progress = trusts_progress
        self.marker = key + MARKER if end is not None else None
        """A key of the range that nobody else writes; its events are shown as progress."""
        self._next = revision
        """The first revision not delivered yet; 0 before etcd has told where a watch from now starts."""
        self._stream: Any = None
        self._used: grpc.aio.Channel | None = None
        self._parts: list[Event] = []
        self._closed = False

    def __aiter__(self) -> AsyncIterator[WatchBatch]:
        return self

    async def open(self) -> None:
        """Starts the stream and waits until etcd has accepted the watch. Raises Compacted, Unavailable."""
        self._used = self._channel.current
        self._stream = self._channel.stream(WATCH_PATH, rpc_pb2.WatchRequest, rpc_pb2.WatchResponse)
        self._parts = []
        create = rpc_pb2.WatchCreateRequest(
            key=self._key,
            range_end=self._end,
            start_revision=self._next,
            prev_kv=True,
            progress_notify=True,
            fragment=True,
        )
        try:
            await self._stream.write(rpc_pb2.WatchRequest(create_request=create))
            response = await read_answer(self._stream, rpc_pb2.WatchResponse)
        except BROKEN as error:
            self._channel.move_on(self._used)
            raise _unavailable(error) from error
        self._refuse_canceled(response)
        if not self._next:
            self._next = response.header.revision + 1

    async def __anext__(self) -> WatchBatch:
        while True:
            if self._closed:
                raise StopAsyncIteration
            try:
                response = await read_answer(self._stream, rpc_pb2.WatchResponse)
            except (*BROKEN, asyncio.CancelledError) as error:
                # `close` cancels the stream, which shows here as a cancellation; one of our own task goes on.
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and (
                    not self._is_closed() or (task is not None and task.cancelling())
                ):
                    raise
                await self._reopen(error)
                continue
            self._refuse_canceled(response)
            batch = self._take(response)
            if batch is not None:
                return batch

    def _take(self, response: rpc_pb2.WatchResponse) -> WatchBatch | None:
        """The batch that is complete with this response, if one is."""
        self._parts += map(self._converter.event, response.events)
        if response.fragment or response.created:
            return None
        events, self._parts = self._parts, []
        if events:
            # Not the header's revision: it may be that of a later write whose events are still to come.
            self._next = events[-1].kv.mod_revision + 1
            return WatchBatch(self._next - 1, [event for event in events if event.kv.key != self.marker])
        return WatchBatch(response.header.revision, ()) if self._trusts_progress else None

    def _refuse_canceled(self, response: rpc_pb2.WatchResponse) -> None:
        if not response.canceled:
            return
        if response.compact_revision:
            raise Compacted(response.compact_revision)
        raise Unavailable(f"etcd ended the watch: {response.cancel_reason}")

    async def _reopen(self, error: BaseException) -> None:
        """Opens the stream anew, with growing pauses. Raises Compacted, or Unavailable after GIVE_UP_SECONDS."""
        if self._closed:
            return
        if self._used is not None:
            self._channel.move_on(self._used)
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + GIVE_UP_SECONDS, FIRST_PAUSE
        while not self._closed:
            try:
                await self.open()
            except Unavailable:
                if loop.time() > give_up:
                    raise _unavailable(error) from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    async def ask_progress(self) -> None:
        """Asks etcd for an empty batch. A stream that is broken just now reports when it is open again."""
        with suppress(*BROKEN):
            await self._stream.write(rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest()))

    def _is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Ends the iteration."""
        self._closed = True
        if self._stream is not None:
            self._stream.cancel()


def _unavailable(error: BaseException) -> Unavailable:
    meaning = meaning_of(error) if isinstance(error, grpc.aio.AioRpcError) else None
    return meaning if isinstance(meaning, Unavailable) else Unavailable(f"etcd: watch: {error}")

"""The store of many machines: a real etcd v3 cluster over gRPC. Replication and durability are etcd's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc
import grpc.aio

from pybernetes.clock import Env

from .etcdchannel import CALL_SECONDS, CompactedError, EtcdChannel, TlsFiles, meaning_of, read_answer
from .etcdconvert import Converter
from .etcdpb import rpc_pb2
from .etcdwatch import EtcdWatch
from .types import (
    Compacted,
    Compare,
    Lease,
    LeaseNotFound,
    Op,
    Put,
    RangeResult,
    TxnResult,
    Unavailable,
    WatchBatch,
)

RELIABLE_PROGRESS = {(3, 4): 31, (3, 5): 13}
"""Patch releases from which a progress answer never overtakes events (upstream's list; later minors all do)."""


class EtcdStore:
    """A `Store` on etcd. Made by `connect`. Keys are stored below `prefix`.

    `progress_is_reliable` is False where the members are so old that etcd's answer about progress may come before
    events that it claims to follow (etcd-io/etcd issue 15220): then `progress` does not ask, it writes.
    """

    def __init__(self, channel: EtcdChannel, prefix: str, version: str) -> None:
        self._channel = channel
        self._converter = Converter(prefix)
        self._watches: set[EtcdWatch] = set()
        self._closed = False
        self.version = version
        self.progress_is_reliable = _reliable_progress(version)

    @classmethod
    async def connect(
        cls, endpoints: Sequence[str], _env: Env, prefix: str = "", *, tls: TlsFiles | None = None
    ) -> EtcdStore:
        """Connects and asks for the version. Raises Unavailable where no endpoint answers, OSError where a TLS file
        cannot be read."""
        channel = EtcdChannel(endpoints, tls)
        try:
            status = await channel.unary(
                "/etcdserverpb.Maintenance/Status",
                rpc_pb2.StatusRequest(),
                rpc_pb2.StatusResponse,
                repeat=True,
            )
        except BaseException:
            await channel.close()
            raise
        return cls(channel, prefix, status.version)

    async def range(
        self, key: str, end: str | None = None, *, revision: int = 0, limit: int = 0, count_only: bool = False
    ) -> RangeResult:
        self._check_open()
        request = self._converter.range_request(key, end, revision, limit, count_only)
        try:
            response = await self._channel.unary(
                "/etcdserverpb.KV/Range", request, rpc_pb2.RangeResponse, repeat=True
            )
        except CompactedError as error:
            raise Compacted(await self._compact_revision()) from error
        return self._converter.range_result(response, response.header.revision)

    async def now(self) -> int:
        return (await self.range("/")).revision

    async def txn(
        self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op] = ()
    ) -> TxnResult:
        self._check_open()
        request = self._converter.txn_request(compares, then, otherwise)
        return self._converter.txn_result(
            await self._channel.unary("/etcdserverpb.KV/Txn", request, rpc_pb2.TxnResponse)
        )

    def watch(
        self, key: str, end: str | None = None, *, revision: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchBatch]]:
        return self._watch(key, end, revision)

    @asynccontextmanager
    async def _watch(self, key: str, end: str | None, revision: int) -> AsyncIterator[EtcdWatch]:
        self._check_open()
        trusts = self.progress_is_reliable
        watch = EtcdWatch(self._channel, self._converter, key, end, revision, trusts_progress=trusts)
        self._watches.add(watch)
        try:
            await watch.open()
            yield watch
        finally:
            watch.close()
            self._watches.discard(watch)

    async def progress(self) -> None:
        """See `Store.progress`. Where etcd's own word cannot be trusted, a marker is written into each watched range: its
        event comes after all that were written before. A watch of a single key is told nothing then."""
        if self.progress_is_reliable:
            await asyncio.gather(*(watch.ask_progress() for watch in self._watches))
            return
        markers = {watch.marker for watch in self._watches if watch.marker is not None}
        for marker in sorted(markers):
            await self.txn([], [Put(marker, b"")])

    async def compact(self, revision: int) -> None:
        self._check_open()
        request = rpc_pb2.CompactionRequest(revision=revision)
        try:
            await self._channel.unary("/etcdserverpb.KV/Compact", request, rpc_pb2.CompactionResponse)
        except CompactedError as error:
            raise Compacted(await self._compact_revision()) from error

    async def grant(self, ttl: int) -> Lease:
        self._check_open()
        response = await self._channel.unary(
            "/etcdserverpb.Lease/LeaseGrant", rpc_pb2.LeaseGrantRequest(TTL=ttl), rpc_pb2.LeaseGrantResponse
        )
        return Lease(response.ID, response.TTL)

    async def keep_alive(self, lease: int) -> Lease:
        self._check_open()
        stream = self._channel.stream(
            "/etcdserverpb.Lease/LeaseKeepAlive",
            rpc_pb2.LeaseKeepAliveRequest,
            rpc_pb2.LeaseKeepAliveResponse,
            timeout=CALL_SECONDS,
        )
        try:
            await stream.write(rpc_pb2.LeaseKeepAliveRequest(ID=lease))
            response = await read_answer(stream, rpc_pb2.LeaseKeepAliveResponse)
        except grpc.aio.AioRpcError as error:
            raise meaning_of(error) from error
        except (ConnectionResetError, asyncio.InvalidStateError) as error:
            raise Unavailable(f"etcd: keep-alive: {error}") from error
        finally:
            stream.cancel()
        if response.TTL <= 0:
            raise LeaseNotFound(f"requested lease {lease:x} not found")
        return Lease(response.ID, response.TTL)

    async def revoke(self, lease: int) -> None:
        self._check_open()
        request = rpc_pb2.LeaseRevokeRequest(ID=lease)
        await self._channel.unary("/etcdserverpb.Lease/LeaseRevoke", request, rpc_pb2.LeaseRevokeResponse)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for watch in list(self._watches):
            watch.close()
        await self._channel.close()

    async def _compact_revision(self) -> int:
        """The oldest revision that can be read: what etcd tells a watch that asks for the very first one."""
        try:
            async with asyncio.timeout(CALL_SECONDS), self._watch("\0", None, 1) as watch:
                async for _ in watch:
                    pass
        except Compacted as error:
            return error.compact_revision
        except TimeoutError as error:
            raise Unavailable("etcd does not tell its compact revision") from error
        raise Unavailable("the store is closed")

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed")


def _reliable_progress(version: str) -> bool:
    major, minor, patch = (int(part) for part in version.split("-")[0].split(".")[:3])
    if (major, minor) < (3, 4):
        return False
    return patch >= RELIABLE_PROGRESS.get((major, minor), 0)

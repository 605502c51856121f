"""Between the store's words and etcd's messages: pure functions. Keys get the store's prefix on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .etcdpb import kv_pb2, rpc_pb2
from .types import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    Get,
    KeyValue,
    Op,
    Put,
    PutResult,
    RangeResult,
    TxnResult,
)

_RESULTS = {
    "==": rpc_pb2.Compare.EQUAL,
    "!=": rpc_pb2.Compare.NOT_EQUAL,
    "<": rpc_pb2.Compare.LESS,
    ">": rpc_pb2.Compare.GREATER,
}


@dataclass(frozen=True, slots=True)
class Converter:
    """`prefix` stands before every key in etcd and is not seen by the store's users."""

    prefix: str = ""

    def key(self, key: str | None) -> bytes:
        """A key or a range's end as etcd has it; None (no end) is empty."""
        return b"" if key is None else (self.prefix + key).encode()

    def key_value(self, kv: kv_pb2.KeyValue) -> KeyValue:
        return KeyValue(
            kv.key.decode()[len(self.prefix) :],
            kv.value,
            kv.create_revision,
            kv.mod_revision,
            kv.version,
            kv.lease,
        )

    def event(self, event: kv_pb2.Event) -> Event:
        previous = self.key_value(event.prev_kv) if event.HasField("prev_kv") else None
        deleted = event.type == kv_pb2.Event.DELETE
        return Event("delete" if deleted else "put", self.key_value(event.kv), previous)

    def range_request(
        self, key: str, end: str | None, revision: int, limit: int, count_only: bool
    ) -> rpc_pb2.RangeRequest:
        return rpc_pb2.RangeRequest(
            key=self.key(key), range_end=self.key(end), revision=revision, limit=limit, count_only=count_only
        )

    def range_result(self, response: rpc_pb2.RangeResponse, revision: int) -> RangeResult:
        return RangeResult(
            revision, [self.key_value(kv) for kv in response.kvs], response.count, response.more
        )

    def txn_request(
        self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op]
    ) -> rpc_pb2.TxnRequest:
        return rpc_pb2.TxnRequest(
            compare=[self._compare(compare) for compare in compares],
            success=[self._op(op) for op in then],
            failure=[self._op(op) for op in otherwise],
        )

    def txn_result(self, response: rpc_pb2.TxnResponse) -> TxnResult:
        revision = response.header.revision
        answers = [self._answer(answer, revision) for answer in response.responses]
        return TxnResult(revision, response.succeeded, answers)

    def _compare(self, compare: Compare) -> rpc_pb2.Compare:
        message = rpc_pb2.Compare(key=self.key(compare.key), result=_RESULTS[compare.op])
        match compare.target, compare.value:
            case "value", bytes(value):
                message.target, message.value = rpc_pb2.Compare.VALUE, value
            case "mod", int(number):
                message.target, message.mod_revision = rpc_pb2.Compare.MOD, number
            case "create", int(number):
                message.target, message.create_revision = rpc_pb2.Compare.CREATE, number
            case "version", int(number):
                message.target, message.version = rpc_pb2.Compare.VERSION, number
            case "lease", int(number):
                message.target, message.lease = rpc_pb2.Compare.LEASE, number
            case _:
                raise ValueError(f"{compare.target} cannot be compared with {compare.value!r}")
        return message

    def _op(self, op: Op) -> rpc_pb2.RequestOp:
        match op:
            case Put(key, value, lease):
                put = rpc_pb2.PutRequest(key=self.key(key), value=value, lease=lease, prev_kv=True)
                return rpc_pb2.RequestOp(request_put=put)
            case Delete(key, end):
                delete = rpc_pb2.DeleteRangeRequest(key=self.key(key), range_end=self.key(end), prev_kv=True)
                return rpc_pb2.RequestOp(request_delete_range=delete)
            case Get(key, end, limit):
                return rpc_pb2.RequestOp(request_range=self.range_request(key, end, 0, limit, False))

    def _answer(self, answer: rpc_pb2.ResponseOp, revision: int) -> PutResult | DeleteResult | RangeResult:
        match answer.WhichOneof("response"):
            case "response_put":
                put = answer.response_put
                return PutResult(self.key_value(put.prev_kv) if put.HasField("prev_kv") else None)
            case "response_delete_range":
                return DeleteResult([self.key_value(kv) for kv in answer.response_delete_range.prev_kvs])
            case _:
                return self.range_result(answer.response_range, revision)

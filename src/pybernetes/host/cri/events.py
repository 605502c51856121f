"""containerd's own event stream: containers that start and end, told at once, so that the kubelet need not poll.

CRI's GetContainerEvents is not implemented by the containerd of Debian 12. Its native service
`containerd.services.events.v1.Events/Subscribe` is: the messages are few and small, so they are read here field by field.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import grpc.aio

from pybernetes.kubelet.runtime import ContainerEvent, ContainerEventType, Unavailable

METHOD = "/containerd.services.events.v1.Events/Subscribe"
FILTER = 'topic~="/tasks/(start|exit)"'
NAMESPACE = "k8s.io"
TYPES: dict[str, ContainerEventType] = {
    "/tasks/start": "STARTED",
    "/tasks/exit": "STOPPED",
}
VARINT, LENGTH_DELIMITED = 0, 2


def container_events(channel: grpc.aio.Channel) -> AsyncIterator[ContainerEvent]:
    """Events from now on: the subscription is under way when this returns. The iterator raises Unavailable when the stream
    breaks. Sandboxes' own containers are among them."""
    subscribe = channel.unary_stream(METHOD, _as_is, _as_is)
    return _read(
        subscribe(_string(1, FILTER), metadata=(("containerd-namespace", NAMESPACE),), wait_for_ready=False)
    )


async def _read(stream: grpc.aio.UnaryStreamCall[bytes, bytes]) -> AsyncIterator[ContainerEvent]:
    try:
        async for envelope in stream:
            event = parse(envelope)
            if event is not None:
                yield event
    except grpc.aio.AioRpcError as error:
        raise Unavailable(error.details() or error.code().name) from error
    finally:
        stream.cancel()
    raise Unavailable("the event stream has ended")


def parse(envelope: bytes) -> ContainerEvent | None:
    """The event in an Envelope: timestamp = 1, namespace = 2, topic = 3, event (an Any) = 4. In the event's value,
    container_id is field 1, and in an exit `id` (2) is the process: only the container's own counts."""
    fields = dict(_fields(envelope))
    kind = TYPES.get(_text(fields.get(3)))
    content = dict(_fields(dict(_fields(_bytes(fields.get(4)))).get(2)))
    container_id = _text(content.get(1))
    if kind is None or not container_id:
        return None
    process = (
        _text(content.get(2)) if kind == "STOPPED" and _text(fields.get(3)) == "/tasks/exit" else container_id
    )
    if process != container_id:
        return None
    stamp = dict(_fields(_bytes(fields.get(1))))
    return ContainerEvent(container_id, kind, _number(stamp.get(1)) + _number(stamp.get(2)) / 1e9)


def _fields(message: int | bytes | None) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: numbers and byte strings (the only kinds in these messages)."""
    data = _bytes(message)
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == VARINT:
            number, at = _varint(data, at)
            yield tag >> 3, number
        elif tag & 7 == LENGTH_DELIMITED:
            length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at


def _string(field: int, text: str) -> bytes:
    data = text.encode()
    return bytes((field << 3 | LENGTH_DELIMITED, len(data))) + data


def _bytes(value: int | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: int | bytes | None) -> str:
    return _bytes(value).decode(errors="replace")


def _number(value: int | bytes | None) -> int:
    return value if isinstance(value, int) else 0


def _as_is(message: bytes) -> bytes:
    return message

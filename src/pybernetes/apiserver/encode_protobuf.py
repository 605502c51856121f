"""Replies as Kubernetes' protobuf: an object's message is encoded once and kept beside its stored bytes.

A GET wraps that message in an envelope, a LIST strings many of them together, a watch event wraps the envelope: the
same bytes serve them all. Imported where the first client asks for protobuf.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from . import protobuf
from .negotiation import Form
from .protobuf import envelope
from .replies import ListReply, TreeReply, VersionReply
from .version import Version
from .window import Delivery

CHUNK = 50
"""Objects that are encoded before other requests get their turn."""


def speaks(kind: Kind) -> bool:
    """Whether the kind has a protobuf form: custom resources have none."""
    return bool(protobuf.speaking(kind.schema))


def message(kind: Kind, version: Version, revision: int = 0) -> bytes:
    """A stored object's message. `revision` is given where it differs from the version's."""
    if kind.storage_version or revision not in (0, version.revision):
        tree = version.tree_at(revision) if revision else version.decoded()
        return protobuf.encode_message(kind.schema, kind.from_stored(tree) if kind.storage_version else tree)
    known = version.protobuf
    if known is None:
        known = version.protobuf = protobuf.encode_message(kind.schema, version.decoded())
    return known


def body(reply: VersionReply | TreeReply, form: Form) -> bytes:
    """The body of an answer that is one object."""
    kind = reply.kind
    if isinstance(reply, VersionReply) and not form.shape:
        data = message(reply.kind, reply.version, reply.revision)
        return envelope.wrap(reply.kind.api_version, reply.kind.kind, data)
    tree = reply.tree()
    if form.shape and kind is not None and tree.get("kind") != "Status":
        return envelope.partial_body(tree["metadata"], form.version)
    return tree_body(tree, kind)


def tree_body(tree: Obj, kind: Kind | None = None) -> bytes:
    """The body of any object whose type is known. Raises ProtobufError."""
    own = kind is not None and tree.get("kind") == kind.kind
    return protobuf.encode(tree, kind.schema if own and kind is not None else "")


def list_parts(reply: ListReply, form: Form) -> list[bytes]:
    """The body of a list, in pieces."""
    parts = _ListParts(reply, form)
    for chunk in parts.chunks():
        parts.add(chunk)
    return parts.whole()


async def list_chunks(reply: ListReply, form: Form) -> AsyncIterator[bytes | list[bytes]]:
    """The same for a long list: others get their turns meanwhile. Nothing can be sent before all is encoded, since
    a message begins with its length; what was encoded before is there at once.
    """
    parts = _ListParts(reply, form)
    for chunk in parts.chunks():
        parts.add(chunk)
        await asyncio.sleep(0)
    whole = parts.whole()
    for start in range(0, len(whole), 4 * CHUNK):
        yield whole[start : start + 4 * CHUNK]


class _ListParts:
    def __init__(self, reply: ListReply, form: Form) -> None:
        self._reply = reply
        self._form = form
        self._parts: list[bytes] = [envelope.list_metadata(reply.metadata)]

    def chunks(self) -> Iterator[Sequence[Version]]:
        versions = self._reply.versions
        return (versions[start : start + CHUNK] for start in range(0, len(versions), CHUNK))

    def add(self, versions: Sequence[Version]) -> None:
        kind = self._reply.kind
        for version in versions:
            if self._form.shape:
                tree = version.decoded()
                shown = kind.from_stored(tree) if kind.storage_version else tree
                self._parts.extend(envelope.item(envelope.partial(shown["metadata"])))
            else:
                self._parts.extend(envelope.item(message(kind, version)))

    def whole(self) -> list[bytes]:
        kind, form = self._reply.kind, self._form
        api_version = f"meta.k8s.io/{form.version}" if form.shape else kind.api_version
        name = form.shape or f"{kind.kind}List"
        head = envelope.head(api_version, name, sum(map(len, self._parts)))
        return [head, *self._parts, envelope.TAIL]


def delivered(kind: Kind, delivery: Delivery) -> bytes:
    """A watch event as it goes out, encoded once for all its watchers."""
    known = delivery.frame
    if known is None or kind.storage_version:
        data = message(kind, delivery.version, delivery.revision)
        known = envelope.frame(delivery.type, envelope.wrap(kind.api_version, kind.kind, data))
        if not kind.storage_version:
            delivery.frame = known
    return known


def added(kind: Kind, version: Version) -> bytes:
    """The event of an object that is there when a watch starts."""
    return envelope.frame("ADDED", envelope.wrap(kind.api_version, kind.kind, message(kind, version)))


def event(kind: Kind, type_: str, tree: Obj, form: Form) -> bytes:
    """The event of an object that is given as a tree of `kind` (or a Status)."""
    if form.shape and type_ != "ERROR":
        return envelope.frame(type_, envelope.partial_body(tree["metadata"], form.version))
    return envelope.frame(type_, tree_body(tree, kind))

"""One stored version of one object: its exact bytes, and what lists and watches select it by.

A stored value is compact JSON that starts with `{"metadata":{` and holds no resourceVersion, because that is the
revision of the write and known only after it. Whoever sends it puts the resourceVersion in at that fixed place: a copy
of the bytes, no parsing. The tree is decoded when somebody in this process first asks, and shared from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern

import orjson

from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

HEAD = b'{"metadata":{'
_HEAD_LENGTH = len(HEAD)
_NOTHING: Mapping[str, str] = {}


def encode(tree: Obj) -> bytes:
    """The value to store for a tree: metadata first, without resourceVersion (and selfLink, which is gone)."""
    metadata = {k: v for k, v in tree["metadata"].items() if k != "resourceVersion"}
    value = orjson.dumps({"metadata": metadata, **{k: v for k, v in tree.items() if k != "metadata"}})
    return bytes(memoryview(value))  # an exact copy: orjson's buffer may be half empty


def revision_of(resource_version: str) -> int:
    """The revision that a resourceVersion names. Raises ValueError."""
    return int(resource_version)


class Version:
    """A version in force from `revision` on. Immutable once settled."""

    __slots__ = (
        "_tree",
        "fields",
        "key",
        "labels",
        "name",
        "namespace",
        "protobuf",
        "revision",
        "uid",
        "value",
    )

    def __init__(
        self, kind: Kind, key: str, value: bytes, revision: int, tree: MutableObj | None = None
    ) -> None:
        """`tree`, where the caller has it, is what `value` says; it is given up to this version (revision 0: see
        `settle`)."""
        from_store = tree is None
        if not value.startswith(HEAD):  # written by another API server
            tree = orjson.loads(value)
            value = encode(tree)
        decoded: MutableObj = orjson.loads(value) if tree is None else tree
        if kind.restore is not None and from_store and kind.restore(decoded):
            value = encode(decoded)
        metadata = decoded["metadata"]
        self.key = key
        self.value = value
        self.revision = revision
        self.name: str = metadata.get("name", "")
        self.namespace: str = intern(metadata.get("namespace") or "")
        self.uid: str = metadata.get("uid", "")
        labels = metadata.get("labels")
        self.labels: Mapping[str, str] = _interned(labels) if labels else _NOTHING
        self.fields: Mapping[str, str] = (
            {field: read(decoded) for field, read in kind.selectable.items()} if kind.selectable else _NOTHING
        )
        self.protobuf: bytes | None = None
        """The object's protobuf message, once a client has asked for it (`encode_protobuf.message`)."""
        self._tree: Obj | None = None
        if tree is not None:
            self._tree = self._share(_stamped(tree, revision)) if revision else tree

    def settle(self, revision: int) -> None:
        """Notes the revision of the write that made this version (more than once: the same one)."""
        if revision == self.revision:
            return
        self.revision = revision
        self.protobuf = None
        if self._tree is not None:
            self._tree = self._share(_stamped(self._tree, revision))

    def tree(self) -> Obj:
        """The object, shared by everybody: read only."""
        tree = self._tree
        if tree is None:
            decoded = orjson.loads(self.value)
            decoded["metadata"]["resourceVersion"] = str(self.revision)
            tree = self._tree = self._share(decoded)
        return tree

    def decoded(self) -> Obj:
        """The tree, read only, for one use: not kept where nobody else has it decoded."""
        return self.private_tree() if self._tree is None else self._tree

    def forget_tree(self) -> None:
        """Drops the tree: it is decoded again if somebody asks."""
        self._tree = None

    def private_tree(self) -> MutableObj:
        """A fresh copy that the caller may change."""
        decoded: MutableObj = orjson.loads(self.value)
        decoded["metadata"]["resourceVersion"] = str(self.revision)
        return decoded

    def encoded(self, revision: int = 0) -> bytes:
        """The JSON to send. A deleted object is sent with the revision of its deletion."""
        return b'{"metadata":{"resourceVersion":"%d",%b' % (
            revision or self.revision,
            self.value[_HEAD_LENGTH:],
        )

    def document(self, revision: int = 0) -> bytes:
        """`encoded` as a response body: with a newline at the end."""
        return b'{"metadata":{"resourceVersion":"%d",%b\n' % (
            revision or self.revision,
            self.value[_HEAD_LENGTH:],
        )

    def tree_at(self, revision: int) -> Obj:
        """The tree as of its deletion (or of leaving a selection) at `revision`."""
        return self._share(_stamped(self.tree(), revision))

    def field(self, name: str) -> str:
        """The value of a selectable field ("" where the kind does not have it)."""
        if name == "metadata.name":
            return self.name
        if name == "metadata.namespace":
            return self.namespace
        return self.fields.get(name, "")

    @staticmethod
    def _share(tree: Obj) -> Obj:
        return tree

    def __repr__(self) -> str:
        return f"<Version {self.key} @{self.revision}>"


class FrozenVersion(Version):
    """A version whose trees raise when they are mutated: for tests."""

    __slots__ = ()

    @staticmethod
    def _share(tree: Obj) -> Obj:
        from pybernetes.lang.frozen import freeze

        frozen: Obj = freeze(tree)
        return frozen


def _stamped(tree: Obj, revision: int) -> MutableObj:
    return {**tree, "metadata": {**tree["metadata"], "resourceVersion": str(revision)}}


def _interned(labels: Mapping[str, str]) -> dict[str, str]:
    return {intern(key): intern(value) for key, value in labels.items()}


def join_items(versions: Iterable[Version]) -> bytes:
    """The items of a JSON list, without brackets."""
    return b",".join([version.encoded() for version in versions])

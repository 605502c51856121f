"""One stored version of one object: its exact bytes, and what lists and watches select it by.

A stored value is compact JSON that starts with `{"kind":…,"apiVersion":…,"metadata":{` and holds no resourceVersion,
because that is the revision of the write and known only after it. Whoever sends it puts the resourceVersion in at that
place, which is the same for all objects of a kind, and items of lists leave out what stands before the metadata: a copy
of the bytes, no parsing. The tree is decoded when somebody in this process first asks, and shared from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern

import orjson

from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

_NOTHING: Mapping[str, str] = {}
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What reading a value that another program has put into the store may raise."""

_FIRST = {"kind": "", "apiVersion": "", "metadata": None}
"""The order of the fields that come first."""


def encode(tree: Obj) -> bytes:
    """The value to store for a tree: its type first, then the metadata, without resourceVersion."""
    metadata = {k: v for k, v in tree["metadata"].items() if k != "resourceVersion"}
    ordered = {**_FIRST, **tree}
    ordered["metadata"] = metadata
    value = orjson.dumps(ordered)
    return bytes(memoryview(value))  # an exact copy: orjson's buffer may be half empty


@lru_cache(maxsize=512)
def head_of(kind: Kind) -> bytes:
    """What the values of a kind start with, up to and with the brace of the metadata."""
    return _head(kind.kind, kind.api_version)


def _head(kind: str, api_version: str) -> bytes:
    return orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": {}})[:-2]


def revision_of(resource_version: str) -> int:
    """The revision that a resourceVersion names. Raises ValueError."""
    return int(resource_version)


class Version:
    """A version in force from `revision` on. Immutable once settled."""

    __slots__ = (
        "_head",
        "_tree",
        "fields",
        "key",
        "labels",
        "name",
        "namespace",
        "protobuf",
        "revision",
        "stale",
        "uid",
        "value",
    )

    def __init__(
        self, kind: Kind, key: str, value: bytes, revision: int, tree: MutableObj | None = None
    ) -> None:
        """`tree`, where the caller has it, is what `value` says; it is given up to this version (revision 0: see
        `settle`)."""
        from_store = tree is None
        head = head_of(kind)
        stale = False
        if not value.startswith(head):  # written by another API server, or as another version of the kind
            tree = {"kind": kind.kind, "apiVersion": kind.api_version, **orjson.loads(value)}
            value = encode(tree)
            stale = from_store
        decoded: MutableObj = orjson.loads(value) if tree is None else tree
        if kind.restore is not None and from_store and kind.restore(decoded):
            value = encode(decoded)
            stale = True
        if not value.startswith(head):
            head = _head(decoded["kind"], decoded["apiVersion"])
        self.stale = stale
        """Whether the store has it as it would not be written today: a write that changes nothing is one, then."""
        metadata = decoded["metadata"]
        self._head = head
        """What `value` starts with; all versions of a kind share it."""
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
        head = self._head
        return b'%b"resourceVersion":"%d",%b' % (head, revision or self.revision, self.value[len(head) :])

    def item(self) -> tuple[bytes, memoryview]:
        """The JSON as an item of a list that says the type of them all, a comma before it; in two parts, to be copied
        only once."""
        return b',{"metadata":{"resourceVersion":"%d",' % self.revision, memoryview(self.value)[
            len(self._head) :
        ]

    def document(self, revision: int = 0) -> bytes:
        """`encoded` as a response body: with a newline at the end."""
        head = self._head
        return b'%b"resourceVersion":"%d",%b\n' % (head, revision or self.revision, self.value[len(head) :])

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
    """The items of a JSON list of a built-in kind, without brackets: the list alone says their type."""
    return b"".join([part for version in versions for part in version.item()])[1:]


def join_typed_items(versions: Iterable[Version]) -> bytes:
    """The same of custom resources, each of which says its type."""
    return b",".join([version.encoded() for version in versions])

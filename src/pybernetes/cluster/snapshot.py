"""A cluster in a file: its objects with their versions, and its nodes; also from what `kubectl get -o yaml` printed.

A loaded cluster begins as after a power cut: every object is there, containers start anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS
from pybernetes.api.meta import Obj, name_of, namespace_of, with_metadata
from pybernetes.apiserver.registry import storage_prefix
from pybernetes.apiserver.version import encode
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.store.mvcc import FIRST_REVISION, Mvcc
from pybernetes.store.types import KeyValue, Store, prefix_end

from .applying import documents
from .naming import kind_of

FORMAT = "pybernetes.io/snapshot/v1"


@dataclass(frozen=True, slots=True)
class Image:
    """What a cluster begins with. `time` is Unix time; 0 where it is not known."""

    kvs: Sequence[KeyValue]
    revision: int
    time: float = 0.0
    nodes: Sequence[NodeSpec] = field(default_factory=tuple)

    def mvcc(self) -> Mvcc:
        return Mvcc(self.kvs, self.revision)


async def save(path: Path, store: Store, time: float, nodes: Iterable[NodeSpec]) -> None:
    """Writes a snapshot as JSON. Leases of the store (events) are not kept."""
    found = await store.range("/registry/", prefix_end("/registry/"))
    tree = {
        "format": FORMAT,
        "revision": found.revision,
        "time": time,
        "nodes": [asdict(spec) for spec in nodes],
        "objects": [
            [kv.key, kv.create_revision, kv.mod_revision, kv.version, orjson.Fragment(kv.value)]
            for kv in found.kvs
            if not kv.lease
        ],
    }
    await asyncio.to_thread(path.write_bytes, orjson.dumps(tree))


def load(path: Path) -> Image:
    """Reads a snapshot, or manifests with their status (a dump, a directory of dumps). Raises OSError, YamlError,
    UnknownKind, TypeError."""
    if path.is_file():
        data = path.read_bytes()
        if data.startswith(b'{"format":"%s"' % FORMAT.encode()):
            return _of_snapshot(orjson.loads(data))
    return _of_objects(documents(path))


def _of_snapshot(tree: Any) -> Image:
    kvs = [
        KeyValue(key, orjson.dumps(value), create, mod, version)
        for key, create, mod, version, value in tree["objects"]
    ]
    nodes = [NodeSpec(**{**spec, "taints": tuple(spec["taints"])}) for spec in tree["nodes"]]
    return Image(kvs, tree["revision"], tree["time"], nodes)


def _of_objects(objects: Iterable[Obj]) -> Image:
    kvs, nodes = [], []
    revision = FIRST_REVISION
    for obj in objects:
        kind = kind_of(KINDS, obj)
        revision += 1
        stored = kind.to_stored(with_metadata(obj, resourceVersion=None, managedFields=None))
        kvs.append(KeyValue(_key(kind, obj), encode(stored), revision, revision))
        if kind.kind == "Node":
            nodes.append(NodeSpec(name_of(obj)))
    return Image(kvs, revision, 0.0, nodes)


def _key(kind: Kind, obj: Obj) -> str:
    namespace = f"{namespace_of(obj) or 'default'}/" if kind.namespaced else ""
    return f"{storage_prefix(kind)}{namespace}{name_of(obj)}"

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

from pybernetes.api.meta import Obj, name_of
from pybernetes.lang.quantity import units
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.store.mvcc import Mvcc
from pybernetes.store.types import KeyValue, Store, prefix_end

from .dumps import BadDump, load_objects, read

FORMAT = "pybernetes.io/snapshot/v1"


@dataclass(frozen=True, slots=True)
class Image:
    """What a cluster begins with. `time` is Unix time; 0 where it is not known."""

    kvs: Sequence[KeyValue]
    revision: int
    time: float = 0.0
    nodes: Sequence[NodeSpec] = field(default_factory=tuple)
    definitions: Sequence[str] = ()
    """CustomResourceDefinitions that must be served before the cluster can be used."""

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
    """Reads a snapshot, or manifests with their status (a dump, a directory of dumps). Raises OSError, BadDump."""
    if path.is_file():
        data = path.read_bytes()
        if data.startswith(b'{"format":"%s"' % FORMAT.encode()):
            return _of_snapshot(orjson.loads(data))
        if data.startswith(b'{"format":"pybernetes.io/'):
            raise BadDump(f"{path}: a snapshot of another version; this one reads {FORMAT}")
    loaded = load_objects(read(path))
    nodes = [_spec(node) for node in loaded.nodes]
    return Image(loaded.kvs, loaded.revision, 0.0, nodes, tuple(loaded.definitions))


def _of_snapshot(tree: Any) -> Image:
    kvs = [
        KeyValue(key, orjson.dumps(value), create, mod, version)
        for key, create, mod, version, value in tree["objects"]
    ]
    nodes = [NodeSpec(**{**spec, "taints": tuple(spec["taints"])}) for spec in tree["nodes"]]
    return Image(kvs, tree["revision"], tree["time"], nodes)


def _spec(node: Obj) -> NodeSpec:
    """A hollow node in the place of one that was dumped."""
    capacity = (node.get("status") or {}).get("capacity") or {}
    usual = NodeSpec(name_of(node))
    return NodeSpec(
        usual.name,
        cpu=int(units(str(capacity["cpu"]))) if "cpu" in capacity else usual.cpu,
        memory=int(units(str(capacity["memory"]))) if "memory" in capacity else usual.memory,
    )

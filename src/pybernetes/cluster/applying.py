"""`Cluster.apply`: manifests from text, files or trees, created or brought to what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of, with_metadata
from pybernetes.client.interface import Client
from pybernetes.lang.yamlload import load_documents

from .naming import kind_of

Manifest = str | Path | Obj | Sequence[Obj]
MANAGER = "pybernetes"


def documents(what: Manifest) -> list[Obj]:
    """The objects of YAML or JSON text, of a file, of a directory's `.yaml`, `.yml` and `.json` files in order, or
    of trees; Lists are taken apart. Raises YamlError, OSError, TypeError."""
    found: list[Any] = []
    if isinstance(what, Path) or (isinstance(what, str) and "\n" not in what and _is_path(what)):
        for path in _files(Path(what)):
            found += load_documents(path.read_bytes())
    elif isinstance(what, str):
        found = load_documents(what)
    elif isinstance(what, Mapping):
        found = [what]
    else:
        found = [*what]
    return [obj for tree in found for obj in _objects(tree)]


def _is_path(text: str) -> bool:
    return Path(text).exists()


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml", ".json"))


def _objects(tree: Any) -> Iterable[Obj]:
    if not isinstance(tree, Mapping) or "kind" not in tree:
        raise TypeError(f"not a manifest: {tree!r:.120}")
    if tree["kind"].endswith("List") and "items" in tree:
        return [obj for item in tree["items"] for obj in _objects(item)]
    return [tree]


class Applier:
    """Applies through one client. It is server-side apply, as manager `pybernetes`, with conflicts overridden."""

    def __init__(self, client: Client, kinds: Callable[[], Iterable[Kind]]) -> None:
        self._client = client
        self._kinds = kinds

    async def apply(self, obj: Obj, namespace: str) -> Obj:
        """The object as it is then. Raises ApiError, UnknownKind."""
        kind = kind_of(self._kinds(), obj)
        if kind.namespaced and not namespace_of(obj):
            obj = with_metadata(obj, namespace=namespace)
        client, space, name = self._client, namespace_of(obj), name_of(obj)
        if not name or "patch" not in kind.verbs:
            return await client.create(kind, obj)
        return await client.patch(
            kind, name, space, obj, patch_type="apply", field_manager=MANAGER, force=True
        )

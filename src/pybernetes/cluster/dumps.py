"""Reading what `kubectl get … -o yaml` printed (or manifests) as the content of a cluster, custom kinds included.

Pure, but for reading the files. What a dump leaves out is made good, as far as it can be told: missing namespaces, uids
and dates are filled in; owners are recognised by name where uids do not fit (dumps of several clusters, edited files);
references to owners that are not in the dump are left out, else the garbage collector would delete what they own. What
cannot be made good is an error that names the file, the document and the field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION, KINDS, NAMESPACE
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.schema import check
from pybernetes.apiserver.customresources.kinds import custom_kinds
from pybernetes.apiserver.registry import is_stored, storage_prefix
from pybernetes.apiserver.version import encode
from pybernetes.lang.timestamps import rfc3339
from pybernetes.lang.yamlload import YamlError, load_documents
from pybernetes.sim.loop import EPOCH
from pybernetes.store.mvcc import FIRST_REVISION
from pybernetes.store.types import KeyValue

SUFFIXES = (".yaml", ".yml", ".json")


class BadDump(ValueError):
    """A file cannot be loaded. The message names the file, the document and the field."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object of a dump, and where it stands."""

    where: str
    tree: Obj


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a store begins with."""

    kvs: Sequence[KeyValue]
    revision: int
    nodes: Sequence[Obj]
    definitions: Sequence[str]
    """Names of the CustomResourceDefinitions."""


def read(path: Path) -> list[Found]:
    """The objects of a file, or of a directory's files in order; Lists are taken apart. Raises BadDump, OSError."""
    found: list[Found] = []
    for file in _files(path):
        try:
            documents = load_documents(file.read_bytes())
        except YamlError as error:
            raise BadDump(f"{file}: {error}") from error
        for number, tree in enumerate(documents, 1):
            found += _objects(tree, f"{file}: document {number}")
    if not found:
        raise BadDump(f"{path}: no object is in it")
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
    if not files:
        raise BadDump(f"{path}: no {', '.join(SUFFIXES)} file is in this directory")
    return files


def _objects(tree: Any, where: str) -> Iterator[Found]:
    if not isinstance(tree, Mapping):
        raise BadDump(f"{where}: an object is wanted, not {tree!r:.60}")
    for field in ("apiVersion", "kind"):
        if not isinstance(tree.get(field), str) or not tree[field]:
            raise BadDump(f"{where}: {field} is missing")
    if tree["kind"].endswith("List") and "items" in tree:
        for number, item in enumerate(tree["items"] or (), 1):
            yield from _objects(item, f"{where}, item {number}")
        return
    metadata = tree.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise BadDump(f"{where}: {tree['kind']}: metadata.name is missing")
    yield Found(f"{where}: {tree['kind']} {metadata['name']}", tree)


def load_objects(found: Sequence[Found]) -> Loaded:
    """The content of a store. Definitions of custom kinds come first, so that their objects find them. Raises
    BadDump."""
    kinds = [kind for kind in KINDS if is_stored(kind)]
    kinds += _defined(found)
    rows = [_row(each, kinds) for each in found]
    rows += _missing_namespaces(rows)
    rows.sort(key=lambda row: _rank(row.kind))  # stable: else in the order of the files
    _refuse_doubles(rows)
    uids = {(row.kind.group, row.kind.kind, row.namespace, row.name): row.uid for row in rows}
    revision, kvs = FIRST_REVISION, []
    for row in rows:
        revision += 1
        kvs.append(KeyValue(row.key, encode(_stored(row, uids)), revision, revision))
    return Loaded(
        kvs,
        revision,
        [row.tree for row in rows if row.kind.kind == "Node" and not row.kind.group],
        [row.name for row in rows if row.kind is CUSTOMRESOURCEDEFINITION],
    )


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    kind: Kind
    tree: MutableObj

    @property
    def name(self) -> str:
        return str(self.tree["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.tree["metadata"].get("namespace") or "default") if self.kind.namespaced else ""

    @property
    def key(self) -> str:
        space = f"{self.namespace}/" if self.kind.namespaced else ""
        return f"{storage_prefix(self.kind)}{space}{self.name}"

    @property
    def uid(self) -> str:
        """Its own, or one that is always the same for the same object."""
        return str(self.tree["metadata"].get("uid") or _uid(self.key))


def _uid(key: str) -> str:
    text = hashlib.sha256(key.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _defined(found: Iterable[Found]) -> list[Kind]:
    """The kinds that the dump's own definitions define, in all their versions."""
    kinds: list[Kind] = []
    for each in found:
        if each.tree["kind"] != CUSTOMRESOURCEDEFINITION.kind:
            continue
        row = _row(each, [CUSTOMRESOURCEDEFINITION])
        CUSTOMRESOURCEDEFINITION.default(row.tree)
        try:
            made = custom_kinds(row.tree)
        except (KeyError, TypeError, ValueError) as error:
            raise BadDump(f"{each.where}: spec: {error!r}") from error
        kinds += [made.stored, *(kind for kind in made.served if kind is not made.stored)]
    return kinds


def _row(found: Found, kinds: Iterable[Kind]) -> _Row:
    version, name = found.tree["apiVersion"], found.tree["kind"]
    for kind in kinds:
        if (kind.api_version, kind.kind) == (version, name):
            break
    else:
        raise BadDump(
            f'{found.where}: kind: no kind "{name}" in version "{version}": it is not built in, and no '
            "CustomResourceDefinition of the dump defines it"
        )
    try:
        own = kind.own_schema
        tree, _ = check(found.tree, kind, "Ignore") if own is None else own.check(found.tree, "Ignore", ())
    except ApiError as error:
        raise BadDump(f"{found.where}: {error.message}") from error
    if kind.namespaced and not tree["metadata"].get("namespace"):
        tree = {**tree, "metadata": {**tree["metadata"], "namespace": "default"}}
    return _Row(found.where, kind, tree)


def _missing_namespaces(rows: Sequence[_Row]) -> list[_Row]:
    """Namespaces that objects are in and that the dump leaves out (`kubectl get -n` does)."""
    there = {row.name for row in rows if row.kind is NAMESPACE}
    wanted = dict.fromkeys(row.namespace for row in rows if row.namespace)
    return [_Row("", NAMESPACE, _namespace(name)) for name in wanted if name not in there]


def _namespace(name: str) -> MutableObj:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _rank(kind: Kind) -> int:
    return 0 if kind is CUSTOMRESOURCEDEFINITION else 1 if kind is NAMESPACE else 2


def _refuse_doubles(rows: Iterable[_Row]) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        if row.key in seen:
            raise BadDump(f"{row.where}: the same object is in {seen[row.key]} already")
        seen[row.key] = row.where


def _stored(row: _Row, uids: Mapping[tuple[str, str, str, str], str]) -> Obj:
    """The object as it lies in the store."""
    metadata = {
        k: v for k, v in row.tree["metadata"].items() if k not in ("resourceVersion", "managedFields")
    }
    metadata["uid"] = row.uid
    metadata.setdefault("creationTimestamp", rfc3339(EPOCH))
    owners = metadata.pop("ownerReferences", None) or ()
    if kept := [ref for each in owners if (ref := _owner(each, row, uids)) is not None]:
        metadata["ownerReferences"] = kept
    tree: MutableObj = {**row.tree, "metadata": metadata}
    if row.kind.own_schema is None:
        row.kind.default(tree)
    if row.kind is CUSTOMRESOURCEDEFINITION:
        tree["status"] = _established(tree)
    return row.kind.to_stored(tree)


def _established(definition: Obj) -> Obj:
    """The status of a definition whose kinds are served at once, before any controller looks at it."""
    spec, status = definition["spec"], definition.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    if (conditions.get("Established") or {}).get("status") == "True":
        return status
    rows = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    made = [
        {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": rfc3339(EPOCH),
        }
        for type_, reason, message in rows
    ]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    return {**status, "acceptedNames": spec["names"], "conditions": made, "storedVersions": stored}


def _owner(reference: Any, row: _Row, uids: Mapping[tuple[str, str, str, str], str]) -> Obj | None:
    """A reference with the uid that the owner has here; None for one that is not here."""
    version, kind, name = (reference.get(field) for field in ("apiVersion", "kind", "name"))
    if not (version and kind and name):
        raise BadDump(f"{row.where}: metadata.ownerReferences: apiVersion, kind or name is missing")
    group = version.rpartition("/")[0]
    for namespace in (row.namespace, ""):
        if uid := uids.get((group, kind, namespace, name)):
            return {**reference, "uid": uid}
    return None

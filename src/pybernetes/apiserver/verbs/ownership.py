"""`metadata.managedFields` of every write: who owns which field of an object from now on.

The rules are pure and live in `lang/apply`; here they meet kinds, requests and stored objects. Ownership follows what the
client sent, with defaults, before admission adds to it: what an admission plugin sets belongs to nobody.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import orjson

from pybernetes.api import schema
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.schema.decode import decode
from pybernetes.lang import timestamps
from pybernetes.lang.apply import managers
from pybernetes.lang.apply.fieldset import EMPTY, FieldSet
from pybernetes.lang.apply.managers import Author, Difference, Elsewhere
from pybernetes.lang.apply.typed import Composed, Type, compare, fits
from pybernetes.lang.patch_schema import Schemaless

from ..context import RequestContext
from ..writeoptions import manager_of

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
STATUS: FieldSet = {"f:status": EMPTY}


def record(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj | None) -> None:
    """Writes the owners into `new`, which is what the client wants, defaulted, instead of `old` (None: it is new).

    What `new` carries in `managedFields` is the client's word: it counts where it is another list than the stored one,
    and `[{}]` forgets all owners. An object without owners is not tracked until somebody applies to it.
    """
    metadata = new["metadata"]
    if ctx.managed_fields is not None:
        entries: Any = ctx.managed_fields
    elif old is None:
        entries = _of_created(ctx, kind, new) if _fits(kind, new) else []
    else:
        entries = _current(ctx, metadata.get("managedFields"), old["metadata"].get("managedFields"))
        if entries and _fits(kind, old, new):
            changes = difference(kind, old, new)
            if changes[0] or changes[1]:
                author, there = author_of(ctx, kind, "Update"), elsewhere(ctx, kind, old, new)
                entries = managers.after_update(entries, changes, author, there)
    if entries:
        metadata["managedFields"] = entries
    else:
        metadata.pop("managedFields", None)


def record_created(ctx: RequestContext, kind: Kind, new: MutableObj, spec: FieldSet) -> None:
    """The same for a new object with a spec whose fields are known."""
    new["metadata"]["managedFields"] = _of_created(ctx, kind, new, spec)


def _fits(kind: Kind, *trees: Obj) -> bool:
    """Whether the fields of objects can be told: what is no object of a custom kind is refused only later, and its
    fields belong to nobody."""
    return kind.own_schema is None or all(fits(_ownable(tree), type_of(kind)) for tree in trees)


def same_owners(new: Obj, old: Obj) -> bool:
    """Whether the owners are the same but for times."""
    return managers.same_owners(new["metadata"].get("managedFields"), old["metadata"].get("managedFields"))


def difference(kind: Kind, old: Obj, new: Obj) -> Difference:
    """What a write changes, of all that can be owned."""
    return compare(_ownable(old), _ownable(new), type_of(kind))


def elsewhere(ctx: RequestContext, kind: Kind, old: Obj, new: Obj) -> Elsewhere:
    """The same difference in another version of the kind."""

    def differ(api_version: str) -> Difference | None:
        group, _, version = api_version.rpartition("/")
        found = ctx.services.registry.find(group, version, kind.plural)
        if found is None or group != kind.group:
            return None
        other = found.kind
        before, after = (other.from_stored(kind.to_stored(tree)) for tree in (old, new))
        return difference(other, before, after) if _fits(other, before, after) else None

    return differ


def author_of(ctx: RequestContext, kind: Kind, operation: Literal["Apply", "Update"]) -> Author:
    """The author of this request."""
    now = timestamps.rfc3339(ctx.env.now())
    return Author(manager_of(ctx), operation, kind.api_version, now, ctx.info.subresource)


@lru_cache(maxsize=1024)
def type_of(kind: Kind) -> Type:
    """The kind's schema as ownership reads it."""
    if kind.own_schema is None and kind.schema:
        return Type(schema.patch_schema(kind.schema))
    text = Type(schema.Schema("string"))
    known = {"apiVersion": text, "kind": text, "metadata": Type(schema.patch_schema(OBJECT_META))}
    return Composed(known, kind.own_schema.patch_schema() if kind.own_schema is not None else Schemaless())


@lru_cache(maxsize=1024)
def empty_of(kind: Kind) -> Obj:
    """The kind's zero value as Go has it: the structs that are always there are not owned by who fills them."""
    return decode({}, kind.schema).tree if kind.schema and kind.own_schema is None else {"metadata": {}}


@lru_cache(maxsize=1024)
def _nothing_of(kind: Kind) -> Obj:
    tree = _ownable(empty_of(kind))
    if "status" in kind.subresources:
        tree.pop("status", None)
    return tree


def reset_fields(kind: Kind) -> FieldSet:
    """What a write of the whole object cannot change."""
    return STATUS if "status" in kind.subresources else EMPTY


def _of_created(ctx: RequestContext, kind: Kind, new: Obj, spec: FieldSet | None = None) -> list[Any]:
    tree = _ownable(new)
    if spec is not None:
        del tree["spec"]
    if "status" in kind.subresources:
        tree.pop("status", None)
    for field in ("labels", "annotations"):
        if values := tree["metadata"].get(field):
            tree["metadata"][field] = dict.fromkeys(
                values, ""
            )  # who owns them is the same, whatever they are
    text = orjson.dumps(tree)
    touched = _of_new(kind, text) if len(text) <= REMEMBERED_LENGTH else _of_new.__wrapped__(kind, text)
    if spec:
        touched = {**touched, "f:spec": spec}
    return [author_of(ctx, kind, "Update").entry(touched)] if touched else []


REMEMBERED_LENGTH = 8192
"""The longest object, in bytes, whose fields are kept for the next one of the same template."""


@lru_cache(maxsize=256)
def _of_new(kind: Kind, text: bytes) -> FieldSet:
    """The fields of a new object, given as JSON: one set for all that were made from one template."""
    touched, _ = compare(_nothing_of(kind), orjson.loads(text), type_of(kind))
    return touched


def _current(ctx: RequestContext, given: Any, live: Any) -> Any:
    """The entries that the write starts from. A subresource cannot set them."""
    if not given or given is live or ctx.info.subresource or given == live:
        return live or []
    if managers.is_reset(given):
        return []
    return given if managers.well_formed(given) else live or []


def _ownable(tree: Obj) -> MutableObj:
    """The object without what nobody owns: a new spine, so that the walk does not meet it."""
    metadata = {
        name: value for name, value in tree["metadata"].items() if name not in managers.UNTRACKED_METADATA
    }
    found = {name: value for name, value in tree.items() if name not in _NOT_OWNED}
    found["metadata"] = metadata
    return found


_NOT_OWNED = ("apiVersion", "kind", "metadata")

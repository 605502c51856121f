"""The object in a request's body: read, and checked against the schema of its kind and the request's path."""

from __future__ import annotations

from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.schema.duplicates import duplicate_fields, surely_none

from .. import fieldvalidation
from ..bodies import JSON, check_depth, decode, media_type
from ..context import RequestContext
from .unreadable import no_object, other_kind, unrecognized


def body_tree(ctx: RequestContext) -> tuple[Any, list[str]]:
    """The body as a tree, and a line for each field that it gives twice.

    A body from this process may share branches with the cache: it is read only.
    """
    if ctx.request is None:
        return ctx.body, []
    data, content_type = ctx.request.body, ctx.request.headers.get("content-type", "")
    try:
        tree = decode(data, content_type)
        compact = check_depth(tree)
    except BadRequest as error:
        raise unrecognized(ctx.kind, error.message, data) from error
    if media_type(content_type) == JSON and not surely_none(data, compact):
        return tree, duplicate_fields(data)
    return tree, []


def read_object(ctx: RequestContext, kind: Kind) -> MutableObj:
    """The object in the body as a tree of its own, its type and fields checked. Raises BadRequest."""
    tree, duplicates = body_tree(ctx)
    return check_object(ctx, kind, tree, duplicates)


def check_object(
    ctx: RequestContext,
    kind: Kind,
    tree: Any,
    duplicates: list[str] | None = None,
    known: Obj | None = None,
    *,
    share: bool = False,
) -> MutableObj:
    """The same for a tree that a patch has made of the stored object `known`. Missing apiVersion and kind are filled
    in. With `share`, what the patch left alone is not copied: only for who changes nothing in place that is in
    `known`."""
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        data = ctx.request.body if ctx.request is not None else b""
        raise no_object(kind, tree, data)
    api_version, kind_name = tree.get("apiVersion") or kind.api_version, tree.get("kind") or kind.kind
    if kind_name != kind.kind or api_version != kind.api_version:
        raise BadRequest(other_kind(kind, str(api_version), str(kind_name)))
    tree, managed_fields = _without_owners(tree)
    checked = fieldvalidation.check(ctx, kind, tree, duplicates or [], known, share=share)
    checked["apiVersion"], checked["kind"] = api_version, kind_name
    metadata = checked.get("metadata")
    checked["metadata"] = dict(metadata) if isinstance(metadata, dict) else {}
    if managed_fields:
        checked["metadata"]["managedFields"] = managed_fields
    return checked


def _without_owners(tree: MutableObj) -> tuple[MutableObj, Any]:
    """The tree without its managedFields, and those: large, rarely changed, and checked where they are used."""
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict):
        return tree, None
    entries = metadata.get("managedFields")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return tree, None
    return {**tree, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}, entries


def check_namespace(ctx: RequestContext, kind: Kind, tree: MutableObj) -> None:
    """The object's namespace is that of the URL: filled in, or compared; dropped where the kind has none."""
    metadata = tree["metadata"]
    if not kind.namespaced:
        metadata.pop("namespace", None)
        return
    given, wanted = metadata.get("namespace"), ctx.namespace
    if given and given != wanted:
        raise BadRequest(_NAMESPACE_MISMATCH)
    metadata["namespace"] = wanted


_NAMESPACE_MISMATCH = "the namespace of the provided object does not match the namespace sent on the request"

"""The `fieldValidation` parameter: what happens to fields that the schema does not know, or that are given twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pybernetes.api import schema
from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang.patch_schema import PatchSchema

from .context import RequestContext

MODES = ("Strict", "Warn", "Ignore")


def mode_of(query: Mapping[str, str]) -> schema.Mode:
    """The mode asked for; Warn where nothing is said, as upstream. Raises BadRequest."""
    text = query.get("fieldValidation", "")
    if not text:
        return "Warn"
    if text not in MODES:
        raise BadRequest(
            f'fieldValidation: Unsupported value: "{text}": supported values: "Ignore", "Strict", "Warn"'
        )
    return cast(schema.Mode, text)


def check(
    ctx: RequestContext,
    kind: Kind,
    tree: Any,
    duplicates: list[str],
    known: Obj | None = None,
    *,
    share: bool = False,
) -> MutableObj:
    """The tree as an object of the kind: a new one, which the caller may change (free-form parts excepted). `known`
    is the stored object that a patch was applied to; with `share` the branches that the patch left alone are those of
    `known`.

    Raises BadRequest for values of a wrong type, and in mode Strict for unknown and repeated fields.
    """
    mode = mode_of(ctx.query)
    if kind.own_schema is not None:
        checked, warnings = kind.own_schema.check(tree, mode, duplicates)
    else:
        checked, warnings = schema.check(tree, kind, mode, duplicates, known, share=share)
    for message in warnings:
        ctx.warn(message)
    return checked


def patch_schema(kind: Kind) -> PatchSchema | None:
    """What a strategic merge patch must know of the kind."""
    if kind.own_schema is not None:
        return kind.own_schema.patch_schema()
    return schema.patch_schema(kind.schema) if kind.schema else None

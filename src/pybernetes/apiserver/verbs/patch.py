"""patch: a change described relative to what is there, retried until it meets no other writer."""

from __future__ import annotations

from typing import Any

import orjson

from pybernetes.api.errors import BadRequest, Invalid, RequestEntityTooLarge, Unclassified, Undecodable
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.client.interface import PATCH_TYPES, PatchType
from pybernetes.lang import patch_json, patch_merge, patch_strategic
from pybernetes.lang.patch_schema import PatchSchema

from ..bodies import check_depth, check_size, decode_json, decode_yaml, media_type, unsupported
from ..context import RequestContext
from ..fieldvalidation import patch_schema
from ..replies import Reply
from ..writeoptions import check_options
from . import apply as serverside
from .body import check_object
from .change import Complete, change_object
from .objects import complete_status, complete_update
from .patchrefusal import undecodable

LANGUAGES: dict[str, PatchType] = {media: language for language, media in PATCH_TYPES.items()}
"""Content types, and the language of each."""


async def patch(ctx: RequestContext, complete: Complete = complete_update) -> Reply:
    """200 with the object as it is now. Raises Conflict only for a resourceVersion in the patch itself."""
    kind = ctx.kind
    change, language = read_patch(ctx)
    if language == "strategic" and kind.own_schema is not None:
        raise unsupported(tuple(media for media, other in LANGUAGES.items() if other != "strategic"))
    if language == "apply":
        return await serverside.apply(ctx, change, complete)
    schema = patch_schema(kind) if language == "strategic" else None
    share = kind.separable and complete in (complete_update, complete_status)

    def build(old: Obj) -> MutableObj:
        patched = apply(old, change, language, schema)
        try:
            new = check_object(ctx, kind, patched, known=old, share=share)
        except Undecodable as error:
            raise undecodable(change if language == "strategic" else None, patched, error.why) from error
        if new["metadata"].get("name") != old["metadata"]["name"]:
            raise BadRequest(
                f"the name of the object ({new['metadata'].get('name')}) does not match the name on the URL "
                f"({old['metadata']['name']})"
            )
        if not kind.namespaced:
            new["metadata"].pop("namespace", None)
        elif new["metadata"].get("namespace") != old["metadata"].get("namespace"):
            raise BadRequest(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        return new

    return await change_object(ctx, build, complete)


def read_patch(ctx: RequestContext) -> tuple[Any, PatchType]:
    """The decoded patch and its language. Raises UnsupportedMediaType, BadRequest."""
    if ctx.request is None:
        language = ctx.patch_type or "merge"
        if language not in LANGUAGES.values():
            raise unsupported(tuple(LANGUAGES))
        _check_options(ctx, language)
        return ctx.body, language
    data = ctx.request.body
    media = media_type(ctx.request.headers.get("content-type", ""))
    check_size(data)
    found = LANGUAGES.get(media)
    if found is None:
        raise unsupported(tuple(LANGUAGES))
    _check_options(ctx, found)
    if found == "apply":
        tree = _configuration(data)
    else:  # upstream reads YAML here too
        is_json = data[:1] in b"{[" or not data.strip()
        tree = decode_json(data, "error decoding patch: ") if is_json else decode_yaml(data)
    check_depth(tree)
    return tree, found


def _configuration(data: bytes) -> Any:
    """An applied configuration: YAML, of which JSON is the part that clients mostly send."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # YAML says what is wrong, if anything is
    try:
        return decode_yaml(data)
    except BadRequest as error:
        raise BadRequest(f"error decoding YAML: {error}") from error


def _check_options(ctx: RequestContext, language: PatchType) -> None:
    applies = language == "apply"
    check_options(ctx, "PatchOptions", applies=applies, patches=not applies)


def apply(old: Obj, change: Any, language: PatchType, schema: PatchSchema | None) -> MutableObj:
    """The patched tree; it may share branches with `old`. Raises BadRequest, Invalid."""
    try:
        if language == "json":
            result = patch_json.apply(old, change)
        elif not isinstance(change, dict):
            raise BadRequest(
                f"json: cannot unmarshal {patch_json.json_kind(change)} into Go value of type map[string]interface {{}}"
            )
        elif language == "merge":
            result = patch_merge.apply(old, change)
        else:
            result = patch_strategic.apply(old, change, schema)
    except patch_json.JsonPatchError as error:
        # Upstream does not tell more of it.
        raise Invalid(
            "the server rejected our request due to an error in our request", generic=True
        ) from error
    except patch_json.TooManyOperations as error:
        raise RequestEntityTooLarge(f"Request entity too large: {error}") from error
    except patch_strategic.ContentMismatch as error:
        raise Invalid(
            "the server rejected our request due to an error in our request", generic=True
        ) from error
    except (patch_json.BadJsonPatch, patch_strategic.BadPatchFormat) as error:
        raise BadRequest(f"{error}") from error
    except patch_strategic.StrategicPatchError as error:
        raise Unclassified(f"{error}") from error
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise BadRequest("the patch leaves no object")
    return result

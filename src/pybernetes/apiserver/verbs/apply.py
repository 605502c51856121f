"""Server-side apply (`PATCH` with `application/apply-patch+yaml`): the fields that a manager wants, and no others.

An object that is not there is created from them. What `kubectl apply` on the client's side wrote into the annotation
last-applied-configuration is honoured and kept up for the manager "kubectl", so that a user can change over.
"""

from __future__ import annotations

from typing import Any

import orjson

from pybernetes.api.errors import AlreadyExists, BadRequest, Cause, Conflict, NotFound, Unclassified
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj, evolve
from pybernetes.lang.apply import check, merge
from pybernetes.lang.apply.conflicts import Conflicts

from ..admission.chain import ensure_seen
from ..admission.plugin import Admission
from ..attributes import Attributes
from ..authz.forbidden import forbidden
from ..context import RequestContext
from ..replies import Reply
from ..writeoptions import forced
from .body import check_namespace, check_object
from .change import Complete, change_object
from .create import create_object
from .objects import conflict
from .ownership import author_of, elsewhere, empty_of, reset_fields, type_of

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATIONS = 256 * 1024
ATTEMPTS = 8
"""How often an object may appear and vanish under an apply."""


async def apply(ctx: RequestContext, config: Any, complete: Complete) -> Reply:
    """200 with the object as it is now, 201 with a new one. Raises Conflict where others own what would change."""
    kind = ctx.kind
    check_config(kind, config)
    reduced = reduce(kind, ctx.info.subresource, config)

    def build(old: Obj) -> MutableObj:
        tree = merged(ctx, kind, old, reduced)
        checked = check_object(ctx, kind, tree, known=old)
        check_identity(ctx, checked)
        check_namespace(ctx, kind, checked)
        return checked

    return await change_or_create(ctx, kind, reduced, build, complete)


async def change_or_create(
    ctx: RequestContext, kind: Kind, config: Obj, build: Any, complete: Complete
) -> Reply:
    """Applies to what is there, or creates; again where it comes or goes in between."""
    assert ctx.resource is not None
    missing = ctx.resource.stored().get(ctx.namespace, ctx.info.name) is None
    for attempt in range(ATTEMPTS):
        if missing and not ctx.info.subresource:
            try:
                return await _create(ctx, kind, config)
            except AlreadyExists:
                if ctx.dry_run or attempt + 1 == ATTEMPTS:
                    raise
                await ctx.services.cacher.fresh()
        try:
            return await change_object(ctx, build, complete)
        except NotFound as error:
            other = (error.kind, error.name) != (kind.plural, ctx.info.name)
            if ctx.info.subresource or other or attempt + 1 == ATTEMPTS:
                raise
            missing = True
    raise AssertionError("the last attempt returns or raises")


async def _create(ctx: RequestContext, kind: Kind, config: Obj) -> Reply:
    """The object made from the configuration alone. Raises Forbidden where the user may not create."""
    info = ctx.info
    attributes = Attributes(
        ctx.user, "create", info.group, info.version, info.resource, "", info.namespace, info.name, info.path
    )
    decision = ctx.services.authorizer.authorize(attributes)
    if not decision.allowed:
        raise forbidden(attributes, decision.reason)
    uid = (config.get("metadata") or {}).get("uid")
    if uid:
        raise conflict(
            kind,
            info.name,
            f"uid mismatch: the provided object specified uid {uid}, and no existing object was found",
        )
    tree = check_object(ctx, kind, merged(ctx, kind, empty_of(kind), config))
    check_identity(ctx, tree)
    check_namespace(ctx, kind, tree)
    await ensure_seen(Admission(ctx, kind, "CREATE", tree, None))
    return await create_object(ctx, kind, tree)


def check_config(kind: Kind, config: Any) -> None:
    """Raises BadRequest for something else than an object of the kind, Unclassified where the schema knows better."""
    if not isinstance(config, dict):
        raise BadRequest("error decoding YAML: the configuration must be an object")
    api_version, name = config.get("apiVersion") or "", config.get("kind") or ""
    group, _, version = str(api_version).rpartition("/")
    kind_text = f"{group}/{version}, Kind={name}"
    if (api_version, name) != (kind.api_version, kind.kind):
        raise BadRequest(f"invalid object type: {kind_text}")
    metadata = config.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if metadata.get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
    if found := check.problems(config, type_of(kind)):
        named = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}; {kind_text}"
        raise Unclassified(f"failed to create typed patch object ({named}): {found}")


def check_identity(ctx: RequestContext, tree: Obj) -> None:
    """Raises BadRequest where the configuration names another object than the URL."""
    metadata, info = tree["metadata"], ctx.info
    name = metadata.get("name", "")
    if not name:
        raise BadRequest(
            f"the name of the object ({info.name} based on URL) was undeterminable: name must be provided"
        )
    if name != info.name:
        raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({info.name})")
    namespace = metadata.get("namespace", "")
    if ctx.namespace and namespace and namespace != ctx.namespace:
        raise BadRequest(
            f"the namespace of the object ({namespace}) does not match the namespace on the request ({ctx.namespace})"
        )


def reduce(kind: Kind, subresource: str, config: Obj) -> Obj:
    """The part of a configuration that the resource or subresource takes."""
    if subresource == "status":
        metadata = {k: v for k, v in (config.get("metadata") or {}).items() if k in _STATUS_METADATA}
        kept = {name: config[name] for name in ("apiVersion", "kind", "status") if name in config}
        return {**kept, "metadata": metadata}
    if subresource == "ephemeralcontainers":
        spec = config.get("spec") or {}
        return {**config, "spec": {k: v for k, v in spec.items() if k == "ephemeralContainers"}}
    if subresource == "resize":
        spec = config.get("spec") or {}
        lists = {name: spec[name] for name in ("containers", "initContainers") if spec.get(name)}
        return {
            **config,
            "spec": {
                name: [{k: v for k, v in item.items() if k in _RESIZED} for item in items]
                for name, items in lists.items()
            },
        }
    if "status" in kind.subresources:
        return {name: value for name, value in config.items() if name != "status"}
    return config


_STATUS_METADATA = ("name", "namespace", "uid", "resourceVersion", "annotations")
_RESIZED = ("name", "resources", "resizePolicy")


def merged(ctx: RequestContext, kind: Kind, live: Obj, config: Obj) -> MutableObj:
    """The configuration applied to `live`; the owners go to `ctx.managed_fields`. Raises Conflict."""
    of = type_of(kind)
    bare = _without_owners(live)
    author = author_of(ctx, kind, "Apply")
    entries = live["metadata"].get("managedFields") or ()

    def run(force: bool) -> merge.Applied:
        return merge.apply(
            bare,
            config,
            entries,
            author,
            of,
            force=force,
            ignored=reset_fields(kind) if not author.subresource else {},
            nothing=empty_of(kind),
            elsewhere=lambda tree: elsewhere(ctx, kind, bare, tree),
        )

    try:
        result = run(forced(ctx))
    except Conflicts as found:
        left = _left(kind, bare, found) if author.name == KUBECTL else found
        if left is not None:
            raise refused(left) from found
        result = run(True)
    ctx.managed_fields = list(result.entries)
    tree = result.tree
    if author.name == KUBECTL and not author.subresource and _last_applied(tree):
        tree = _with_last_applied(tree, config)
    return tree


def refused(found: Conflicts) -> Conflict:
    """The 409 of an apply."""
    return Conflict(
        str(found),
        causes=[Cause("FieldManagerConflict", message, field) for message, field in found.causes()],
    )


def _left(kind: Kind, live: Obj, found: Conflicts) -> Conflicts | None:
    """The conflicts that remain where kubectl's own client-side apply set the fields."""
    try:
        last = orjson.loads(_last_applied(live) or b"")
    except orjson.JSONDecodeError:
        return found
    if not isinstance(last, dict) or last.get("apiVersion") != kind.api_version:
        return found
    of = type_of(kind)
    if check.problems(last, of):
        return found
    return found.apart_from(merge.allowed_by_last_applied(live, last, of))


def _last_applied(tree: Obj) -> str:
    return str((tree["metadata"].get("annotations") or {}).get(LAST_APPLIED) or "")


def _with_last_applied(tree: MutableObj, config: Obj) -> MutableObj:
    """The annotation brought up to what is applied now; left out where it would be too large."""
    metadata = dict(config.get("metadata") or {})
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    text = orjson.dumps({**config, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    found = {**tree["metadata"]["annotations"], LAST_APPLIED: text}
    if sum(len(k.encode()) + len(str(v).encode()) for k, v in found.items()) > MAX_ANNOTATIONS:
        del found[LAST_APPLIED]
    return evolve(tree, "metadata", "annotations", found)


def _without_owners(live: Obj) -> Obj:
    metadata = live["metadata"]
    if "managedFields" not in metadata:
        return live
    return {**live, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}

"""scale: the number of replicas of anything that has one, in the same words for all (`autoscaling/v1` Scale)."""

from __future__ import annotations

from typing import Any

from pybernetes.api.cells import AGE, NAME, at
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Column, Kind
from pybernetes.api.meta import MutableObj, Obj, evolve
from pybernetes.api.validation.values import non_negative
from pybernetes.lang import labelselector

from ..admission.chain import admit_mutating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..storage import not_found
from ..verbs import apply as serverside
from ..verbs.body import check_namespace, check_object, read_object
from ..verbs.change import change_object
from ..verbs.objects import complete_update, conflict, current_tree, private, raise_invalid
from ..verbs.patch import apply, read_patch
from ..verbs.revisions import at_least
from ..verbs.update import check_name

SCALE = Kind(
    group="autoscaling",
    version="v1",
    kind="Scale",
    plural="scales",
    namespaced=True,
    schema="io.k8s.api.autoscaling.v1.Scale",
    columns=(
        NAME,
        Column("Desired", at("spec", "replicas", default=0), "integer"),
        Column("Available", at("status", "replicas", default=0), "integer"),
        AGE,
    ),
)
SHOWN_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


async def get_scale(ctx: RequestContext) -> Reply:
    assert ctx.resource is not None
    await at_least(ctx.services.cacher, ctx.query.get("resourceVersion", ""))
    version = ctx.resource.stored().get(ctx.namespace, ctx.info.name)
    if version is None:
        raise not_found(ctx.kind, ctx.info.name)
    return TreeReply(scale_of(ctx.kind, current_tree(ctx.kind, version)), kind=SCALE)


async def update_scale(ctx: RequestContext) -> Reply:
    scale = read_object(ctx, SCALE)
    check_namespace(ctx, SCALE, scale)
    check_name(ctx.info.name, scale)

    def build(old: Obj) -> MutableObj:
        return _scaled(ctx.kind, old, scale)

    return await _change(ctx, build)


async def patch_scale(ctx: RequestContext) -> Reply:
    change, language = read_patch(ctx)
    if language == "apply":
        return await _apply_scale(ctx, change)

    def build(old: Obj) -> MutableObj:
        scale = check_object(ctx, SCALE, apply(scale_of(ctx.kind, old), change, language, None))
        check_namespace(ctx, SCALE, scale)
        check_name(ctx.info.name, scale)
        return _scaled(ctx.kind, old, scale)

    return await _change(ctx, build)


async def _apply_scale(ctx: RequestContext, config: Any) -> Reply:
    """An applied Scale owns the replicas of what it scales."""
    kind = ctx.kind
    assert kind.scale is not None
    serverside.check_config(SCALE, config)
    path = kind.scale[0].strip(".").split(".")
    replicas = (config.get("spec") or {}).get("replicas")
    reduced = evolve({}, *path, replicas) if replicas is not None else {}

    def build(old: Obj) -> MutableObj:
        wanted = {"metadata": config.get("metadata") or {}, "spec": {"replicas": replicas or 0}}
        _scaled(kind, old, wanted)
        return private(serverside.merged(ctx, kind, old, reduced))

    return await _change(ctx, build)


async def _change(ctx: RequestContext, build: Any) -> Reply:
    reply = await change_object(ctx, build, _complete)
    assert not isinstance(reply, TreeReply) or ctx.dry_run
    return TreeReply(scale_of(ctx.kind, reply.tree()), kind=SCALE)  # type: ignore[union-attr]


def _complete(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """As an update of the whole object, but admission sees a Scale, and may change its replicas."""
    assert kind.scale is not None
    admission = Admission(ctx, kind, "UPDATE", scale_of(kind, new), scale_of(kind, old), subresource="scale")
    admit_mutating(admission)
    assert admission.new is not None
    replicas = (admission.new.get("spec") or {}).get("replicas", 0)
    path = kind.scale[0].strip(".").split(".")
    if replicas != _at(new, kind.scale[0]):
        changed = private(evolve(new, *path, replicas))
        new.clear()
        new.update(changed)
    return complete_update(ctx, kind, new, old, admission=admission)


def _scaled(kind: Kind, old: Obj, scale: Obj) -> MutableObj:
    """The object with the replicas of `scale`. Raises Conflict, Invalid."""
    metadata, current = scale.get("metadata") or {}, old["metadata"]
    version = metadata.get("resourceVersion")
    if version and version != current["resourceVersion"]:
        raise conflict(
            kind,
            current["name"],
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    errors = FieldErrors()
    non_negative({"replicas": replicas}, "replicas", errors.at("spec"))
    raise_invalid(SCALE, old, errors)
    assert kind.scale is not None
    return private(evolve(old, *kind.scale[0].strip(".").split("."), replicas))


def scale_of(kind: Kind, tree: Obj) -> MutableObj:
    """The Scale of an object. As upstream's type has it, no replicas are left out of the spec, not of the status."""
    assert kind.scale is not None
    replicas_path, observed_path, selector_path = kind.scale
    metadata = {field: tree["metadata"][field] for field in SHOWN_METADATA if field in tree["metadata"]}
    status: dict[str, Any] = {"replicas": _at(tree, observed_path) or 0}
    selector = _selector(_at(tree, selector_path))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas} if (replicas := _at(tree, replicas_path)) else {},
        "status": status,
    }


def _at(tree: Obj, path: str) -> Any:
    value: Any = tree
    for step in path.strip(".").split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _selector(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    if "matchLabels" in value or "matchExpressions" in value:
        return str(labelselector.from_label_selector(value))
    return str(labelselector.from_labels(value))

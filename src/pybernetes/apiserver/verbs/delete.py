"""delete: at once, or by marking the object until its finalizers (or its kubelet) let it go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.api.deletion import returns_deleted
from pybernetes.api.errors import BadRequest, Cause, Invalid
from pybernetes.api.fielderrors import show
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import NAMESPACE
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import timestamps
from pybernetes.lang.patch_json import json_kind

from ..admission.chain import admit_deletion
from ..admission.plugin import Admission
from ..bodies import check_depth, decode
from ..context import RequestContext
from ..replies import Reply, TreeReply, VersionReply
from ..storage import REMOVE, Outcome, Removal, not_found
from ..version import Version
from .change import beside, has_finalizers
from .objects import conflict, current_tree, private, to_store
from .unreadable import no_type

DEFAULT_GRACE = 30
OPTIONS = "DeleteOptions"
_BODY_TYPES: tuple[tuple[str, type, str], ...] = (
    ("gracePeriodSeconds", int, "int64"),
    ("orphanDependents", bool, "bool"),
    ("propagationPolicy", str, "v1.DeletionPropagation"),
    ("preconditions", dict, "v1.Preconditions"),
    ("dryRun", list, "[]string"),
)
"""Fields of DeleteOptions, what they must be, and what Go calls it."""
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
POLICIES = ("Background", "Foreground", "Orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    uid: str = ""
    resource_version: str = ""
    grace: int | None = None
    policy: str = ""
    """One of POLICIES; "" leaves the finalizers as they are."""
    dry_run: bool = False


async def delete(ctx: RequestContext) -> Reply:
    """200. Raises NotFound, Conflict (preconditions), Forbidden (admission)."""
    options = read_options(ctx)
    admit_deletion(Admission(ctx, ctx.kind, "DELETE", None, None, name=ctx.info.name))
    if options.dry_run:
        return await _dry_deletion(ctx, options)
    outcome = await delete_object(ctx, ctx.namespace, ctx.info.name, options)
    if outcome.changed:
        ctx.revision = outcome.revision or outcome.version.revision
    return deleted_reply(ctx.kind, outcome)


async def delete_object(ctx: RequestContext, namespace: str, name: str, options: DeleteOptions) -> Outcome:
    """Removes or marks one object of the request's kind."""
    assert ctx.resource is not None
    kind, cache, now = ctx.kind, ctx.resource.stored(), ctx.services.env.now()

    def update(current: Version) -> MutableObj | Removal | None:
        old = current_tree(kind, current)
        marked = _deleted(kind, old, options, now)
        return REMOVE if marked is None else None if marked == old else to_store(kind, marked)

    if options.dry_run:
        current = await _fresh(ctx, namespace, name)
        _deleted(kind, current_tree(kind, current), options, now)
        return Outcome(current, changed=False, removed=True)
    return await ctx.services.storage.update(cache, kind, namespace, name, update, beside=beside(ctx, kind))


async def _dry_deletion(ctx: RequestContext, options: DeleteOptions) -> Reply:
    """What a deletion would answer: the object as it would be marked, where it would not go at once."""
    kind, current = ctx.kind, await _fresh(ctx, ctx.namespace, ctx.info.name)
    marked = _deleted(kind, current_tree(kind, current), options, ctx.services.env.now())
    if marked is not None:
        return TreeReply(marked, 200, kind)
    return deleted_reply(kind, Outcome(current, changed=False, removed=True))


async def _fresh(ctx: RequestContext, namespace: str, name: str) -> Version:
    """The object as it is now. Raises NotFound."""
    assert ctx.resource is not None
    await ctx.services.cacher.fresh()
    current = ctx.resource.stored().get(namespace, name)
    if current is None:
        raise not_found(ctx.kind, name)
    return current


def _deleted(kind: Kind, old: Obj, options: DeleteOptions, now: float) -> MutableObj | None:
    """As `mark`, of a copy, once the preconditions hold. Raises Conflict."""
    _check(kind, old, options)
    return mark(kind, private(old), options, now)


def deleted_reply(kind: Kind, outcome: Outcome) -> Reply:
    """What upstream answers: a Status for what is gone, the object for what stays or for some kinds always."""
    if not outcome.removed or returns_deleted(kind):
        return VersionReply(kind, outcome.version, 200, outcome.revision)
    details = {
        "name": outcome.version.name,
        "group": kind.group,
        "kind": kind.plural,
        "uid": outcome.version.uid,
    }
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
    return TreeReply(status)


def mark(kind: Kind, tree: MutableObj, options: DeleteOptions, now: float) -> MutableObj | None:
    """The object marked for deletion (changed in place); None where it can go at once."""
    metadata = tree["metadata"]
    going = bool(metadata.get("deletionTimestamp"))
    if going and kind.graceful and not _shorten(metadata, options.grace):
        return tree
    _set_policy(metadata, options.policy)
    if not going:
        kind.prepare_delete(tree, now)
    if kind is NAMESPACE and has_finalizers(kind, tree):
        tree["status"] = {**(tree.get("status") or {}), "phase": "Terminating"}
    if going:
        return tree if metadata.get("deletionGracePeriodSeconds") or has_finalizers(kind, tree) else None
    grace = _grace(tree, options) if kind.graceful else 0
    if grace == 0 and not has_finalizers(kind, tree):
        return None
    metadata["deletionTimestamp"] = timestamps.rfc3339(now + grace)
    metadata["deletionGracePeriodSeconds"] = grace
    if metadata.get("generation"):
        metadata["generation"] += 1
    return tree


def _shorten(metadata: MutableObj, asked: int | None) -> bool:
    """A second deletion may shorten the grace period, never lengthen it; one that does not changes nothing (False)."""
    before = metadata.get("deletionGracePeriodSeconds") or 0
    if before == 0:
        return True
    if asked is None or asked >= before:
        return False
    grace = _not_negative(asked)
    started = timestamps.parse(metadata["deletionTimestamp"]) - before
    metadata["deletionTimestamp"] = timestamps.rfc3339(started + grace)
    metadata["deletionGracePeriodSeconds"] = grace
    return True


def _grace(pod: Obj, options: DeleteOptions) -> int:
    """Seconds a pod is given: none where no kubelet has it, or where it has ended."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    grace = options.grace
    if grace is None:
        grace = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    return _not_negative(int(grace))


def _not_negative(grace: int) -> int:
    """Less than none is one second."""
    return 1 if grace < 0 else grace


def _set_policy(metadata: MutableObj, policy: str) -> None:
    """The finalizers by which the garbage collector is told what to do with the dependents."""
    if not policy:
        return
    kept = [f for f in metadata.get("finalizers") or () if f not in (ORPHAN, FOREGROUND)]
    wanted = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])
    if finalizers := [*kept, *wanted]:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)


def _check(kind: Kind, old: Obj, options: DeleteOptions) -> None:
    metadata = old["metadata"]
    name = metadata["name"]
    if options.uid and options.uid != metadata.get("uid"):
        why = f"UID in precondition: {options.uid}, UID in object meta: {metadata.get('uid')}"
        raise conflict(kind, name, f"Precondition failed: {why}")
    if options.resource_version and options.resource_version != metadata["resourceVersion"]:
        why = (
            f"ResourceVersion in precondition: {options.resource_version}, "
            f"ResourceVersion in object meta: {metadata['resourceVersion']}"
        )
        raise conflict(kind, name, f"Precondition failed: {why}")


def read_options(ctx: RequestContext) -> DeleteOptions:
    """DeleteOptions from the body, else from the query. Raises BadRequest, Invalid."""
    tree: Any = ctx.body
    if ctx.request is not None:
        data = ctx.request.body
        tree = decode(data, ctx.request.headers.get("content-type", "")) if data.strip() else None
    check_depth(tree)
    return options_from_tree({} if tree is None else tree, ctx.query)


def options_from_tree(tree: Any, query: Mapping[str, str]) -> DeleteOptions:
    """DeleteOptions as a tree, the query filling in what it leaves open. Raises BadRequest, Invalid."""
    if not isinstance(tree, dict):
        raise BadRequest(no_type(tree))
    if (kind := tree.get("kind") or OPTIONS) != OPTIONS:
        version = tree.get("apiVersion") or ""
        raise BadRequest(
            f'no kind "{kind}" is registered for version "{version}": the body must be {OPTIONS}'
        )
    for field, expected, name in _BODY_TYPES:
        value = tree.get(field)
        if value is not None and (
            not isinstance(value, expected) or (expected is int and isinstance(value, bool))
        ):
            raise BadRequest(
                f"json: cannot unmarshal {json_kind(value)} into Go struct field {OPTIONS}.{field} of type {name}"
            )
    preconditions = tree.get("preconditions") or {}
    policy = tree.get("propagationPolicy") or query.get("propagationPolicy", "")
    orphan = tree.get(
        "orphanDependents", {"true": True, "false": False}.get(query.get("orphanDependents", ""))
    )
    if orphan is not None:
        if policy:
            raise _invalid(
                "propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"
            )
        policy = "Orphan" if orphan else "Background"
    if policy not in ("", *POLICIES):
        choices = '"Foreground", "Background", "Orphan", "nil"'
        raise _invalid("propagationPolicy", policy, choices, "FieldValueNotSupported")
    return DeleteOptions(
        uid=str(preconditions.get("uid") or ""),
        resource_version=str(preconditions.get("resourceVersion") or ""),
        grace=_seconds(tree.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))),
        policy=policy,
        dry_run=_dry_run(tree.get("dryRun") or ([query["dryRun"]] if query.get("dryRun") else [])),
    )


def _dry_run(given: list[str]) -> bool:
    """Raises Invalid for anything but nothing or All."""
    if given and given != ["All"]:
        raise _invalid("dryRun", given, '"All"', "FieldValueNotSupported")
    return bool(given)


def _seconds(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise BadRequest(f'strconv.ParseInt: parsing "{value}": invalid syntax') from error


def _invalid(field: str, value: Any, detail: str, reason: str = "FieldValueInvalid") -> Invalid:
    message = f"Invalid value: {show(value)}: {detail}"
    if reason == "FieldValueNotSupported":
        message = f"Unsupported value: {show(value)}: supported values: {detail}"
    return Invalid(
        f'DeleteOptions.meta.k8s.io "" is invalid: {field}: {message}',
        group="meta.k8s.io",
        kind="DeleteOptions",
        causes=[Cause(reason, message, field)],
    )

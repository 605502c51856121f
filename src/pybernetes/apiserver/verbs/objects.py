"""An object on its way into the store: what create, update and patch have in common.

The steps and their order are those of `api/kind.py`: checked against the schema (`body.py`), defaulted, prepared by the kind's
strategy, changed by admission, defaulted again, validated, judged by admission.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from pybernetes.api.errors import BadRequest, Cause, Conflict, Invalid, Unclassified
from pybernetes.api.features import drop_disabled
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.validation.metadata import validate_metadata, validate_metadata_update
from pybernetes.lang import timestamps

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..version import Version
from .ownership import record, same_owners

GENERATED_NAME_LENGTH = 63
SUFFIX_LENGTH = 5
KEPT = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)
"""Metadata that an update cannot change."""


def stamp_new(ctx: RequestContext, kind: Kind, tree: MutableObj) -> None:
    """The metadata that the server gives a new object; what only the server may set is dropped first."""
    metadata, env = tree["metadata"], ctx.env
    if metadata.get("resourceVersion"):
        raise Unclassified("resourceVersion should not be set on objects to be created")
    for field in (
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
        "resourceVersion",
    ):
        metadata.pop(field, None)
    if not metadata.get("name") and metadata.get("generateName"):
        longest = GENERATED_NAME_LENGTH - SUFFIX_LENGTH
        metadata["name"] = metadata["generateName"][:longest] + env.name_suffix(SUFFIX_LENGTH)
    metadata["uid"] = env.uid()
    metadata["creationTimestamp"] = timestamps.rfc3339(env.now())
    if kind.generation:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)


def complete_new(ctx: RequestContext, kind: Kind, tree: MutableObj) -> None:
    """From a stamped object to one that may be stored. Raises Invalid and what admission raises."""
    kind.default(tree)
    record(ctx, kind, tree, None)
    kind.prepare_create(tree)
    drop_disabled(kind, tree, None, ctx.services.config.features)
    admission = Admission(ctx, kind, "CREATE", tree, None)
    if admit_mutating(admission) or not kind.separable:
        kind.default(tree)
    if ctx.begin is not None:
        ctx.begin(tree, None)
    errors = FieldErrors()
    validate_metadata(kind, tree, errors)
    kind.validate(tree, errors)
    kind.validate_create(tree, errors)
    raise_invalid(kind, tree, errors)
    admit_validating(admission)
    for warning in kind.warnings(tree, None):
        ctx.warn(warning)


def complete_update(
    ctx: RequestContext,
    kind: Kind,
    new: MutableObj,
    old: Obj,
    *,
    rules: Callable[[Obj, Obj, FieldErrors], None] | None = None,
    admission: Admission | None = None,
) -> bool:
    """Makes `new` what would replace `old`; False where nothing would change. Raises Conflict, Invalid, Forbidden.

    `rules` stand for those of an update where a subresource has its own. `admission` is of what the request is about
    where that is not `new` but a view of it (a Scale), which has been through mutating admission already."""
    check_preconditions(kind, new, old)
    only_metadata = kind.separable and _differs_in_metadata_only(new, old)
    if not only_metadata and kind.separable:
        _unshare(new, old)
    _keep_metadata(new, old)
    if "status" in kind.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"] if only_metadata else private(old["status"])
    if not only_metadata:
        kind.default(new)
    record(ctx, kind, new, old)
    if not only_metadata:
        kind.prepare_update(new, old)
        drop_disabled(kind, new, old, ctx.services.config.features)
    if admission is None:
        admission = Admission(ctx, kind, "UPDATE", new, old, subresource=ctx.info.subresource)
        only_metadata = not admit_mutating(admission) and only_metadata
    if not only_metadata:
        kind.default(new)
        _count_generation(kind, new, old)
    if same(new, old) and same_owners(new, old):
        return False
    if ctx.begin is not None:
        ctx.begin(new, old)
    errors = FieldErrors()
    validate_metadata_update(kind, new, old, errors)
    if only_metadata:
        kind.validate_metadata(new, old, errors)
    else:
        kind.validate(new, errors)
        (rules or kind.validate_update)(new, old, errors)
    raise_invalid(kind, new, errors)
    admit_validating(admission)
    for warning in kind.warnings(new, old):
        ctx.warn(warning)
    return True


def complete_status(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """The same for the status subresource: the status changes and what `kind.status_metadata` names; all else stays."""
    check_preconditions(kind, new, old)
    status, metadata = new.get("status"), new["metadata"]
    new.clear()
    new.update({**old, "metadata": {**old["metadata"]}} if kind.separable else private(old))
    new.pop("status", None)
    if status is not None:
        new["status"] = status
    for field in kind.status_metadata:
        new["metadata"].pop(field, None)
        if metadata.get(field):
            new["metadata"][field] = metadata[field]
    if not kind.separable:
        kind.default(new)
    record(ctx, kind, new, old)
    kind.prepare_status(new, old, ctx.services.env.now())
    admission = Admission(ctx, kind, "UPDATE", new, old, subresource="status")
    admit_mutating(admission)
    if same(new, old) and same_owners(new, old):
        return False
    errors = FieldErrors()
    validate_metadata_update(kind, new, old, errors)
    kind.validate_status(new, old, errors)
    raise_invalid(kind, new, errors)
    admit_validating(admission)
    return True


def check_preconditions(kind: Kind, new: Obj, old: Obj) -> None:
    """A resourceVersion or uid in an update must be the current one. Raises Conflict."""
    given, current = new["metadata"], old["metadata"]
    name = current.get("name", "")
    if given.get("uid") and given["uid"] != current.get("uid"):
        raise conflict(
            kind,
            name,
            f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {current.get('uid')}",
        )
    version = given.get("resourceVersion")
    if version in (None, "", "0"):
        if not kind.unconditional_update:
            raise _unconditional(kind, name)
    elif version != current["resourceVersion"]:
        if not str(version).isdecimal():
            raise BadRequest(
                f'metadata.resourceVersion: Invalid value: "{version}": must be an unsigned integer'
            )
        raise conflict(kind, name, MODIFIED)


def _unconditional(kind: Kind, name: str) -> Invalid:
    detail = "Invalid value: 0x0: must be specified for an update"
    return Invalid(
        f'{kind.group_resource} "{name}" is invalid: metadata.resourceVersion: {detail}',
        group=kind.group,
        kind=kind.plural,
        name=name,
        causes=[Cause("FieldValueInvalid", detail, "metadata.resourceVersion")],
    )


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(kind: Kind, name: str, why: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on {kind.group_resource} "{name}": {why}',
        group=kind.group,
        kind=kind.plural,
        name=name,
    )


def raise_invalid(kind: Kind, tree: Obj, errors: FieldErrors) -> None:
    """Raises Invalid where errors were found: `Pod "web" is invalid: [a, b]`."""
    if not errors:
        return
    name = tree["metadata"].get("name", "")
    lines = list(errors)
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    raise Invalid(
        f'{subject} "{name}" is invalid: {text}',
        group=kind.group,
        kind=kind.kind,
        name=name,
        causes=errors.causes,
    )


def same(new: Obj, old: Obj) -> bool:
    """Whether nothing but the resourceVersion and the owners would change."""
    if len(new) != len(old):
        return False
    for key, value in new.items():
        if key != "metadata" and (key not in old or value != old[key]):
            return False
    a = {k: v for k, v in new["metadata"].items() if k not in _UNCOMPARED}
    b = {k: v for k, v in old["metadata"].items() if k not in _UNCOMPARED}
    return a == b


_UNCOMPARED = ("resourceVersion", "managedFields")


def current_tree(kind: Kind, version: Version) -> Obj:
    """A stored version as this kind serves it."""
    tree = version.tree()
    return kind.from_stored(tree) if kind.storage_version else tree


def to_store(kind: Kind, tree: MutableObj) -> MutableObj:
    """An object of this kind as it is stored."""
    return dict(kind.to_stored(tree)) if kind.storage_version else tree


def private(tree: Obj) -> MutableObj:
    """A copy that shares nothing but the owners (nobody changes those in place): where defaults are about to be filled
    in. An encode and a decode are the fastest deep copy there is."""
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        copy: MutableObj = orjson.loads(orjson.dumps(tree))
        return copy
    bare = {**tree, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}
    copy = orjson.loads(orjson.dumps(bare))
    copy["metadata"]["managedFields"] = metadata["managedFields"]
    return copy


def _keep_metadata(new: MutableObj, old: Obj) -> None:
    metadata = new["metadata"]
    for field in KEPT:
        _keep(metadata, old["metadata"], field)
    metadata["name"] = old["metadata"]["name"]


def _differs_in_metadata_only(new: Obj, old: Obj) -> bool:
    """Whether all but the metadata and the status is what is stored (a patch leaves it the very same object; an update
    brings the same again)."""
    for field in {*new, *old}:
        if field not in ("metadata", "status") and new.get(field) != old.get(field):
            return False
    return True


def _unshare(new: MutableObj, old: Obj) -> None:
    """Copies what the new object has in common with the stored one, for what follows changes it in place."""
    for field, value in new.items():
        if field != "metadata" and value is old.get(field) and isinstance(value, dict):
            new[field] = private(value)


def _keep(new: MutableObj, old: Obj, field: str) -> None:
    if field in old:
        new[field] = old[field]
    else:
        new.pop(field, None)


def _count_generation(kind: Kind, new: MutableObj, old: Obj) -> None:
    """The generation goes up by one when anything but metadata and status changes."""
    if not kind.generation:
        return
    # A custom resource without a status subresource has a status like any other field.
    uncounted = (
        ("metadata",) if kind.own_schema and "status" not in kind.subresources else ("metadata", "status")
    )
    unchanged = all(new.get(key) == old.get(key) for key in {*new, *old} if key not in uncounted)
    before = old["metadata"].get("generation", 0)
    new["metadata"]["generation"] = before if unchanged else before + 1

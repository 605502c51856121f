"""The pods of one template: what became of a spec on its way into the store is remembered for the next one like it.

Checking, defaulting, owning, admitting and validating a pod's spec depend on the spec and the annotations that the client
sent, on the namespace, and on a few objects that hardly ever change (`DEPENDS_ON`). So the second pod of a ReplicaSet gets
its spec as the first had it, but for the made-up name of its token's volume. Its metadata, the plugins that look at more
(`Plugin.templated` False), all that judge and do not change, webhooks, policies and quotas have their say every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import orjson

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import LIMITRANGE, NAMESPACE, POD, PRIORITYCLASS, RUNTIMECLASS, SERVICEACCOUNT
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.podspec.remembered import TOKEN_VOLUME
from pybernetes.api.podspec.warnings import name_warnings
from pybernetes.api.validation.metadata import validate_metadata
from pybernetes.lang.apply.fieldset import FieldSet

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..registry import Registry
from ..user import NODES
from .objects import raise_invalid
from .ownership import record_created

DEPENDS_ON = (NAMESPACE, SERVICEACCOUNT, LIMITRANGE, PRIORITYCLASS, RUNTIMECLASS)
"""What templated plugins read: a change of one of these forgets everything."""
ENTRIES, LONGEST = 256, 16_384
"""How many templates are kept, and up to how many bytes."""

Key: TypeAlias = tuple[str, bytes]


class Made(NamedTuple):
    """What the first pod became: parts as JSON, so that each pod gets trees of its own."""

    spec: bytes
    status: bytes
    annotations: bytes
    fields: FieldSet
    """Of the spec, as the client owns them."""
    token_volume: bytes
    """The made-up name in `spec`; b"" for none."""
    admitted: tuple[tuple[str, bytes, bytes], ...]
    """What admission changed, and who did."""


class Templates:
    """What is remembered in one server."""

    def __init__(self, registry: Registry) -> None:
        self._made: dict[Key, Made] = {}
        for kind in DEPENDS_ON:
            if kind in registry.kinds:
                registry.cache(kind).observers.append(self._forget)

    def _forget(self, _change: object) -> None:
        self._made.clear()

    def find(self, key: Key | None) -> Made | None:
        return None if key is None else self._made.get(key)

    def keep(self, key: Key, ctx: RequestContext, pod: Obj) -> None:
        """Remembers a pod that is about to be stored, unless it owes something to what is not in the key."""
        foreign = any(who.startswith(("webhook ", "policy ")) for who, _, _ in ctx.admitted)
        if foreign or ctx.warnings:
            return
        spec, metadata = orjson.dumps(pod["spec"]), pod["metadata"]
        names = set(TOKEN_VOLUME.findall(spec))
        if len(names) > 1 or b'LabelKeys"' in spec or b'"ephemeral"' in spec:
            return  # these owe something to the pod's labels or name
        if len(self._made) >= ENTRIES:
            del self._made[next(iter(self._made))]
        self._made[key] = Made(
            spec,
            orjson.dumps(pod["status"]),
            orjson.dumps(metadata.get("annotations")),
            metadata["managedFields"][0]["fieldsV1"].get("f:spec", {}),
            names.pop() if names else b"",
            tuple(ctx.admitted),
        )


def key_of(ctx: RequestContext, kind: Kind, body: Any, duplicates: list[str]) -> Key | None:
    """What is remembered by, for the body of a creation; None where nothing is."""
    if kind is not POD or duplicates or not isinstance(body, dict) or NODES in ctx.user.groups:
        return None
    spec, metadata = body.get("spec"), body.get("metadata")
    if body.get("status") or not isinstance(spec, Mapping) or not isinstance(metadata, Mapping):
        return None
    if spec.get("nodeName"):
        return None  # it gets labels of its node
    try:
        text = orjson.dumps((spec, metadata.get("annotations")))
    except orjson.JSONEncodeError:
        return None
    return (ctx.namespace, text) if len(text) <= LONGEST else None


def bare(body: Obj) -> MutableObj:
    """The body without what is remembered."""
    return {name: value for name, value in body.items() if name not in ("spec", "status")}


def complete_made(ctx: RequestContext, kind: Kind, pod: MutableObj, made: Made) -> None:
    """As `complete_new`, for a stamped pod without a spec. Raises Invalid and what admission raises."""
    spec = made.spec
    if made.token_volume:
        fresh = made.token_volume[:-5] + ctx.env.name_suffix().encode()
        spec = spec.replace(made.token_volume, fresh)
        ctx.renamed = (made.token_volume, fresh)
    pod["spec"] = orjson.loads(spec)
    pod["status"] = orjson.loads(made.status)
    record_created(ctx, kind, pod, made.fields)
    if annotations := orjson.loads(made.annotations):
        pod["metadata"]["annotations"] = annotations
    ctx.admitted.extend(made.admitted)
    admission = Admission(ctx, kind, "CREATE", pod, None)
    changed = admit_mutating(admission, templated=True)
    if changed:
        kind.default(pod)
    errors = FieldErrors()
    validate_metadata(kind, pod, errors)
    if changed:
        kind.validate(pod, errors)
    kind.validate_create(pod, errors)
    raise_invalid(kind, pod, errors)
    admit_validating(admission)
    for warning in kind.warnings(pod, None) if changed else name_warnings(pod):
        ctx.warn(warning)

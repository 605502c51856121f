"""MutatingAdmissionWebhook: hooks that may change the object, one after the other, each seeing what the last has made.

A hook with reinvocationPolicy IfNeeded is asked once more where something changed the object after it.
"""

from __future__ import annotations

import orjson

from pybernetes.api.errors import InternalError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj
from pybernetes.lang import patch_json

from ..plugin import Admission, Plugin
from ..questions import answer
from ..tracing import note
from .asking import hooks_for, judge, question
from .hooks import Hook
from .review import Verdict, converted

PATCH_KEY = "patch.webhook.admission.k8s.io/"
"""Where the audit log has patches, from the level Request on."""


def _mutate(admission: Admission) -> bool:
    hooks = hooks_for(admission, "mutatingwebhookconfigurations")
    state = admission.reinvocation
    if state.again and state.output is not None and state.output != admission.new:
        # Plugins before this one have changed what the hooks had made: all that care are asked again.
        state.wanted |= state.asked
    for number, hook, kind in hooks:
        if state.again and hook.id not in state.wanted:
            continue
        verdict = answer(admission.ctx, question(admission, hook, kind, mutating=True))
        place = f"round_{int(state.again)}_index_{number}"
        audit = {"configuration": hook.configuration, "webhook": hook.name}
        key = f"mutation.webhook.admission.k8s.io/{place}"
        admission.ctx.annotations[key] = _json({**audit, "mutated": False})
        if not judge(admission, hook, verdict, "mutating", place):
            continue
        changed = verdict.patch is not None and _apply(admission, hook, kind, verdict)
        if verdict.patch is not None:
            admission.ctx.annotations[f"{PATCH_KEY}{place}"] = _json(
                {**audit, "patch": verdict.patch, "patchType": "JSONPatch"}
            )
            admission.ctx.annotations[key] = _json({**audit, "mutated": changed})
        if changed:
            state.wanted |= state.asked
            state.wanted.discard(hook.id)
        if hook.reinvoked:
            state.asked.add(hook.id)
    if hooks:
        state.output = _copy(admission.new)
    return False


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _copy(tree: MutableObj | None) -> MutableObj | None:
    return None if tree is None else orjson.loads(orjson.dumps(tree))


def _apply(admission: Admission, hook: Hook, kind: Kind, verdict: Verdict) -> bool:
    """Changes the object by the hook's patch; whether that changed anything. Raises InternalError."""
    if admission.new is None:
        raise InternalError(
            f'Internal error occurred: admission webhook "{hook.name}" attempted to modify the object, which is not '
            "supported for this operation"
        )
    own, new = admission.kind, admission.new
    seen = converted(new, own, kind, admission.subresource)
    try:
        made = patch_json.apply(seen, verdict.patch)
    except (patch_json.JsonPatchError, patch_json.BadJsonPatch) as error:
        raise InternalError(f"Internal error occurred: {error}") from error
    whole = not admission.subresource or admission.operation == "UPDATE"
    if not isinstance(made, dict) or (whole and not isinstance(made.get("metadata"), dict)):
        raise InternalError(f'Internal error occurred: admission webhook "{hook.name}" left no object')
    result = made if own is kind else own.from_stored(kind.to_stored(made))
    result = dict(_copy(dict(result)) or {})
    if not admission.subresource or result.get("kind") == own.kind:
        own.default(result)
    if result == new:
        return False
    note(admission, f"webhook {hook.name}", new, result)
    new.clear()
    new.update(result)
    admission.rewritten = True
    return True


MUTATING_ADMISSION_WEBHOOK = Plugin("MutatingAdmissionWebhook", mutate=_mutate)

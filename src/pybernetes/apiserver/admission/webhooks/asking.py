"""What the two plugins share: which hooks to ask, the question for one, and what its answer means."""

from __future__ import annotations

import hashlib

import orjson

from pybernetes.api.errors import BadRequest, InternalError
from pybernetes.api.kind import Kind

from ..plugin import Admission
from ..questions import Question
from .conditions import conditions_hold
from .hooks import GROUP, Hook, hooks_in
from .matching import exempt, matching_kind, selects
from .review import Verdict, denial, request_of


def hooks_for(admission: Admission, plural: str) -> list[tuple[int, Hook, Kind]]:
    """The hooks to ask about this write, each with its number among all and the kind in whose version it is asked.
    Raises BadRequest for a dry run that one of them could not take part in, Forbidden where a match condition cannot
    be evaluated."""
    cache = admission.found_cache(GROUP, "v1", plural)
    if cache is None or not cache.entries or exempt(admission.kind):
        return []
    found: list[tuple[int, Hook, Kind]] = []
    for number, hook in enumerate(hooks_in(cache)):
        kind = matching_kind(hook, admission)
        if kind is not None and selects(hook, admission) and conditions_hold(hook, kind, admission):
            found.append((number, hook, kind))
    if admission.ctx.dry_run:
        for _, hook, _ in found:
            if hook.has_side_effects:
                raise BadRequest(f'admission webhook "{hook.name}" does not support dry run')
    return found


def question(admission: Admission, hook: Hook, kind: Kind, *, mutating: bool) -> Question:
    """The call to one hook. The same object again is the same question."""
    request = orjson.loads(orjson.dumps(request_of(admission, kind)))
    digest = hashlib.blake2b(orjson.dumps(request), digest_size=16).digest()
    caller = admission.ctx.services.webhooks

    async def ask() -> Verdict:
        return await caller.call(hook, request, mutating=mutating)

    return Question(("webhook", mutating, hook.id, hook.revision, digest), ask)


def judge(admission: Admission, hook: Hook, verdict: Verdict, word: str, place: str) -> bool:
    """Passes on what the hook told; False where it failed and its failure is to be ignored. Raises what it answered.
    `place` is the end of the key under which the audit log has what became of it."""
    ctx = admission.ctx
    if verdict.failure:
        why = f'failed calling webhook "{hook.name}": {verdict.failure}'
        if not hook.ignores_failure:
            raise InternalError(f"Internal error occurred: {why}")
        ctx.annotations[f"failed-open.{word}.webhook.admission.k8s.io/{place}"] = hook.name
        return False
    for key, value in verdict.annotations.items():
        ctx.annotations[f"{hook.name}/{key}"] = str(value)
    for warning in verdict.warnings:
        ctx.warn(warning)
    if not verdict.allowed:
        raise denial(hook.name, verdict.status)
    return True

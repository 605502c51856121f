"""MutatingAdmissionPolicy: changes in CEL to what is written, where a binding says so.

A policy with reinvocationPolicy IfNeeded runs once more where something changed the object after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pybernetes.api.errors import Cause, Forbidden
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from .plugin import Admission, Plugin
from .policies.compiled import Failure, Policy, bindings_in, holds, policies_in
from .policies.matching import is_policy, matched
from .policies.params import Misconfigured, param_resource, params_of
from .tracing import note
from .webhooks.hooks import GROUP
from .webhooks.review import converted

if TYPE_CHECKING:
    from pybernetes.lang.cel.program import Budget


class Mutation:
    """One request under all policies: changes its object as they say."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.refusals: list[str] = []

    def run(self, policy: Policy) -> None:
        admission = self.admission
        kind = matched(policy.constraints, admission)
        if kind is None:
            return
        cache = admission.found_cache(GROUP, "v1", "mutatingadmissionpolicybindings")
        bindings = bindings_in(cache, policy.name)
        if not bindings:
            return
        try:
            resource = param_resource(policy, admission)
        except Misconfigured as problem:
            self.refuse(policy, "", f"failed to configure policy: {problem}")
            return
        for binding in bindings:
            if matched(binding.constraints, admission) is None:
                continue
            try:
                params = params_of(binding, resource, admission)
            except Misconfigured as problem:
                self.refuse(policy, binding.name, f"failed to configure binding: {problem}")
                continue
            for number, param in enumerate(params):
                self.invoke(
                    policy, f"policy {policy.name}/{binding.name}/{number}", binding.name, kind, param
                )

    def refuse(self, policy: Policy, binding: str, message: str) -> None:
        if not policy.fails:
            return
        bound = f"policy '{policy.name}' with binding '{binding}'" if binding else f'policy "{policy.name}"'
        self.refusals.append(f"{bound} denied request: {message}")

    def invoke(self, policy: Policy, id_: str, binding: str, kind: Kind, param: Obj | None) -> None:
        """Runs a policy with one parameter, unless it has run and nothing has changed since."""
        state = self.admission.reinvocation
        if state.again and id_ not in state.wanted:
            return
        try:
            changed = self.mutate(policy, kind, param)
        except Failure as failure:
            self.refuse(policy, binding, str(failure))
            return
        if changed:
            state.wanted |= state.asked
            state.wanted.discard(id_)
        if policy.reinvoked:
            state.asked.add(id_)

    def mutate(self, policy: Policy, kind: Kind, param: Obj | None) -> bool:
        """Whether the policy has changed the object. Raises Failure."""
        from pybernetes.lang.cel.frames import MATCH_CONDITIONS_BUDGET, POLICY_BUDGET
        from pybernetes.lang.cel.program import Budget

        from .policies.inputs import values_of

        values = {**values_of(self.admission, kind), "params": param}
        if not holds(policy.conditions, values, Budget(MATCH_CONDITIONS_BUDGET), fails=policy.fails):
            return False
        budget = Budget(POLICY_BUDGET)
        changed = False
        for _, expressions in policy.parts:
            changed |= self.change(policy, kind, param, expressions, budget)
        return changed

    def change(self, policy: Policy, kind: Kind, param: Obj | None, expressions: Any, budget: Budget) -> bool:
        """Performs one mutation on the object as the last has left it."""
        from ..verbs.ownership import type_of
        from .policies.inputs import Variables, values_of
        from .policies.patches import merged, patched

        admission = self.admission
        values = {**values_of(admission, kind), "params": param}
        Variables(policy.variables, values, budget)
        live = converted(admission.object, admission.kind, kind, admission.subresource)
        assert live is not None
        if (expression := expressions.get("applyConfiguration")) is not None:
            made = merged(live, expression.evaluate(values, budget), type_of(kind))
        else:
            made = patched(live, expressions["jsonPatch"].evaluate(values, budget))
        return _replace(admission, policy, kind, made)


def _replace(admission: Admission, policy: Policy, kind: Kind, made: MutableObj) -> bool:
    """Puts the object, in the version of `kind`, in the place of the one to be written; whether it is another."""
    own, new = admission.kind, admission.object
    result: Any = made if own is kind else own.from_stored(kind.to_stored(made))
    result = orjson.loads(orjson.dumps(result))
    if not admission.subresource or result.get("kind") == own.kind:
        own.default(result)
    if result == new:
        return False
    note(admission, f"policy {policy.name}", new, result)
    new.clear()
    new.update(result)
    admission.rewritten = True
    return True


def _mutate(admission: Admission) -> bool:
    cache = admission.found_cache(GROUP, "v1", "mutatingadmissionpolicies")
    if cache is None or not cache.entries or is_policy(admission.kind) or admission.new is None:
        return False
    mutation = Mutation(admission)
    for policy in policies_in(cache):
        mutation.run(policy)
    if mutation.refusals:
        forbidden = admission.forbidden("admission request denied by policy")
        raise Forbidden(
            mutation.refusals[0],
            group=forbidden.group,
            kind=forbidden.kind,
            name=forbidden.name,
            causes=[Cause("", message) for message in mutation.refusals],
        )
    return False


MUTATING_ADMISSION_POLICY = Plugin("MutatingAdmissionPolicy", mutate=_mutate)

"""ValidatingAdmissionPolicy: rules in CEL for what may be written, where a binding says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from pybernetes.api.errors import ApiError, Cause, Forbidden, Invalid, RequestEntityTooLarge
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from .plugin import Admission, Plugin
from .policies.compiled import Binding, Expression, Failure, Policy, bindings_in, holds, policies_in
from .policies.matching import is_policy, matched
from .policies.params import Misconfigured, param_resource, params_of
from .webhooks.hooks import GROUP

LONGEST_MESSAGE = 5 * 1024
LONGEST_ANNOTATION = 10 * 1024
AUDIT_KEY = "validation.policy.admission.k8s.io/validation_failure"
ERRORS: dict[str, type[ApiError]] = {
    "Forbidden": Forbidden,
    "Invalid": Invalid,
    "RequestEntityTooLarge": RequestEntityTooLarge,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One reason to refuse. `index` is the validation's."""

    message: str
    reason: str = "Invalid"
    index: int = 0


@dataclass(frozen=True, slots=True)
class Denial:
    policy: str
    binding: str
    decision: Decision

    def __str__(self) -> str:
        bound = f" with binding '{self.binding}'" if self.binding else ""
        return f"ValidatingAdmissionPolicy '{self.policy}'{bound} denied request: {self.decision.message}"


class Review:
    """One request under all policies: who denies it, and what is noted in the audit log."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.denials: list[Denial] = []
        self.failures: list[dict[str, Any]] = []
        self.annotations: dict[str, list[str]] = {}
        self._values: dict[int, dict[str, Any]] = {}

    def run(self, policy: Policy) -> None:
        """Asks one policy."""
        kind = matched(policy.constraints, self.admission)
        if kind is None:
            return
        bindings = bindings_in(
            self.admission.found_cache(GROUP, "v1", "validatingadmissionpolicybindings"), policy.name
        )
        if not bindings:
            return
        try:
            resource = param_resource(policy, self.admission)
        except Misconfigured as problem:
            self.misconfigured(policy, "", f"failed to configure policy: {problem}")
            return
        for binding in bindings:
            if matched(binding.constraints, self.admission) is None:
                continue
            try:
                params = params_of(binding, resource, self.admission)
            except Misconfigured as problem:
                self.misconfigured(policy, binding.name, f"failed to configure binding: {problem}")
                continue
            for param in params:
                self.validate(policy, binding, kind, param)

    def misconfigured(self, policy: Policy, binding: str, message: str) -> None:
        if policy.fails:
            self.denials.append(Denial(policy.name, binding, Decision(message)))

    def act(self, policy: Policy, binding: Binding, decision: Decision) -> None:
        """Does with a denial what the binding wants."""
        for action in binding.actions:
            if action == "Deny":
                self.denials.append(Denial(policy.name, binding.name, decision))
            elif action == "Warn":
                self.admission.ctx.warn(
                    f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding "
                    f"'{binding.name}': {decision.message}"
                )
            elif action == "Audit":
                self.failures.append(
                    {
                        "message": decision.message,
                        "policy": policy.name,
                        "binding": binding.name,
                        "expressionIndex": decision.index,
                        "validationActions": list(binding.actions),
                    }
                )

    def values(self, kind: Kind) -> dict[str, Any]:
        """What expressions see, made once per version."""
        from .policies.inputs import values_of

        if id(kind) not in self._values:
            self._values[id(kind)] = values_of(self.admission, kind)
        return dict(self._values[id(kind)])

    def validate(self, policy: Policy, binding: Binding, kind: Kind, param: Obj | None) -> None:
        """Asks a policy with one parameter, and does with its reasons to refuse what the binding wants. An annotation that has no value denies whatever the
        binding does with reasons."""
        from pybernetes.lang.cel.frames import MATCH_CONDITIONS_BUDGET, POLICY_BUDGET
        from pybernetes.lang.cel.program import Budget

        from .policies.inputs import Variables

        values = {**self.values(kind), "params": param}
        try:
            if not holds(policy.conditions, values, Budget(MATCH_CONDITIONS_BUDGET), fails=policy.fails):
                return
        except Failure as failure:
            self.act(policy, binding, Decision(str(failure)))
            return
        budget = Budget(POLICY_BUDGET)
        Variables(policy.variables, values, budget)
        decisions = [
            decision
            for index, (tree, expressions) in enumerate(policy.parts)
            if (decision := _decide(policy, index, tree, expressions, values, budget)) is not None
        ]
        unvalued: list[Denial] = []
        for key, expression in policy.annotations:
            try:
                value = expression.evaluate(values, budget)
            except Failure as failure:
                if policy.fails:
                    unvalued.append(Denial(policy.name, binding.name, Decision(str(failure))))
                continue
            if isinstance(value, str) and (text := value.strip()[:LONGEST_ANNOTATION]):
                noted = self.annotations.setdefault(f"{policy.name}/{key}", [])
                if text not in noted:
                    noted.append(text)
        for decision in decisions:
            self.act(policy, binding, decision)
        self.denials += unvalued

    def conclude(self) -> None:
        """Notes what is to be audited. Raises the first denial."""
        annotations = self.admission.ctx.annotations
        for key, values in self.annotations.items():
            annotations[key] = ", ".join(values)
        if self.failures:
            # A list for times to come: upstream tells only of the first failure.
            annotations[AUDIT_KEY] = orjson.dumps(self.failures[:1]).decode()
        if self.denials:
            raise _refusal(self.admission, self.denials[0])


def _decide(
    policy: Policy, index: int, tree: Obj, expressions: Any, values: dict[str, Any], budget: Any
) -> Decision | None:
    """What one validation says: None where it is content."""
    try:
        if expressions["expression"].evaluate(values, budget) is True:
            return None
    except Failure as failure:
        return Decision(str(failure), index=index) if policy.fails else None
    message = _message(expressions.get("messageExpression"), values, budget)
    message = message or (tree.get("message") or "").strip()
    reason = str(tree.get("reason") or "Invalid")
    return Decision(message or f"failed expression: {tree['expression'].strip()}", reason, index)


def _message(expression: Expression | None, values: dict[str, Any], budget: Any) -> str:
    """What messageExpression says, where that is fit to be shown."""
    if expression is None:
        return ""
    try:
        value = expression.evaluate(values, budget)
    except Failure:
        return ""
    message = value.strip() if isinstance(value, str) else ""
    return "" if len(message) > LONGEST_MESSAGE or re.search(r"\n", message) else message


def _refusal(admission: Admission, denial: Denial) -> ApiError:
    forbidden = admission.forbidden(str(denial))
    error = ERRORS.get(denial.decision.reason, Invalid)
    return error(
        forbidden.message,
        group=forbidden.group,
        kind=forbidden.kind,
        name=forbidden.name,
        causes=[Cause("", str(denial))],
    )


def _validate(admission: Admission) -> None:
    cache = admission.found_cache(GROUP, "v1", "validatingadmissionpolicies")
    if cache is None or not cache.entries or is_policy(admission.kind):
        return
    review = Review(admission)
    for policy in policies_in(cache):
        review.run(policy)
    review.conclude()


VALIDATING_ADMISSION_POLICY = Plugin("ValidatingAdmissionPolicy", validate=_validate)

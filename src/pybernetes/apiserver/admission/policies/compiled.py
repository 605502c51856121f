"""A policy and its bindings, compiled once per version. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pybernetes.api.meta import Obj

from ...kindcache import KindCache
from ...version import Version
from .matching import Constraints, constraints_of

if TYPE_CHECKING:
    from pybernetes.lang.cel.program import Budget, Program


class Failure(Exception):
    """An expression has no value; the message is what the client is told."""


@dataclass(frozen=True, slots=True)
class Expression:
    """`program` is None where the text does not compile (`problem` says why): then it fails whenever it is asked."""

    text: str
    program: Program | None
    problem: str = ""

    def evaluate(self, values: Mapping[str, Any], budget: Budget) -> Any:
        """Raises Failure."""
        from pybernetes.lang.cel.errors import CelError

        if self.program is None:
            raise Failure(f"compilation error: {self.problem}")
        try:
            value = self.program.evaluate(values, budget)
        except CelError as error:
            raise Failure(f"expression '{self.text}' resulted in error: {error}") from error
        if budget.left < 0:
            raise Failure(
                "validation failed due to running out of cost budget, no further validation rules will be run"
            )
        return value


@dataclass(frozen=True, slots=True)
class Binding:
    name: str
    policy: str
    constraints: Constraints | None
    param_ref: Obj | None
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """`parts` are the entries of its validations or mutations, each with its expressions by field."""

    name: str
    fails: bool
    constraints: Constraints | None
    param_kind: Obj | None
    conditions: tuple[Expression, ...]
    variables: Mapping[str, Program]
    parts: tuple[tuple[Obj, Mapping[str, Expression]], ...]
    annotations: tuple[tuple[str, Expression], ...]
    reinvoked: bool


def policies_in(cache: KindCache | None) -> list[Policy]:
    """All policies in the order of their names."""
    if cache is None or not cache.entries:
        return []
    return [_policy(version) for version in cache.in_namespace("")]


def bindings_in(cache: KindCache | None, policy: str) -> list[Binding]:
    if cache is None or not cache.entries:
        return []
    bindings = (_binding(version) for version in cache.in_namespace(""))
    return [binding for binding in bindings if binding.policy == policy]


@lru_cache(maxsize=512)
def _binding(version: Version) -> Binding:
    tree = version.tree()
    spec = tree["spec"]
    return Binding(
        tree["metadata"]["name"],
        spec["policyName"],
        constraints_of(spec.get("matchResources")),
        spec.get("paramRef"),
        tuple(spec.get("validationActions") or ()),
    )


@lru_cache(maxsize=256)
def _policy(version: Version) -> Policy:
    from pybernetes.api.admissionregistration import expressions

    tree = version.tree()
    spec = tree["spec"]
    known = expressions.names(params=spec.get("paramKind") is not None)
    conditions = conditions_of(spec.get("matchConditions") or (), known)
    known, variables = expressions.with_variables(known, spec.get("variables") or (), _ignored)
    validations = tuple(
        (
            each,
            _by_field(
                each,
                (("expression", expressions.CONDITION), ("messageExpression", expressions.MESSAGE)),
                known,
            ),
        )
        for each in spec.get("validations") or ()
    )
    mutations = tuple(
        (
            each,
            {
                field: expression_of(each[field].get("expression") or "", known, wanted)
                for field, wanted in (
                    ("applyConfiguration", expressions.APPLY_CONFIGURATION),
                    ("jsonPatch", expressions.JSON_PATCHES),
                )
                if each.get(field) is not None
            },
        )
        for each in spec.get("mutations") or ()
    )
    return Policy(
        tree["metadata"]["name"],
        spec.get("failurePolicy", "Fail") != "Ignore",
        constraints_of(spec.get("matchConstraints") or {}),
        spec.get("paramKind"),
        conditions,
        variables,
        validations or mutations,
        tuple(
            (each["key"], expression_of(each["valueExpression"], known, expressions.ANNOTATION))
            for each in spec.get("auditAnnotations") or ()
        ),
        spec.get("reinvocationPolicy") == "IfNeeded",
    )


def _ignored(_index: int, _message: str) -> None:
    """A variable that does not compile fails those who use it."""


def _by_field(
    tree: Obj, fields: Iterable[tuple[str, Any]], known: Mapping[str, Any]
) -> dict[str, Expression]:
    return {
        field: expression_of(tree[field], known, wanted)
        for field, wanted in fields
        if (tree.get(field) or "").strip()
    }


def conditions_of(
    conditions: Sequence[Obj], known: Mapping[str, Any] | None = None
) -> tuple[Expression, ...]:
    """Match conditions over the names of a policy, or (None) of a webhook."""
    if not conditions:
        return ()
    from pybernetes.api.admissionregistration import expressions

    names = expressions.names(params=False) if known is None else known
    return tuple(
        expression_of(str(each.get("expression") or ""), names, expressions.CONDITION) for each in conditions
    )


def expression_of(text: str, known: Mapping[str, Any], wanted: Any) -> Expression:
    from pybernetes.api.admissionregistration import expressions

    try:
        return Expression(text, expressions.compiled(text, known, wanted))
    except expressions.ExpressionError as error:
        return Expression(text, None, str(error))


def holds(
    conditions: Sequence[Expression], values: Mapping[str, Any], budget: Budget, *, fails: bool
) -> bool:
    """Whether all match conditions are true. One that is false decides; otherwise those without a value raise Failure
    where the policy `fails`, else they count as false."""
    problems: list[str] = []
    for condition in conditions:
        try:
            if condition.evaluate(values, budget) is not True:
                return False
        except Failure as failure:
            problems.append(str(failure))
    if not problems:
        return True
    if fails:
        raise Failure(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    return False

"""`x-kubernetes-validations`: rules in CEL, compiled with their schema and run on its values.

A rule that speaks of `oldSelf` is a transition rule: it runs only where there is an old value to compare with. Other
rules do not complain about what an update leaves as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.lang.cel.errors import CelCompileError, CelCostExceeded, CelError
from pybernetes.lang.cel.lexer import tokens
from pybernetes.lang.cel.program import Budget, Program, compile, cost_of
from pybernetes.lang.cel.types import BOOL, STRING, Type, is_dyn, optional_of
from pybernetes.lang.cel.values import NONE, Optional

from ..fielderrors import FieldErrors
from ..meta import Obj
from .celcosts import Costs, Sized, sized, times_below, whole_cost
from .celtypes import Convert, converter, declared
from .fieldpaths import steps
from .schemavalidation import UNKNOWN
from .structural import Structural

REASONS = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")
LONGEST_MESSAGE = 5120
BUDGET = 10_000_000
"""What all rules of one write may cost together."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    text: str
    program: Program
    message: str
    message_program: Program | None
    reason: str
    field_path: tuple[str, ...]
    transition: bool
    """Whether it speaks of `oldSelf`."""
    optional_old: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one node of a schema, and of the nodes below that have any."""

    schema: Structural
    own: tuple[Rule, ...]
    convert: Convert | None
    properties: Mapping[str, Rules]
    additional: Rules | None
    item: Rules | None


def rules_of(schema: Structural, *, root: bool = True) -> Rules | None:
    """The rules of a schema that has been validated; None where it has none."""
    properties = {
        name: found for name, below in schema.properties.items() if (found := rules_of(below, root=False))
    }
    below = schema.additional if isinstance(schema.additional, Structural) else None
    additional = None if below is None else rules_of(below, root=False)
    item = None if schema.item is None else rules_of(schema.item, root=False)
    own: tuple[Rule, ...] = ()
    if given := schema.raw.get("x-kubernetes-validations"):
        environments = Environments(schema, root)
        own = tuple(environments.compile(each) for each in given)
    if not own and not properties and additional is None and item is None:
        return None
    return Rules(schema, own, converter(schema) if own else None, properties, additional, item)


class WrongResult(ValueError):
    """The expression gives a value of another type than it must."""


class Environments:
    """What the rules of one node may speak of."""

    def __init__(self, schema: Structural, root: bool) -> None:
        """`root`: the schema of whole objects."""
        self._type = declared(schema, root=root)
        self._size: Sized | None = None
        self._schema, self._root = schema, root

    @property
    def visible(self) -> bool:
        return self._type is not None

    def cost(self, given: Obj, text: str, times: int | None) -> int:
        """The most that an expression of a rule may cost, if its node may occur so often (None: unbounded)."""
        if self._size is None:
            self._size = sized(self._schema, root=self._root)
        assert self._size is not None
        return whole_cost(cost_of(text, self._names(given), self._size.at), self._size, times)

    def _names(self, given: Obj) -> dict[str, Type]:
        assert self._type is not None
        old = optional_of(self._type) if given.get("optionalOldSelf") else self._type
        return {"self": self._type, "oldSelf": old}

    def program(self, given: Obj, text: str, result: Type) -> Program:
        """An expression of a rule. Raises CelCompileError, WrongResult."""
        program = compile(text, self._names(given))
        if program.type != result and not is_dyn(program.type):
            raise WrongResult(text)
        return program

    def compile(self, given: Obj) -> Rule:
        """Raises CelCompileError, WrongResult."""
        text, expression = str(given["rule"]), given.get("messageExpression")
        return Rule(
            text,
            self.program(given, text, BOOL),
            given.get("message", ""),
            self.program(given, expression, STRING) if expression else None,
            given.get("reason") or REASONS[0],
            steps(given.get("fieldPath", "")),
            speaks_of_old(text),
            bool(given.get("optionalOldSelf")),
        )


def speaks_of_old(text: str) -> bool:
    """Whether an expression names `oldSelf`."""
    before = ""
    for token in tokens(text):
        if token.kind == "IDENTIFIER" and token.text == "oldSelf" and before != ".":
            return True
        before = token.text
    return False


# ---- running


def check(rules: Rules, new: Any, old: Any, errors: FieldErrors, budget: Budget | None = None) -> None:
    """Reports every rule that the value breaks. `old` is UNKNOWN for a new value; `errors` stands at the value."""
    if new is None:
        return
    budget = budget or Budget(BUDGET)
    if rules.own:
        _check_own(rules, new, old, errors, budget)
    if isinstance(new, Mapping):
        before = old if isinstance(old, Mapping) else {}
        for name, below in rules.properties.items():
            if name in new:
                check(below, new[name], before.get(name, UNKNOWN), errors.at(name), budget)
        if rules.additional is not None:
            for name, value in new.items():
                check(rules.additional, value, before.get(name, UNKNOWN), errors.at_key(name), budget)
    elif isinstance(new, (list, tuple)) and rules.item is not None:
        find = _finder(rules.schema, old)
        for number, value in enumerate(new):
            check(rules.item, value, find(value), errors.at(number), budget)


def _finder(schema: Structural, old: Any) -> Callable[[Any], Any]:
    """Items can be found again in lists of type map only."""
    if schema.list_type != "map" or not isinstance(old, (list, tuple)):
        return lambda _item: UNKNOWN
    known = {_key(item, schema): item for item in old}
    return lambda item: known.get(_key(item, schema), UNKNOWN)


def _key(item: Any, schema: Structural) -> tuple[str, ...]:
    return tuple(repr(item.get(key)) for key in schema.list_map_keys) if isinstance(item, Mapping) else ()


def _check_own(rules: Rules, new: Any, old: Any, errors: FieldErrors, budget: Budget) -> None:
    has_old = old is not UNKNOWN and old is not None
    unchanged = has_old and new == old
    convert = rules.convert
    variables: dict[str, Any] | None = None
    for rule in rules.own:
        if rule.transition and not has_old and not rule.optional_old:
            continue
        if unchanged and not rule.transition:
            continue
        if variables is None:
            value = new if convert is None else convert(new)
            before = None if not has_old else old if convert is None else convert(old)
            variables = {"self": value, "oldSelf": before}
        given = variables
        if rule.optional_old:
            given = {**variables, "oldSelf": Optional(True, variables["oldSelf"]) if has_old else NONE}
        _run(rule, given, rules.schema.type, errors, budget)


def _run(rule: Rule, variables: Mapping[str, Any], type_: str, errors: FieldErrors, budget: Budget) -> None:
    try:
        if rule.program.evaluate(variables, budget) is True:
            return
    except CelCostExceeded as error:
        told = rule.message or rule.text
        errors.invalid(
            type_,
            f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {told}",
        )
        return
    except CelError as error:
        told = rule.message or rule.text
        if str(error).startswith("no such overload"):
            errors.invalid(
                type_,
                f"'{error}': call arguments did not match a supported operator, function or macro signature for "
                f"rule: {told}",
            )
        else:
            errors.invalid(type_, f"{error} evaluating rule: {told}")
        return
    at = errors
    for step in rule.field_path:
        at = at.at(step)
    message = _message(rule, variables)
    match rule.reason:
        case "FieldValueForbidden":
            at.forbidden(message)
        case "FieldValueRequired":
            at.required("", message)
        case "FieldValueDuplicate":
            at.duplicate(type_)
        case _:
            at.invalid(type_, message)


def _message(rule: Rule, variables: Mapping[str, Any]) -> str:
    """What messageExpression says, where it says something in one line; else the message; else the rule."""
    if rule.message_program is not None:
        try:
            made = rule.message_program.evaluate(variables)
        except CelError:
            made = ""  # upstream logs it and goes on with the message
        if isinstance(made, str) and made.strip() and "\n" not in made and len(made) <= LONGEST_MESSAGE:
            return made.strip()
    return rule.message or f"failed rule: {rule.text.strip()}"


# ---- validation of the rules themselves


def validate_rules(
    schema: Structural,
    errors: FieldErrors,
    *,
    root: bool = True,
    lost: str = "",
    times: int | None = 1,
    costs: Costs | None = None,
) -> None:
    """The rules of a structural schema compile, give what they must and do not cost too much. `errors` stands at the
    schema, of which an object has at most `times` values (None: nobody knows); `lost` is the path of the schema from
    where on a value cannot be found again in an older object ("": it can be)."""
    first, costs = costs is None, costs or Costs()
    given = schema.raw.get("x-kubernetes-validations") or ()
    if given:
        environments = Environments(schema, root)
        for number, each in enumerate(given):
            here = errors.at("x-kubernetes-validations").at(number)
            _validate_rule(environments, each, lost, here, times, costs)
    often = times_below(schema, times)
    inside = lost or (errors.path if schema.map_type == "atomic" else "")
    for name, below in schema.properties.items():
        if name in (schema.raw.get("properties") or {}):
            here = errors.at("properties").at_key(name)
            validate_rules(below, here, root=False, lost=inside, times=often, costs=costs)
    if isinstance(schema.additional, Structural):
        here = errors.at("additionalProperties")
        validate_rules(schema.additional, here, root=False, lost=lost, times=often, costs=costs)
    if schema.item is not None:
        inside = lost or ("" if schema.list_type == "map" else errors.path)
        validate_rules(schema.item, errors.at("items"), root=False, lost=inside, times=often, costs=costs)
    if first:
        costs.report(errors)


def _validate_rule(
    environments: Environments,
    given: Obj,
    lost: str,
    errors: FieldErrors,
    times: int | None,
    costs: Costs,
) -> None:
    text = given.get("rule", "")
    if not environments.visible:
        return
    program = _compiled(environments, given, "rule", errors)
    if program is not None:
        costs.add(environments.cost(given, text, times), errors, "rule", "estimated rule cost")
    if given.get("messageExpression"):
        told = _compiled(environments, given, "messageExpression", errors)
        if told is not None:
            cost = environments.cost(given, told.text, 1)
            costs.add(cost, errors, "messageExpression", "estimated messageExpression cost")
    if program is None:
        return
    if not speaks_of_old(text):
        if (old := given.get("optionalOldSelf")) is not None:
            errors.invalid(old, "may not be set if oldSelf is not used in rule", "optionalOldSelf")
    elif lost:
        errors.invalid(
            text, f"oldSelf cannot be used on the uncorrelatable portion of the schema within {lost}", "rule"
        )


def _compiled(environments: Environments, given: Obj, field: str, errors: FieldErrors) -> Program | None:
    is_rule = field == "rule"
    try:
        return environments.program(given, str(given[field]), BOOL if is_rule else STRING)
    except WrongResult:
        detail = (
            "cel expression must evaluate to a bool"
            if is_rule
            else "messageExpression must evaluate to a string"
        )
    except CelCompileError as error:
        detail = f"{'' if is_rule else 'messageExpression '}compilation failed: {error}"
    errors.invalid({name: given.get(key, zero) for name, key, zero in _SHOWN}, detail, field)
    return None


_SHOWN = (
    ("Rule", "rule", ""),
    ("Message", "message", ""),
    ("MessageExpression", "messageExpression", ""),
    ("Reason", "reason", None),
    ("FieldPath", "fieldPath", ""),
    ("OptionalOldSelf", "optionalOldSelf", None),
)
"""A rule as messages show it: (name, field, what stands there where it is not given)."""

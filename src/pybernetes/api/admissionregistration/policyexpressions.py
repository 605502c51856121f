"""That the expressions of policies and webhooks compile: checked when they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..fielderrors import FieldErrors
from ..meta import Obj

if TYPE_CHECKING:
    from pybernetes.lang.cel.types import Type

Names = Mapping[str, "Type"]


class PolicyExpressions:
    """Looks at the expressions of one policy, or of one webhook. CEL is imported for the first of them."""

    def __init__(self, *, params: bool = False, variables: Sequence[Obj] = ()) -> None:
        """`params`: whether they know `params`. What is after the match conditions knows the `variables` too."""
        self._params = params
        self._variables = variables

    @classmethod
    def of(cls, spec: Obj) -> PolicyExpressions:
        """Those of a policy."""
        return cls(params=spec.get("paramKind") is not None, variables=spec.get("variables") or ())

    @cached_property
    def _plain(self) -> Names:
        from . import expressions

        return expressions.names(params=self._params)

    @cached_property
    def _full(self) -> tuple[Names, dict[int, str]]:
        """The names with the variables, and by number why a variable does not compile."""
        problems: dict[int, str] = {}
        if not self._variables:
            return self._plain, problems
        from . import expressions

        return expressions.with_variables(self._plain, self._variables, problems.__setitem__)[0], problems

    def condition(self, text: str, errors: FieldErrors) -> None:
        """A match condition. `errors` stands at the holder of the field `expression`."""
        from . import expressions

        self._check(text, self._plain, expressions.CONDITION, text, errors)

    def variable(self, index: int, errors: FieldErrors) -> None:
        if problem := self._full[1].get(index):
            errors.invalid(self._variables[index]["expression"], problem, "expression")

    def validation(self, text: str, errors: FieldErrors) -> None:
        from . import expressions

        self._check(text, self._full[0], expressions.CONDITION, text, errors)

    def message(self, text: str, errors: FieldErrors) -> None:
        """A message expression, which must not ask what somebody may do."""
        from . import expressions

        known = {name: type_ for name, type_ in self._full[0].items() if name != "authorizer"}
        self._check(text, known, expressions.MESSAGE, text, errors, "messageExpression")

    def annotation(self, text: str, errors: FieldErrors) -> None:
        from . import expressions

        known = self._full[0]
        self._check(text.strip(), known, expressions.ANNOTATION, text, errors, "valueExpression")

    def mutation(self, text: str, field: str, errors: FieldErrors) -> None:
        """`field` is that which holds the expression: `applyConfiguration` or `jsonPatch`."""
        from . import expressions

        patches = field == "jsonPatch"
        wanted = expressions.JSON_PATCHES if patches else expressions.APPLY_CONFIGURATION
        self._check(text, self._full[0], wanted, text, errors)

    @staticmethod
    def _check(
        text: str,
        known: Names,
        wanted: Sequence[Type],
        shown: str,
        errors: FieldErrors,
        field: str = "expression",
    ) -> None:
        from . import expressions

        try:
            expressions.compiled(text, known, wanted)
        except expressions.ExpressionError as error:
            errors.invalid(shown, str(error), field)

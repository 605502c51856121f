"""Compiling and running an expression: what the rest of the program uses of CEL.

program = compile("object.spec.replicas <= 5", {"object": DYN})
program.evaluate({"object": tree})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .checker import Checker
from .compiler import compiled
from .costs import SizeOf, estimate
from .errors import CelError, CelSyntaxError, Problem
from .frames import PER_CALL_LIMIT, Frame, Run
from .library import functions, names
from .parser import TOO_DEEP, parse
from .types import Type


class Budget:
    """What several evaluations may cost together."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression; `type` is the type of its value."""

    text: str
    type: Type
    run: Run

    def evaluate(self, bindings: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """The value. What a name stands for may be any JSON value, or one of `values`. Raises CelError where there is
        none: a missing key, a division by zero; CelCostExceeded where it takes too long."""
        frame = Frame(bindings, PER_CALL_LIMIT if budget is None else min(PER_CALL_LIMIT, budget.left))
        try:
            return self.run(frame)
        except RecursionError:
            raise CelError(TOO_DEEP) from None
        finally:
            if budget is not None:
                budget.left -= frame.cost


def cost_of(text: str, variables: Mapping[str, Type], size_of: SizeOf) -> int:
    """The most that an expression that compiles may cost, where `size_of` tells how large its values can be."""
    tree = parse(text)
    Checker(text, variables, functions(), _no_structs, names()).check(tree)
    return estimate(tree, size_of)


def _no_structs(_name: str) -> Type | None:
    return None


def compile(
    text: str, variables: Mapping[str, Type], *, structs: Callable[[str], Type | None] = _no_structs
) -> Program:
    """Parses and checks an expression over variables of these types; `structs` finds the types that it may build.
    Raises CelSyntaxError or CelTypeError."""
    try:
        tree = parse(text)
        type_ = Checker(text, variables, functions(), structs, names()).check(tree)
        return Program(text, type_, compiled(tree))
    except RecursionError:
        raise CelSyntaxError(text, [Problem(0, TOO_DEEP)]) from None

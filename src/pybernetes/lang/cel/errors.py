"""What can be wrong with an expression: its syntax, its types, or what it meets when it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One complaint about the source, at an offset in characters."""

    at: int
    message: str

    def show(self, text: str) -> str:
        """As cel-go prints it: the position, the line, and a caret below it."""
        before = text[: self.at]
        line = before.count("\n") + 1
        column = self.at - (before.rfind("\n") + 1)
        whole = text.split("\n")[line - 1]
        return (
            f"ERROR: <input>:{line}:{column + 1}: {self.message}\n"
            f" | {whole.replace(chr(9), ' ')}\n"
            f" | {'.' * column}^"
        )


class CelCompileError(ValueError):
    """The expression does not compile. `str()` is every problem in the order of the source."""

    def __init__(self, text: str, problems: Iterable[Problem]) -> None:
        self.text = text
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(problem.show(text) for problem in self.problems))


class CelSyntaxError(CelCompileError):
    """It does not parse."""


class CelTypeError(CelCompileError):
    """It parses and makes no sense: unknown names, or operators on values that they do not take."""


class CelError(ValueError):
    """The expression ran and has no value: `no such key: x`, `division by zero`."""


class CelCostExceeded(CelError):
    """It was stopped because it did too much."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")

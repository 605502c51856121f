"""The text of a JSONPath template to its nodes (`jsonpath.py`)."""

from __future__ import annotations

import re
from dataclasses import dataclass


class JsonPathError(ValueError):
    """The template cannot be read, or (where missing keys count) what it names is not there."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside of braces, or a quoted literal inside."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    name: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    pass


@dataclass(frozen=True, slots=True)
class Recursive:
    """`..`: everything below, the value itself first."""


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:end:step]`; one index is a slice of one."""

    start: int | None
    end: int | None
    step: int | None
    single: bool = False


@dataclass(frozen=True, slots=True)
class Union:
    parts: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`?(left operator right)`; without an operator: whether `left` finds anything."""

    left: Operand
    operator: str = ""
    right: Operand | None = None


Step = Field | Wildcard | Recursive | Slice | Union | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the root (`rooted`: begins with `$`) or from where the template stands."""

    steps: tuple[Step, ...]
    rooted: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    over: Path
    body: tuple[Node, ...]


Node = Text | Path | Range
Operand = Path | str | int | float | bool | None

_NAME = re.compile(r"(?:\\.|[^\s{}\[\]().,'\"=!<>|&?@$*\\])+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
_INTEGER = re.compile(r"-?\d+$")


class Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def nodes(self) -> tuple[Node, ...]:
        nodes, closed = self._until_end(top=True)
        assert not closed
        return nodes

    def _until_end(self, *, top: bool = False) -> tuple[tuple[Node, ...], bool]:
        nodes: list[Node] = []
        while self._at < len(self._text):
            brace = self._text.find("{", self._at)
            if brace != self._at:
                end = len(self._text) if brace < 0 else brace
                nodes.append(Text(self._text[self._at : end]))
                self._at = end
                continue
            self._at += 1
            if self._action(nodes):
                if top:
                    raise JsonPathError("not in range, nothing to end")
                return tuple(nodes), True
        if not top:
            raise JsonPathError("unclosed range, expected {end}")
        return tuple(nodes), False

    def _action(self, nodes: list[Node]) -> bool:
        """One `{…}`; True for `{end}`."""
        while True:
            self._spaces()
            if self._at >= len(self._text):
                raise JsonPathError("unclosed action")
            char = self._text[self._at]
            if char == "}":
                self._at += 1
                return False
            if char in "\"'":
                nodes.append(Text(self._quoted(char)))
            elif self._word("end"):
                self._spaces()
                self._expect("}")
                return True
            elif self._word("range"):
                self._spaces()
                over = self._path()
                self._spaces()
                self._expect("}")
                body, _ = self._until_end()
                nodes.append(Range(over, body))
                return False
            else:
                nodes.append(self._path())

    def _path(self) -> Path:
        steps: list[Step] = []
        rooted = False
        start = self._at
        if self._peek() in ("$", "@"):
            rooted = self._peek() == "$"
            self._at += 1
        while True:
            char = self._peek()
            if char == ".":
                self._at += 1
                if self._peek() == ".":
                    self._at += 1
                    steps.append(Recursive())
                if self._peek() == "*":
                    self._at += 1
                    steps.append(Wildcard())
                elif (name := _NAME.match(self._text, self._at)) is not None:
                    self._at = name.end()
                    steps.append(Field(_unescaped(name.group())))
            elif char == "[":
                self._at += 1
                steps.append(self._bracket())
            elif self._at == start and (name := _NAME.match(self._text, self._at)) is not None:
                self._at = name.end()
                steps.append(Field(_unescaped(name.group())))
            else:
                break
        if self._at == start:
            raise JsonPathError(f"unrecognized character in action: {self._peek()!r}")
        return Path(tuple(steps), rooted)

    def _bracket(self) -> Step:
        self._spaces()
        if self._peek() == "?":
            self._at += 1
            self._expect("(")
            found = self._filter()
            self._spaces()
            self._expect(")")
            self._spaces()
            self._expect("]")
            return found
        parts: list[Step] = []
        while True:
            self._spaces()
            parts.append(self._bracket_part())
            self._spaces()
            if self._peek() == ",":
                self._at += 1
                continue
            self._expect("]")
            break
        return parts[0] if len(parts) == 1 else Union(tuple((part,) for part in parts))

    def _bracket_part(self) -> Step:
        char = self._peek()
        if char in ("'", '"') and char:
            return Field(self._quoted(char))
        if char == "*":
            self._at += 1
            return Wildcard()
        end = min((i for i in (self._text.find(c, self._at) for c in ",]") if i >= 0), default=-1)
        if end < 0:
            raise JsonPathError("unterminated array")
        text = self._text[self._at : end].strip()
        self._at = end
        pieces = [piece.strip() for piece in text.split(":")]
        if len(pieces) > 3 or not all(piece == "" or _INTEGER.match(piece) for piece in pieces) or not text:
            raise JsonPathError(f"invalid array index {text}")
        numbers: list[int | None] = [int(piece) if piece else None for piece in pieces]
        if len(numbers) == 1:
            return Slice(numbers[0], None, None, single=True)
        first, last, stride = [*numbers, None][:3]
        return Slice(first, last, stride)

    def _filter(self) -> Filter:
        self._spaces()
        left = self._operand()
        self._spaces()
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                self._at += len(operator)
                self._spaces()
                return Filter(left, operator, self._operand())
        return Filter(left)

    def _operand(self) -> Operand:
        char = self._peek()
        if char in ("'", '"') and char:
            return self._quoted(char)
        if char in ("@", "$", "."):
            return self._path()
        if (number := _NUMBER.match(self._text, self._at)) is not None:
            self._at = number.end()
            text = number.group()
            return float(text) if "." in text else int(text)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self._word(word):
                return value
        raise JsonPathError(f"unrecognized character in filter: {char!r}")

    # ---- characters

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _spaces(self) -> None:
        while self._peek().isspace():
            self._at += 1

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            raise JsonPathError(f"expected {char!r} at {self._text[self._at : self._at + 10]!r}")
        self._at += 1

    def _word(self, word: str) -> bool:
        after = self._text[self._at + len(word) : self._at + len(word) + 1]
        if not self._text.startswith(word, self._at) or after.isalnum() or after == "_":
            return False
        self._at += len(word)
        return True

    def _quoted(self, quote: str) -> str:
        end = self._at + 1
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise JsonPathError("unterminated quoted string")
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), inner)


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)

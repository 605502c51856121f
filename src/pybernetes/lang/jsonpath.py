"""kubectl's JSONPath: templates such as `{.spec.replicas}` or `{range .items[*]}{.metadata.name}{"\\n"}{end}`.

Fields (`.a`, `['a.b']`, `.a\\.b`), indexes and slices (`[0]`, `[-1]`, `[1:3]`, `[::2]`), `*`, unions (`['a','b']`), recursive
descent (`..name`), filters (`[?(@.type=="Ready")]`), literals, `range`/`end`, `$` and `@`. `parse` once, then `find` or
`render` on any number of trees; both are pure. As upstream's `client-go/util/jsonpath`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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

_NAME = re.compile(r"(?:\\.|[^\s{}\[\]().,'\"=!<>|&?@$*:/\\])+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
_INTEGER = re.compile(r"-?\d+$")


def parse(template: str) -> Template:
    """The template. Raises JsonPathError."""
    return Template(_Parser(template).nodes())


def relaxed(expression: str) -> str:
    """What kubectl makes of a path that lacks braces or the leading dot: `spec.x` and `.spec.x` are `{.spec.x}`."""
    inner = expression.removeprefix("{").removesuffix("}")
    return f"{{{inner if inner.startswith(('.', '[', '$', '@')) else f'.{inner}'}}}"


class Template:
    """A parsed template."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes

    def find(self, tree: Any, *, missing: bool = True) -> list[list[Any]]:
        """A list of results per path of the template, ranges repeated. `missing` False: raises JsonPathError for a
        field that is not there."""
        return [found for _, found in self._walk(self.nodes, tree, tree, missing) if found is not None]

    def values(self, tree: Any) -> list[Any]:
        """All results in one list; what is not there gives none."""
        return [value for found in self.find(tree) for value in found]

    def render(self, tree: Any, *, missing: bool = True) -> str:
        """The text: results of one path are joined by a space, trees are compact JSON."""
        parts = []
        for text, found in self._walk(self.nodes, tree, tree, missing):
            parts.append(text if found is None else " ".join(show(value) for value in found))
        return "".join(parts)

    def _walk(
        self, nodes: tuple[Node, ...], root: Any, at: Any, missing: bool
    ) -> Iterator[tuple[str, list[Any] | None]]:
        for node in nodes:
            if isinstance(node, Text):
                yield node.text, None
            elif isinstance(node, Path):
                yield "", _follow(node, root, at, missing)
            else:
                for value in _follow(node.over, root, at, missing):
                    yield from self._walk(node.body, root, value, missing)


def show(value: Any) -> str:
    """One result as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


# ---- evaluation


def _follow(path: Path, root: Any, at: Any, missing: bool) -> list[Any]:
    values = [root if path.rooted else at]
    for step in path.steps:
        values = _step(step, values, root, missing)
    return values


def _step(step: Step, values: list[Any], root: Any, missing: bool) -> list[Any]:
    match step:
        case Field(name):
            return list(_fields(values, name, missing))
        case Wildcard():
            return [below for value in values for below in _children(value)]
        case Recursive():
            return [below for value in values for below in _descend(value)]
        case Slice():
            return [item for value in values for item in _slice(step, value, missing)]
        case Union(parts):
            found: list[Any] = []
            for part in parts:
                below = values
                for inner in part:
                    below = _step(inner, below, root, missing)
                found += below
            return found
        case Filter():
            return [i for value in values for i in _children(value) if _accepts(step, root, i)]


def _fields(values: list[Any], name: str, missing: bool) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Mapping):
            if name in value:
                yield value[name]
            elif not missing:
                raise JsonPathError(f"{name} is not found")
        elif value is not None and not missing and not isinstance(value, Sequence):
            raise JsonPathError(f"{name} is not found")


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if _is_list(value) else ()


def _descend(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping) or _is_list(value):
        yield value
        for below in _children(value):
            yield from _descend(below)


def _slice(step: Slice, value: Any, missing: bool) -> Sequence[Any]:
    if not _is_list(value):
        if value is None or missing:
            return ()
        raise JsonPathError(f"{show(value)} is not array or slice")
    if step.single:
        assert step.start is not None
        if -len(value) <= step.start < len(value):
            return [value[step.start]]
        if missing:
            return ()
        raise JsonPathError(f"array index out of bounds: index {step.start}, length {len(value)}")
    part: Sequence[Any] = value[step.start : step.end : step.step]
    return part


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _accepts(filter_: Filter, root: Any, item: Any) -> bool:
    left = _operand(filter_.left, root, item)
    if not filter_.operator:
        return bool(left)
    right = _operand(filter_.right, root, item)
    if not left or not right:
        return False
    a, b = left[0], right[0]
    if isinstance(a, bool) != isinstance(b, bool) or isinstance(a, str) != isinstance(b, str):
        return filter_.operator == "!="
    try:
        return _COMPARE[filter_.operator](a, b)
    except TypeError:
        return False


_COMPARE = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


def _operand(operand: Operand, root: Any, item: Any) -> list[Any]:
    if isinstance(operand, Path):
        return _follow(operand, root, item, missing=True)
    return [operand]


# ---- reading


class _Parser:
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

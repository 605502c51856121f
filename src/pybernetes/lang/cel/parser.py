"""From words to a tree: a precedence-climbing parser. Macros are expanded by `macros.py` as they are met."""

from __future__ import annotations

from .errors import CelSyntaxError, Problem
from .lexer import EOF, Token, tokens
from .macros import BadMacro, expand
from .nodes import (
    Call,
    Choice,
    Entry,
    FieldEntry,
    Ident,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Node,
    Select,
    Struct,
)
from .values import INT_MAX, INT_MIN, UINT_MAX, Uint

MOST_NESTED = 250
TOO_DEEP = f"expression recursion limit exceeded: {MOST_NESTED}"
_RELATIONS = ("<", "<=", ">", ">=", "==", "!=", "in")
_OPERATORS = {
    **dict.fromkeys(_RELATIONS, 1),
    "+": 2,
    "-": 2,
    "*": 3,
    "/": 3,
    "%": 3,
}
"""How tightly the operators of two operands bind, all of them to the left."""
NAMES = {word: "@in" if word == "in" else f"_{word}_" for word in _OPERATORS}
_RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import"),
        *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_OPERAND = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"


def parse(text: str) -> Node:
    """The tree of an expression. Raises CelSyntaxError."""
    parser = _Parser(text)
    node = parser.expression()
    if parser.here.kind != EOF:
        following = parser.words[parser.index + 1].kind
        word = "extraneous" if following == EOF else "mismatched"
        raise parser.error(parser.here, f"Syntax error: {word} input '{parser.here.text}' expecting <EOF>")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.words = tokens(text)
        self.index = 0
        self.depth = 0

    # ---- words

    @property
    def here(self) -> Token:
        return self.words[self.index]

    def take(self) -> Token:
        token = self.words[self.index]
        if token.kind != EOF:
            self.index += 1
        return token

    def took(self, kind: str) -> Token | None:
        return self.take() if self.here.kind == kind else None

    def need(self, kind: str) -> Token:
        if self.here.kind == kind:
            return self.take()
        raise self.error(self.here, f"Syntax error: missing '{kind}' at '{self.here.text}'")

    def error(self, token: Token | int, message: str) -> CelSyntaxError:
        at = token if isinstance(token, int) else token.at
        return CelSyntaxError(self.text, [Problem(at, message)])

    # ---- expressions

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise self.error(0, TOO_DEEP)
        test = self.logic("||", "_||_")
        if mark := self.took("?"):
            yes = self.logic("||", "_||_")
            self.need(":")
            test = Choice(test, yes, self.expression(), at=mark.at)
        self.depth -= 1
        return test

    def logic(self, word: str, function: str) -> Node:
        parts = [self.logic("&&", "_&&_") if word == "||" else self.binary(1)]
        ats: list[int] = []
        while mark := self.took(word):
            ats.append(mark.at)
            parts.append(self.logic("&&", "_&&_") if word == "||" else self.binary(1))
        return Logic(function, parts, ats, at=ats[0]) if ats else parts[0]

    def binary(self, least: int) -> Node:
        left = self.unary()
        while (strength := _OPERATORS.get(self.here.kind, 0)) >= least:
            mark = self.take()
            right = self.binary(strength + 1)
            left = Call(NAMES[mark.kind], None, [left, right], at=mark.at)
        return left

    def unary(self) -> Node:
        mark = self.here
        if mark.kind not in ("!", "-"):
            return self.member(self.primary())
        count = 0
        while self.here.kind == mark.kind:
            self.take()
            count += 1
        if mark.kind == "-" and self.here.kind in ("NUM_INT", "NUM_FLOAT"):
            operand = self.member(self.number(self.take(), mark))
            count -= 1
        elif self.here.kind in ("!", "-"):
            raise self.operand_error()
        else:
            operand = self.member(self.primary())
        if count % 2 == 0:
            return operand
        return Call("!_" if mark.kind == "!" else "-_", None, [operand], at=mark.at)

    def member(self, node: Node) -> Node:
        while True:
            if mark := self.took("."):
                node = self.after_dot(node, mark)
            elif mark := self.took("["):
                optional = self.took("?") is not None
                index = self.expression()
                self.need("]")
                node = Call("_[?_]" if optional else "_[_]", None, [node, index], at=mark.at)
            elif self.here.kind == "{" and (name := _qualified(node)):
                node = self.struct(name)
            else:
                return node

    def after_dot(self, node: Node, mark: Token) -> Node:
        optional = self.took("?") is not None
        if escaped := self.took("ESC_IDENTIFIER"):
            return Select(node, escaped.text[1:-1], optional=optional, at=mark.at)
        if self.here.kind != "IDENTIFIER":
            raise self.error(
                self.here,
                f"Syntax error: mismatched input '{self.here.text}' expecting IDENTIFIER"
                if self.here.kind == EOF
                else f"Syntax error: no viable alternative at input '.{self.here.text}'",
            )
        name = self.take().text
        if not optional and (opened := self.took("(")):
            return self.call(name, node, opened)
        return Select(node, name, optional=optional, at=mark.at)

    def call(self, name: str, target: Node | None, opened: Token) -> Node:
        args = self.sequence(")")
        try:
            expanded = expand(name, target, args, opened.at)
        except BadMacro as bad:
            raise self.error(bad.at, str(bad)) from bad
        return expanded or Call(name, target, args, at=opened.at)

    def sequence(self, end: str) -> list[Node]:
        """Expressions with commas between them, up to and with `end`."""
        items: list[Node] = []
        if self.took(end):
            return items
        while True:
            items.append(self.expression())
            if not self.took(","):
                self.need(end)
                return items

    def primary(self) -> Node:
        token = self.take()
        match token.kind:
            case "NUM_INT" | "NUM_UINT" | "NUM_FLOAT":
                return self.number(token)
            case "STRING" | "BYTES":
                return Literal(token.value, at=token.at)
            case "true" | "false" | "null":
                return Literal({"true": True, "false": False, "null": None}[token.kind], at=token.at)
            case "(":
                node = self.expression()
                self.need(")")
                return node
            case "[":
                return self.list_literal(token)
            case "{":
                return self.map_literal(token)
            case "." if self.here.kind == "IDENTIFIER":
                return self.ident(self.take())
            case "IDENTIFIER":
                return self.ident(token)
        if token.kind != EOF:
            self.index -= 1
        raise self.operand_error()

    def operand_error(self) -> CelSyntaxError:
        return self.error(
            self.here, f"Syntax error: mismatched input '{self.here.text}' expecting {_OPERAND}"
        )

    def ident(self, token: Token) -> Node:
        if token.text in _RESERVED:
            raise self.error(token, f"reserved identifier: {token.text}")
        if opened := self.took("("):
            return self.call(token.text, None, opened)
        return Ident(token.text, at=token.at)

    def number(self, token: Token, minus: Token | None = None) -> Node:
        sign = "-" if minus else ""
        at = minus.at if minus else token.at
        if token.kind == "NUM_FLOAT":
            return Literal(float(sign + token.text), at=at)
        digits = token.text.rstrip("uU") if token.kind == "NUM_UINT" else token.text
        value = int(sign + digits, 16 if digits.startswith("0x") else 10)
        if token.kind == "NUM_UINT":
            if value > UINT_MAX:
                raise self.error(token, "invalid uint literal")
            return Literal(Uint(value), at=at)
        if not INT_MIN <= value <= INT_MAX:
            raise self.error(at, "invalid int literal")
        return Literal(value, at=at)

    def list_literal(self, opened: Token) -> Node:
        items: list[Node] = []
        optional: set[int] = set()
        while not self.took("]"):
            if self.took("?"):
                optional.add(len(items))
            items.append(self.expression())
            if not self.took(","):
                self.need("]")
                break
        return ListLiteral(items, frozenset(optional), at=opened.at)

    def map_literal(self, opened: Token) -> Node:
        entries: list[Entry] = []
        while not self.took("}"):
            optional = self.took("?") is not None
            key = self.expression()
            self.need(":")
            entries.append(Entry(key, self.expression(), optional))
            if not self.took(","):
                self.need("}")
                break
        return MapLiteral(entries, at=opened.at)

    def struct(self, name: str) -> Node:
        opened = self.need("{")
        entries: list[FieldEntry] = []
        while not self.took("}"):
            optional = self.took("?") is not None
            word = self.took("ESC_IDENTIFIER") or self.need("IDENTIFIER")
            mark = self.need(":")
            entries.append(FieldEntry(mark.at, word.text.strip("`"), self.expression(), optional))
            if not self.took(","):
                self.need("}")
                break
        return Struct(name, entries, at=opened.at)


def _qualified(node: Node) -> str:
    """`a.b.c` of a chain of plain names, else nothing."""
    if isinstance(node, Ident):
        return node.name
    if (
        isinstance(node, Select)
        and not node.optional
        and not node.test
        and (above := _qualified(node.operand))
    ):
        return f"{above}.{node.field}"
    return ""

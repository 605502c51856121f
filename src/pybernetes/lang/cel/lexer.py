"""Words of an expression."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .errors import CelSyntaxError, Problem


class Token(NamedTuple):
    kind: str
    text: str
    at: int
    value: Any = None


_PREFIX = r"(?:[rR][bB]?|[bB][rR]?)?"
_TOKEN = re.compile(
    rf"""(?P<space>[ \t\r\n\f]+|//[^\n]*)
    |(?P<NUM_FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<NUM_UINT>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
    |(?P<NUM_INT>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<text>{_PREFIX}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*'))
    |(?P<raw>[rR][bB]?(?:"[^"\n\r]*"|'[^'\n\r]*'))
    |(?P<IDENTIFIER>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<ESC_IDENTIFIER>`[a-zA-Z0-9_.\-/ ]+`)
    |(?P<punct>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{{}}])""",
    re.VERBOSE | re.DOTALL,
)
_RAW = re.compile(
    r"(?:[rR][bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|\"[^\"\n\r]*\"|'[^'\n\r]*')", re.DOTALL
)
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_SIMPLE = dict(
    zip("abfnrtv\\'\"`?", ("\a", "\b", "\f", "\n", "\r", "\t", "\v", "\\", "'", '"', "`", "?"), strict=True)
)
EOF = "<EOF>"


def tokens(text: str) -> list[Token]:
    """The words, ended by one of kind `<EOF>`. Raises CelSyntaxError."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _RAW.match(text, at) or _TOKEN.match(text, at)
        if match is None:
            wrong = Problem(at, f"Syntax error: token recognition error at: '{text[at:]}'")
            raise CelSyntaxError(text, [wrong])
        kind, word = match.lastgroup or "raw", match.group()
        if kind in ("text", "raw"):
            found.append(_string(text, word, at))
        elif kind == "punct" or (kind == "IDENTIFIER" and word in ("true", "false", "null", "in")):
            found.append(Token(word, word, at))
        elif kind != "space":
            found.append(Token(kind, word, at))
        at = match.end()
    found.append(Token(EOF, EOF, len(text)))
    return found


def _string(text: str, word: str, at: int) -> Token:
    quote = min(position for position in (word.find('"'), word.find("'")) if position >= 0)
    prefix, body = word[:quote].lower(), word[quote:]
    body = body[3:-3] if body[:3] in ('"""', "'''") and len(body) >= 6 else body[1:-1]
    binary = "b" in prefix
    try:
        value = body if "r" in prefix else _unescaped(body, binary)
    except ValueError as error:
        raise CelSyntaxError(text, [Problem(at, str(error))]) from error
    if binary:
        return Token("BYTES", word, at, value.encode("utf-8", "surrogateescape"))
    return Token("STRING", word, at, value)


def _unescaped(body: str, binary: bool) -> str:
    def one(match: re.Match[str]) -> str:
        short, long, hexadecimal, octal, simple = match.groups()
        if simple is not None:
            if simple not in _SIMPLE:
                raise ValueError("invalid string literal: unable to unescape string")
            return _SIMPLE[simple]
        if short or long:
            if binary:
                raise ValueError("invalid bytes literal: unable to unescape string")
            code = int(short or long, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise ValueError("invalid string literal: invalid unicode code point")
            return chr(code)
        code = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        # A byte that is no character of its own rides along as a surrogate until the literal is encoded.
        return bytes([code]).decode("utf-8", "surrogateescape") if binary else chr(code)

    return _ESCAPE.sub(one, body) if "\\" in body else body

"""What Go's encoding/json says of a text that is no JSON."""

from __future__ import annotations

import json

_OPENERS = {"{": "object key:value pair", "[": "array element"}


def go_json_error(data: bytes, fallback: str) -> str:
    """How Go's encoding/json words the first error of a text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8 in JSON text"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _in_go_words(text, error)
    except RecursionError:
        return "exceeded max depth"
    return fallback


def _in_go_words(text: str, error: json.JSONDecodeError) -> str:
    at, message = error.pos, error.msg
    if at >= len(text) or message.startswith("Unterminated"):
        return "unexpected end of JSON input"
    char = _quoted(text[at])
    if message.startswith(("Expecting property name", "Illegal trailing comma")):
        return f"invalid character {char} looking for beginning of object key string"
    if message.startswith("Expecting ':'"):
        return f"invalid character {char} after object key"
    if message.startswith("Expecting ','"):
        return f"invalid character {char} after {_enclosing(text[:at])}"
    if message.startswith("Extra data"):
        return f"invalid character {char} after top-level value"
    if message.startswith("Invalid control"):
        return f"invalid character {char} in string literal"
    if "escape" in message:
        return f"invalid character {char} in string escape code"
    return _in_literal(text[at:]) or f"invalid character {char} looking for beginning of value"


def _quoted(char: str) -> str:
    if char in "'\"":
        return "'\\''" if char == "'" else "'\"'"
    return f"'{json.dumps(char, ensure_ascii=False)[1:-1]}'"


def _in_literal(text: str) -> str:
    """What is wrong with a text that begins as one of the three words, "" where it does not."""
    for word in ("true", "false", "null"):
        if not text.startswith(word[0]):
            continue
        for expected, char in zip(word, text, strict=False):
            if char != expected:
                return f"invalid character {_quoted(char)} in literal {word} (expecting {_quoted(expected)})"
        return "unexpected end of JSON input" if len(text) < len(word) else ""
    return ""


def _enclosing(text: str) -> str:
    """What the end of `text` is inside of."""
    stack: list[str] = []
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            stack.append(char)
        elif char in "}]" and stack:
            stack.pop()
    return _OPENERS[stack[-1]] if stack else "top-level value"

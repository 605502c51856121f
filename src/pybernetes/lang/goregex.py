"""Regular expressions as Go's `regexp` (RE2) means them, on Python's `re`.

The differences that matter: `$` is the very end of the text, `\\d`, `\\w`, `\\s` and `\\b` know ASCII only, `\\z` and POSIX
classes (`[[:alpha:]]`) exist, look-around and back references do not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"\[:(?P<negated>\^?)(?P<posix>\w+):\]|\\Q(?P<literal>.*?)(?:\\E|$)"
    r"|\\(?P<sign>[pP])(?:\{(?P<long>\^?\w+)\}|(?P<short>\w))|\\x\{(?P<code>[0-9a-fA-F]+)\}"
    r"|\\(?P<escaped>.)|(?P<look>\(\?(?:[=!]|<[=!]|P=))|(?P<named>\(\?<(?=\w))|.",
    re.DOTALL,
)
_LAST_ASSIGNED = 0x323AF


class BadPattern(ValueError):
    """The pattern is none of RE2's."""


@lru_cache(maxsize=512)
def compile(pattern: str) -> re.Pattern[str]:
    """The pattern, for `search` and the like. Raises BadPattern."""
    try:
        return re.compile(_translated(pattern), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"error parsing regexp: {error}: `{pattern}`") from error


def _translated(pattern: str) -> str:
    parts: list[str] = []
    in_class, multiline = False, bool(re.search(r"\(\?[a-z]*m", pattern))
    for token in _TOKEN.finditer(pattern):
        posix, literal, escaped, look = token["posix"], token["literal"], token["escaped"], token["look"]
        if posix is not None and not in_class:
            parts.append(token.group())
        elif posix is not None:
            if posix not in _POSIX or token["negated"]:
                raise BadPattern(f"error parsing regexp: invalid character class range: `{token.group()}`")
            parts.append(_POSIX[posix])
        elif token["sign"] is not None:
            parts.append(_category(token, in_class))
        elif token["code"] is not None:
            parts.append(re.escape(chr(int(token["code"], 16))))
        elif token["named"] is not None and not in_class:
            parts.append("(?P<")
        elif literal is not None:
            parts.append(re.escape(literal))
        elif escaped is not None:
            if escaped.isdigit() and escaped != "0" and not in_class:
                raise BadPattern(f"error parsing regexp: invalid escape sequence: `\\{escaped}`")
            parts.append({"z": r"\Z", "C": r"[\s\S]"}.get(escaped, f"\\{escaped}"))
        elif look is not None and not in_class:
            raise BadPattern(f"error parsing regexp: invalid or unsupported Perl syntax: `{look}`")
        else:
            text = token.group()
            if text == "[" and not in_class:
                in_class = True
            elif text == "[":
                text = r"\["
            elif text == "]" and in_class and parts[-1] not in ("[", "^"):
                in_class = False
            elif text == "$" and not in_class and not multiline:
                text = r"\Z"
            parts.append(text)
    return "".join(parts)


def _category(token: re.Match[str], in_class: bool) -> str:
    """`\\pL`, `\\p{Lu}`, `\\P{N}`: general categories of Unicode. Scripts are not known here. Raises BadPattern."""
    name = token["long"] or token["short"]
    negated = (token["sign"] == "P") != name.startswith("^")
    ranges = _ranges(name.lstrip("^"))
    if not ranges or (negated and in_class):
        raise BadPattern(f"error parsing regexp: invalid character class range: `{token.group()}`")
    return ranges if in_class else f"[{'^' if negated else ''}{ranges}]"


@lru_cache(maxsize=16)
def _ranges(category: str) -> str:
    """The characters of a category, as the inside of a class."""
    found: list[str] = []
    start = -1
    for code in range(_LAST_ASSIGNED + 2):
        inside = code <= _LAST_ASSIGNED and unicodedata.category(chr(code)).startswith(category)
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            found.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = -1
    return "".join(found)

"""Regular expressions as Go's `regexp` (RE2) means them, on Python's `re`.

The differences that matter: `$` is the very end of the text, `\\d`, `\\w`, `\\s` and `\\b` know ASCII only, `\\z` and POSIX
classes (`[[:alpha:]]`) exist, look-around and back references do not.
"""

from __future__ import annotations

import re
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
_TOKEN = re.compile(r"\[:(\^?)(\w+):\]|\\Q(.*?)(?:\\E|$)|\\(.)|(\(\?(?:[=!]|<[=!]|P=))|(.)", re.DOTALL)


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
        negated, posix, literal, escaped, look, _char = token.groups()
        if posix is not None:
            if posix not in _POSIX or negated or not in_class:
                if in_class:
                    raise BadPattern(
                        f"error parsing regexp: invalid character class range: `{token.group()}`"
                    )
                parts.append(token.group())
                continue
            parts.append(_POSIX[posix])
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

"""Why Go's `time.Parse` does not take a text for a time of the API, in its words: clients see them in refusals.

The two layouts are `metav1.Time`'s (RFC 3339, any fraction) and `MicroTime`'s, which takes exactly six digits after the
point and so refuses what many languages write for a whole second.
"""

from __future__ import annotations

import re

SECONDS = "2006-01-02T15:04:05Z07:00"
MICROS = "2006-01-02T15:04:05.000000Z07:00"

_PARTS = (
    ("2006", re.compile(r"[0-9]{4}"), range(10_000), ""),
    ("-", re.compile("-"), None, ""),
    ("01", re.compile(r"[0-9]{2}"), range(1, 13), "month"),
    ("-", re.compile("-"), None, ""),
    ("02", re.compile(r"[0-9]{2}"), range(100), ""),
    ("T", re.compile("T"), None, ""),
    ("15", re.compile(r"[0-9]{1,2}"), range(24), "hour"),
    (":", re.compile(":"), None, ""),
    ("04", re.compile(r"[0-9]{2}"), range(60), "minute"),
    (":", re.compile(":"), None, ""),
    ("05", re.compile(r"[0-9]{2}"), range(60), "second"),
)
"""(element of the layout, its form, what numbers it takes, how it is called)."""
_ZONE = ("Z07:00", re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}"))
_ANY_FRACTION = re.compile(r"([.,][0-9]+)?")
_SIX_DIGITS = re.compile(r"[.,][0-9]{6}")


def refusal(text: str, layout: str) -> str:
    """The message for a text that is no time of the layout; "" where only the day may be wrong, or nothing is."""
    value = text
    for element, form, numbers, name in _PARTS:
        match = form.match(value)
        if match is None:
            return _unreadable(text, layout, value, element)
        value = value[match.end() :]
        if numbers is not None and int(match.group()) not in numbers:
            return f"{_parsing(text)}: {name} out of range"
    fraction = (_SIX_DIGITS if layout == MICROS else _ANY_FRACTION).match(value)
    if fraction is None:
        return _unreadable(text, layout, value, ".000000")
    value = value[fraction.end() :]
    element, form = _ZONE
    match = form.match(value)
    if match is None:
        return _unreadable(text, layout, value, element)
    rest = value[match.end() :]
    return f'{_parsing(text)}: extra text: "{rest}"' if rest else ""


def day_out_of_range(text: str) -> str:
    return f"{_parsing(text)}: day out of range"


def _parsing(text: str) -> str:
    return f'parsing time "{text}"'


def _unreadable(text: str, layout: str, value: str, element: str) -> str:
    return f'{_parsing(text)} as "{layout}": cannot parse "{value}" as "{element}"'

"""Sets of completion indexes in text: `0-2,5,7-9`, rising, as Jobs keep them in spec and status."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[+-]?[0-9]+")


class IndexesError(ValueError):
    """The text is no rising list of intervals of indexes below the number of completions."""


def intervals(text: str, completions: int) -> list[tuple[int, int]]:
    """(first, last) of each interval, both included. Raises IndexesError."""
    found: list[tuple[int, int]] = []
    for each in text.split(",") if text else ():
        first, last = _interval(each, completions)
        if found and found[-1][1] >= first:
            raise IndexesError(f"non-increasing order, previous: {found[-1][1]}, current: {first}")
        found.append((first, last))
    return found


def count(text: str, completions: int) -> int:
    """How many indexes the text names. Raises IndexesError."""
    return sum(last - first + 1 for first, last in intervals(text, completions))


def overlap(one: str, other: str, completions: int) -> int | None:
    """The lowest index that both texts name, None where there is none or where a text cannot be read."""
    try:
        ours, theirs = intervals(one, completions), intervals(other, completions)
    except IndexesError:
        return None
    here = there = 0
    while here < len(ours) and there < len(theirs):
        (a, b), (c, d) = ours[here], theirs[there]
        if a <= d and c <= b:
            return max(a, c)
        if a <= c:
            here += 1
        else:
            there += 1
    return None


def _interval(text: str, completions: int) -> tuple[int, int]:
    limits = text.split("-")
    if len(limits) > 2:
        raise IndexesError(
            f'the fragment "{text}" violates the requirement that an index interval can have at most two parts '
            "separated by '-'"
        )
    first = _index(limits[0], completions)
    if len(limits) == 1:
        return first, first
    last = _index(limits[1], completions)
    if first >= last:
        raise IndexesError(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def _index(text: str, completions: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise IndexesError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= completions:
        raise IndexesError(f'too large index: "{text}"')
    return int(text)

"""RFC 3339 times between Unix seconds and the API's two forms: `metav1.Time` (seconds) and `MicroTime`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))"
)


class TimestampError(ValueError):
    """The text is no RFC 3339 time."""


def rfc3339(unix: float) -> str:
    """`2026-11-21T07:09:26Z`; the fraction is cut, as `metav1.Time` does."""
    return _written(int(unix // 1))


@lru_cache(maxsize=64)
def _written(seconds: int) -> str:
    # A busy server writes the same second thousands of times.
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(unix: float) -> str:
    """`2026-11-21T07:09:26.000123Z`: always six digits (leases, events)."""
    moment = _EPOCH + timedelta(microseconds=round(unix * 1_000_000))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc3339_nano(unix: float) -> str:
    """As Go prints `RFC3339Nano`: trailing zeros of the fraction dropped (container logs, CRI times)."""
    whole = int(unix // 1)
    nanos = round((unix - whole) * 1_000_000_000)
    if nanos == 1_000_000_000:
        whole, nanos = whole + 1, 0
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{rfc3339(whole)[:-1]}{fraction}Z"


@lru_cache(maxsize=256)
def parse(text: str) -> float:
    """Unix seconds of an RFC 3339 time in any zone. Raises TimestampError."""
    match = _SHAPE.fullmatch(text)
    if not match:
        raise TimestampError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse it')
    *numbers, fraction, zulu, sign, hours, minutes = match.groups()
    zone: timezone = UTC
    try:
        if not zulu:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = (int(number) for number in numbers)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise TimestampError(f'parsing time "{text}": {error}') from error
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    return whole + (float(f"0.{fraction}") if fraction else 0.0)

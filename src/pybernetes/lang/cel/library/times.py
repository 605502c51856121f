"""Durations and timestamps: reading, arithmetic, their parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import DURATION, INT, STRING, TIMESTAMP
from ..values import INT_MAX, INT_MIN, Duration, Timestamp

_SECOND = 1_000_000_000
_FIRST, _LAST = -62_135_596_800 * _SECOND, 253_402_300_800 * _SECOND
"""The years 1 to 9999."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_PART = re.compile(r"([0-9]+)?(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))")
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)")


def duration(text: str) -> Duration:
    """A Go duration: `1h30m`, `-1.5s`. Raises CelError."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    total, at = 0, 0
    if rest == "0":
        return Duration(0)
    while match := _PART.match(rest, at):
        whole, fraction, unit = match.groups()
        if whole is None and not fraction:
            break
        size = _UNITS[unit]
        total += int(whole or 0) * size
        if fraction:
            total += int(fraction) * size // 10 ** len(fraction)
        at = match.end()
    if not rest or at < len(rest):
        raise CelError("type conversion error from 'string' to 'google.protobuf.Duration'")
    return _span(sign * total)


def _span(nanos: int) -> Duration:
    if INT_MIN <= nanos <= INT_MAX:
        return Duration(nanos)
    raise CelError("integer overflow")


def _moment(nanos: int) -> Timestamp:
    if _FIRST <= nanos < _LAST:
        return Timestamp(nanos)
    raise CelError("timestamp overflow")


def duration_text(value: Duration) -> str:
    """In seconds: `5400s`, `1.5s`."""
    seconds, rest = divmod(abs(value.nanos), _SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if value.nanos < 0 else ''}{seconds}{fraction}s"


def timestamp(value: str | int) -> Timestamp:
    """An RFC 3339 time, or seconds since 1970. Raises CelError."""
    if isinstance(value, int):
        return _moment(value * _SECOND)
    match = _TIME.fullmatch(value)
    wrong = CelError("type conversion error from 'string' to 'google.protobuf.Timestamp'")
    if match is None:
        raise wrong
    *numbers, fraction, zulu, sign, hours, minutes = match.groups()
    try:
        year, month, day, hour, minute, second = map(int, numbers)
        whole = (datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _EPOCH) // timedelta(
            seconds=1
        )
    except ValueError:
        raise wrong from None
    if not zulu:
        offset = int(hours) * 3600 + int(minutes) * 60
        whole -= -offset if sign == "-" else offset
    return _moment(whole * _SECOND + (int(f"{fraction[:9]:0<9}") if fraction else 0))


def timestamp_text(value: Timestamp) -> str:
    whole, rest = divmod(value.nanos, _SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{(_EPOCH + timedelta(seconds=whole)).replace(tzinfo=None).isoformat()}{fraction}Z"


def _zone(name: str) -> tzinfo:
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CelError(f"unknown time zone {name}") from None


_Read = Callable[[datetime], int]


def _parts(name: str, read: _Read) -> tuple[Overload, Overload]:
    def run(value: Timestamp, zone: str = "UTC") -> int:
        return read((_EPOCH + timedelta(seconds=value.nanos // _SECOND)).astimezone(_zone(zone)))

    return method(name, TIMESTAMP, to=INT, run=run), method(name, TIMESTAMP, STRING, to=INT, run=run)


def _millis(value: Timestamp, _zone: str = "UTC") -> int:
    return value.nanos % _SECOND // 1_000_000


def _toward_zero(size: int) -> Callable[[Duration], int]:
    return lambda value: abs(value.nanos) // size * (-1 if value.nanos < 0 else 1)


OVERLOADS: tuple[Overload, ...] = (
    function("_+_", DURATION, DURATION, to=DURATION, run=lambda a, b: _span(a.nanos + b.nanos)),
    function("_-_", DURATION, DURATION, to=DURATION, run=lambda a, b: _span(a.nanos - b.nanos)),
    function("_+_", TIMESTAMP, DURATION, to=TIMESTAMP, run=lambda a, b: _moment(a.nanos + b.nanos)),
    function("_+_", DURATION, TIMESTAMP, to=TIMESTAMP, run=lambda a, b: _moment(a.nanos + b.nanos)),
    function("_-_", TIMESTAMP, DURATION, to=TIMESTAMP, run=lambda a, b: _moment(a.nanos - b.nanos)),
    function("_-_", TIMESTAMP, TIMESTAMP, to=DURATION, run=lambda a, b: _span(a.nanos - b.nanos)),
    function("-_", DURATION, to=DURATION, run=lambda a: _span(-a.nanos)),
    *_parts("getFullYear", lambda t: t.year),
    *_parts("getMonth", lambda t: t.month - 1),
    *_parts("getDayOfYear", lambda t: t.timetuple().tm_yday - 1),
    *_parts("getDayOfMonth", lambda t: t.day - 1),
    *_parts("getDate", lambda t: t.day),
    *_parts("getDayOfWeek", lambda t: t.isoweekday() % 7),
    *_parts("getHours", lambda t: t.hour),
    *_parts("getMinutes", lambda t: t.minute),
    *_parts("getSeconds", lambda t: t.second),
    method("getMilliseconds", TIMESTAMP, to=INT, run=_millis),
    method("getMilliseconds", TIMESTAMP, STRING, to=INT, run=_millis),
    method("getHours", DURATION, to=INT, run=_toward_zero(3600 * _SECOND)),
    method("getMinutes", DURATION, to=INT, run=_toward_zero(60 * _SECOND)),
    method("getSeconds", DURATION, to=INT, run=_toward_zero(_SECOND)),
    method("getMilliseconds", DURATION, to=INT, run=_toward_zero(1_000_000)),
)

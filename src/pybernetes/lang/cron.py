"""Cron schedules as CronJobs give them: five fields or a descriptor, and the moments they name in a time zone.

The language is that of robfig/cron's standard parser, which upstream uses: `*/15 8-17 * jan,mar MON-FRI`, `@hourly`,
`@every 90m`, with an optional `TZ=Europe/Berlin ` before it. Sunday is 0 only. Where both the day of the month and the
day of the week are restricted, either is enough. Messages are that parser's.

A wall-clock moment that daylight saving skips never comes; one that it repeats comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .durations import DurationError, parse_go_duration

YEARS_AHEAD = 5
"""How far `next` looks: 30 February never comes."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_INTEGER = re.compile(r"[+-]?[0-9]+")


class CronError(ValueError):
    """The text is no schedule, or names no time zone."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0


_MINUTE = _Bounds(0, 59)
_HOUR = _Bounds(0, 23)
_DAY = _Bounds(1, 31)
_MONTH = _Bounds(1, 12, tuple(_MONTHS), 1)
_WEEKDAY = _Bounds(0, 6, tuple(_DAYS), 0)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is due. `every` is set for `@every`, and then nothing else matters."""

    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    """0 is Sunday."""
    any_day: bool = False
    """Whether the day of the month or the day of the week is unrestricted, so that both must agree."""
    zone: tzinfo | None = None
    """That of `TZ=`; None means the zone of the time that `next` is asked about."""
    every: timedelta | None = None

    def next(self, after: datetime) -> datetime | None:
        """The first due moment strictly later than `after` (which must know its zone), in the zone of `after`.

        None where none comes within five years.
        """
        if after.tzinfo is None:
            raise ValueError("a schedule needs a time that knows its zone")
        if self.every is not None:
            whole = after.astimezone(UTC).replace(microsecond=0)
            return (whole + self.every).astimezone(after.tzinfo)
        zone = self.zone or after.tzinfo
        instant = after.astimezone(UTC)
        local = instant.astimezone(zone)
        # Clocks that go back across midnight (St. John's did) make a day come back: start one day early.
        start = local.date() if zone is UTC else local.date() - timedelta(days=1)
        for day in self._days_from(start, local.year + YEARS_AHEAD):
            for moment in self._moments(day, zone, instant):
                return moment.astimezone(after.tzinfo)
        return None

    def _days_from(self, day: date, last_year: int) -> Iterator[date]:
        while day.year <= last_year:
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
                continue
            if self._on(day):
                yield day
            day += timedelta(days=1)

    def _on(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month and in_week if self.any_day else in_month or in_week

    def _moments(self, day: date, zone: tzinfo, after: datetime) -> Iterator[datetime]:
        """The due instants (UTC) of one local day that are later than `after`, in order."""
        for hour in self.hours:
            for fold in _passes(day, hour, zone):
                if _instant(day, hour, 59, fold, zone) <= after:
                    continue
                for minute in self.minutes:
                    moment = _instant(day, hour, minute, fold, zone)
                    if moment > after and _exists(moment, zone, hour, minute, fold):
                        yield moment


def _passes(day: date, hour: int, zone: tzinfo) -> tuple[int, ...]:
    """How often the clock shows this hour: twice, (0, 1), where any of it is repeated."""
    for minute in (0, 59):
        local = datetime.combine(day, time(hour, minute), zone)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            return (0, 1)
    return (0,)


def _instant(day: date, hour: int, minute: int, fold: int, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(hour, minute, fold=fold), zone).astimezone(UTC)


def _exists(moment: datetime, zone: tzinfo, hour: int, minute: int, fold: int) -> bool:
    """Whether the clock of the zone really shows this at that instant, and in this pass."""
    local = moment.astimezone(zone)
    return (local.hour, local.minute, local.fold) == (hour, minute, fold)


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """The schedule of a text. Raises CronError with the message that upstream shows."""
    if not text:
        raise CronError("empty spec string")
    zone, rest = None, text
    if text.startswith(("TZ=", "CRON_TZ=")):
        prefix, _, rest = text.partition(" ")
        zone = _prefix_zone(prefix.partition("=")[2])
        rest = rest.strip()
    if rest.startswith("@every "):
        return Schedule(every=_every(rest), zone=zone)
    if rest.startswith("@"):
        if rest not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {rest}")
        rest = _DESCRIPTORS[rest]
    fields = rest.split()
    if len(fields) != len(_FIELDS):
        raise CronError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    read = [_field(each, bounds) for each, bounds in zip(fields, _FIELDS, strict=True)]
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = read
    return Schedule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        any_day=any_day or any_weekday,
        zone=zone,
    )


def load_zone(name: str) -> tzinfo:
    """A zone of the IANA time zone database. Raises CronError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronError(f"unknown time zone {name}") from error


def _prefix_zone(name: str) -> tzinfo:
    try:
        return load_zone(name)
    except CronError as error:
        raise CronError(f"provided bad location {name}: {error}") from error


def _every(text: str) -> timedelta:
    """A whole number of seconds, at least one."""
    try:
        seconds = parse_go_duration(text.removeprefix("@every "))
    except DurationError as error:
        raise CronError(f"failed to parse duration {text}: {error}") from error
    return timedelta(seconds=max(1, int(seconds)))


def _field(text: str, bounds: _Bounds) -> tuple[set[int], bool]:
    """The values of a comma-separated field, and whether a bare `*` or `?` is among its parts."""
    values: set[int] = set()
    unrestricted = False
    for part in text.split(","):
        if part:
            found, whole = _range(part, bounds)
            values.update(found)
            unrestricted |= whole
    return values, unrestricted


def _range(text: str, bounds: _Bounds) -> tuple[range, bool]:
    """`*`, `5`, `1-5`, `5/10` (from 5 to the end), `1-5/2`."""
    span, *steps = text.split("/")
    low, *highs = span.split("-")
    unrestricted = low in ("*", "?")
    if unrestricted:
        start, end = bounds.low, bounds.high
    else:
        start = _number_or_name(low, bounds)
        if len(highs) > 1:
            raise CronError(f"too many hyphens: {text}")
        end = _number_or_name(highs[0], bounds) if highs else start
    step = 1
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0])
        end = end if highs else bounds.high
        unrestricted = unrestricted and step <= 1
    if start < bounds.low:
        raise CronError(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise CronError(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise CronError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step), unrestricted


def _number_or_name(text: str, bounds: _Bounds) -> int:
    name = text.lower()
    return bounds.first_name + bounds.names.index(name) if name in bounds.names else _number(text)


def _number(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise CronError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    value = int(text)
    if value < 0:
        raise CronError(f"negative number ({value}) not allowed: {text}")
    return value

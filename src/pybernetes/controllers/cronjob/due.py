"""When a CronJob is due: the latest moment of its schedule that has passed, and the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pybernetes.api.meta import Obj
from pybernetes.lang import cron
from pybernetes.lang.timestamps import parse

TOO_MANY_MISSED = 100


class UnknownTimeZone(ValueError):
    """`spec.timeZone` names no zone of the database."""


@dataclass(frozen=True, slots=True)
class Due:
    """`latest` is the last moment that has passed and was not served (Unix seconds), `missed` how many there were
    (at most one more than anybody cares for); `next_in` the seconds until the next one, None where none comes."""

    latest: float | None
    missed: int
    next_in: float | None


def zone_of(cron_job: Obj) -> tzinfo:
    """The zone of the schedule; UTC where none is given. Raises UnknownTimeZone."""
    name = cron_job["spec"].get("timeZone")
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimeZone(f'invalid timeZone: "{name}": unknown time zone {name}') from error


def due(cron_job: Obj, schedule: cron.Schedule, zone: tzinfo, now: float) -> Due:
    """What is due by `now`, counted from the last scheduled moment (or the creation), but not from before the starting
    deadline."""
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    since = parse(last or cron_job["metadata"]["creationTimestamp"])
    deadline = cron_job["spec"].get("startingDeadlineSeconds")
    if deadline is not None:
        since = max(since, now - deadline)
    latest, missed = _latest(schedule, zone, since, now)
    # What comes at intervals is counted from what was last: asking later must not put it off.
    following = _next(schedule, now if schedule.every is None else latest or since, zone)
    return Due(latest, missed, None if following is None else following - now)


def _next(schedule: cron.Schedule, after: float, zone: tzinfo) -> float | None:
    """The first moment later than that one, in Unix seconds: two times of one zone compare by what the clock on the wall
    shows, which is wrong where that goes back."""
    moment = schedule.next(datetime.fromtimestamp(after, zone))
    return None if moment is None else moment.timestamp()


def _latest(schedule: cron.Schedule, zone: tzinfo, since: float, now: float) -> tuple[float | None, int]:
    """The last moment in (since, now], and how many there are."""
    if schedule.every is not None:
        interval = schedule.every.total_seconds()
        missed = int((now - int(since)) // interval)
        return (int(since) + missed * interval if missed > 0 else None), min(missed, TOO_MANY_MISSED + 1)
    latest, missed = None, 0
    moment = _next(schedule, since, zone)
    while moment is not None and moment <= now and missed <= TOO_MANY_MISSED:
        latest, missed = moment, missed + 1
        moment = _next(schedule, moment, zone)
    if missed > TOO_MANY_MISSED:
        latest = _look_back(schedule, zone, since, now)
    return latest, missed


def _look_back(schedule: cron.Schedule, zone: tzinfo, since: float, now: float) -> float:
    """The last moment, from now backwards, twice as far each time: a year of missed minutes costs no year of steps.
    Precondition: there is one in (since, now]."""
    back = 120.0
    while (latest := _next(schedule, max(since, now - back), zone)) is None or latest > now:
        back *= 2
    while (following := _next(schedule, latest, zone)) is not None and following <= now:
        latest = following
    return latest

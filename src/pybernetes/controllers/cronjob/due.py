"""When a CronJob is due: the latest moment of its schedule that has passed, and the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
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
        raise UnknownTimeZone(f'invalid timeZone: "{name}" - {error}') from error


def due(cron_job: Obj, schedule: cron.Schedule, zone: tzinfo, now: float) -> Due:
    """What is due by `now`, counted from the last scheduled moment (or the creation), but not from before the starting
    deadline."""
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    since = parse(last or cron_job["metadata"]["creationTimestamp"])
    deadline = cron_job["spec"].get("startingDeadlineSeconds")
    if deadline is not None:
        since = max(since, now - deadline)
    here = datetime.fromtimestamp(now, zone)
    following = schedule.next(here)
    next_in = None if following is None else following.timestamp() - now
    latest, missed = _latest(schedule, datetime.fromtimestamp(since, zone), here)
    return Due(latest, missed, next_in)


def _latest(schedule: cron.Schedule, since: datetime, now: datetime) -> tuple[float | None, int]:
    """The last moment in (since, now], and how many there are."""
    latest, missed = None, 0
    moment = schedule.next(since)
    while moment is not None and moment <= now and missed <= TOO_MANY_MISSED:
        latest, missed = moment, missed + 1
        moment = schedule.next(moment)
    if missed > TOO_MANY_MISSED:
        latest = _look_back(schedule, since, now)
    return None if latest is None else latest.timestamp(), missed


def _look_back(schedule: cron.Schedule, since: datetime, now: datetime) -> datetime:
    """The last moment, from now backwards, twice as far each time: a year of missed minutes costs no year of steps.
    Precondition: there is one in (since, now]."""
    back = timedelta(minutes=2)
    while (latest := schedule.next(max(since, now - back))) is None or latest > now:
        back *= 2
    while (following := schedule.next(latest)) is not None and following <= now:
        latest = following
    return latest

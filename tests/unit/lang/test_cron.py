"""Cron: the language with its messages, and the moments it names, daylight saving included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import cron

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ST_JOHNS = ZoneInfo("America/St_Johns")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")

REFUSED = [
    ("", "empty spec string"),
    ("WRONG", "expected exactly 5 fields, found 1: [WRONG]"),
    ("* * * *  * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* 24 * * *", "end of range (24) above maximum (23): 24"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("* * * 13 *", "end of range (13) above maximum (12): 13"),
    ("* * * * 7", "end of range (7) above maximum (6): 7"),
    ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
    ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
    ("@reboot", "unrecognized descriptor: @reboot"),
    ("@every x", 'failed to parse duration @every x: time: invalid duration "x"'),
    ("TZ=Mars/Olympus * * * * *", "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(text)
    assert str(caught.value) == message


FIELDS = [
    ("*/15", (0, 15, 30, 45)),
    ("5/20", (5, 25, 45)),
    ("1-7/3", (1, 4, 7)),
    ("3,1,,2", (1, 2, 3)),
    ("?", tuple(range(60))),
    ("*/61", (0,)),
]


@pytest.mark.parametrize(("minute", "expected"), FIELDS)
def test_fields(minute: str, expected: tuple[int, ...]) -> None:
    assert cron.parse(f"{minute} * * * *").minutes == expected


def test_names_of_months_and_days() -> None:
    schedule = cron.parse("0 0 * JAN,mar-may Mon-FRI")
    assert schedule.months == {1, 3, 4, 5}
    assert schedule.weekdays == {1, 2, 3, 4, 5}


def after(text: str, moment: datetime, count: int = 1) -> list[str]:
    """The next moments, in words."""
    schedule, found = cron.parse(text), []
    for _ in range(count):
        following = schedule.next(moment)
        assert following is not None
        found.append(following.isoformat())
        moment = following
    return found


MOMENTS = [
    ("* * * * *", "2026-01-01T10:00:00", "2026-01-01T10:01:00"),
    ("* * * * *", "2026-01-01T10:00:59.500000", "2026-01-01T10:01:00"),
    ("*/20 * * * *", "2026-01-01T10:45:00", "2026-01-01T11:00:00"),
    ("0 0 29 2 *", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
    ("30 8 * * mon", "2026-11-21T00:00:00", "2026-11-23T08:30:00"),
    ("0 0 13 * fri", "2026-11-21T00:00:00", "2026-11-27T00:00:00"),
    ("0 0 */2 * fri", "2026-11-21T00:00:00", "2026-11-23T00:00:00"),
    ("0 0 * * fri", "2026-11-21T00:00:00", "2026-11-27T00:00:00"),
    ("59 23 31 12 *", "2026-12-31T23:59:00", "2027-12-31T23:59:00"),
    ("@yearly", "2026-05-05T05:05:05", "2027-01-01T00:00:00"),
    ("@monthly", "2026-05-05T05:05:05", "2026-06-01T00:00:00"),
    ("@weekly", "2026-11-21T05:05:05", "2026-11-22T00:00:00"),
    ("@daily", "2026-05-05T05:05:05", "2026-05-06T00:00:00"),
    ("@hourly", "2026-05-05T05:05:05", "2026-05-05T06:00:00"),
    ("@every 1h30m", "2026-05-05T05:05:05.250000", "2026-05-05T06:35:05"),
    ("@every 10ms", "2026-05-05T05:05:05", "2026-05-05T05:05:06"),
]


@pytest.mark.parametrize(("text", "moment", "expected"), MOMENTS)
def test_next(text: str, moment: str, expected: str) -> None:
    assert after(text, datetime.fromisoformat(moment).replace(tzinfo=UTC)) == [f"{expected}+00:00"]


def test_what_never_comes() -> None:
    assert cron.parse("0 0 30 2 *").next(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        cron.parse("* * * * *").next(datetime(2026, 1, 1))


def test_a_zone_in_the_text() -> None:
    found = after("TZ=America/New_York 0 6 * * *", datetime(2026, 1, 1, tzinfo=UTC), 2)
    assert found == ["2026-01-01T11:00:00+00:00", "2026-01-02T11:00:00+00:00"]


def test_an_hour_that_is_skipped_never_comes() -> None:
    assert after("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=BERLIN)) == ["2026-03-30T02:30:00+02:00"]


def test_hours_around_a_skipped_one_all_come() -> None:
    found = after("0 * * * *", datetime(2026, 3, 29, 0, 30, tzinfo=BERLIN), 3)
    assert found == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"]


def test_an_hour_that_is_repeated_comes_twice() -> None:
    found = after("30 1 * * *", datetime(2026, 10, 31, 12, tzinfo=NEW_YORK), 3)
    assert found == ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"]


def test_minutes_run_on_through_a_repeated_hour() -> None:
    moment, steps = datetime(2026, 11, 1, 0, 50, tzinfo=NEW_YORK), []
    for _ in range(20):
        following = cron.parse("*/10 * * * *").next(moment)
        assert following is not None
        steps.append(following.astimezone(UTC) - moment.astimezone(UTC))
        moment = following
    assert steps == [timedelta(minutes=10)] * 20


def test_a_half_hour_of_daylight_saving() -> None:
    """On Lord Howe 02:00 becomes 01:30 again on the first Sunday of April."""
    found = after("45 1 * * *", datetime(2026, 4, 5, 0, tzinfo=LORD_HOWE), 2)
    assert found == ["2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"]


def test_a_day_that_comes_back() -> None:
    """In St. John's the clock went back at 00:01, to 23:01 of the day before."""
    start = datetime(2010, 11, 7, 0, 0, 30, tzinfo=ST_JOHNS)
    assert after("30 23 * * *", start) == ["2010-11-06T23:30:00-03:30"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, UTC]),
    st.integers(1_750_000_000, 1_850_000_000),
)
def test_the_next_moment_is_later_matches_and_none_is_left_out(
    minute: int, hour: int, zone: ZoneInfo, unix: int
) -> None:
    start = datetime.fromtimestamp(unix, zone)
    found = cron.parse(f"{minute} {hour} * * *").next(start)
    assert found is not None
    assert found > start
    assert (found.hour, found.minute, found.second) == (hour, minute, 0)
    between = start.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while between < found.astimezone(UTC):
        local = between.astimezone(zone)
        assert (local.hour, local.minute) != (hour, minute)
        between += timedelta(minutes=1)

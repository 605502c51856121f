"""What Go says of texts that are no times."""

from __future__ import annotations

import pytest

from pybernetes.lang.gotime import MICROS, SECONDS, refusal


@pytest.mark.parametrize(
    ("text", "layout", "message"),
    [
        ("2026-01-02T03:04:05Z", SECONDS, ""),
        ("2026-01-02T03:04:05.123456789+02:00", SECONDS, ""),
        ("2026-01-02T03:04:05.123456Z", MICROS, ""),
        ("", SECONDS, f'parsing time "" as "{SECONDS}": cannot parse "" as "2006"'),
        ("2026-01-02", SECONDS, f'parsing time "2026-01-02" as "{SECONDS}": cannot parse "" as "T"'),
        (
            "2026-01-02 03:04:05Z",
            SECONDS,
            f'parsing time "2026-01-02 03:04:05Z" as "{SECONDS}": cannot parse " 03:04:05Z" as "T"',
        ),
        (
            "2026-01-02T03:04:05",
            SECONDS,
            f'parsing time "2026-01-02T03:04:05" as "{SECONDS}": cannot parse "" as "Z07:00"',
        ),
        ("2026-13-02T03:04:05Z", SECONDS, 'parsing time "2026-13-02T03:04:05Z": month out of range'),
        ("2026-01-02T24:04:05Z", SECONDS, 'parsing time "2026-01-02T24:04:05Z": hour out of range'),
        ("2026-01-02T03:04:05Zoo", SECONDS, 'parsing time "2026-01-02T03:04:05Zoo": extra text: "oo"'),
        (
            "2026-01-02T03:04:05Z",
            MICROS,
            f'parsing time "2026-01-02T03:04:05Z" as "{MICROS}": cannot parse "Z" as ".000000"',
        ),
        (
            "2026-01-02T03:04:05+00:00",
            MICROS,
            f'parsing time "2026-01-02T03:04:05+00:00" as "{MICROS}": cannot parse "+00:00" as ".000000"',
        ),
        (
            "2026-01-02T03:04:05.1234567Z",
            MICROS,
            f'parsing time "2026-01-02T03:04:05.1234567Z" as "{MICROS}": cannot parse "7Z" as "Z07:00"',
        ),
    ],
)
def test_why_a_text_is_no_time(text: str, layout: str, message: str) -> None:
    assert refusal(text, layout) == message

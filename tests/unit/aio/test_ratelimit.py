"""Back-off per item and the overall bucket, against client-go's figures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.aio.ratelimit import ItemBackoff, TokenBucket


def test_an_items_back_off_doubles_to_a_cap_and_starts_anew_when_forgotten() -> None:
    backoff = ItemBackoff()
    assert [backoff.next("a") for _ in range(4)] == pytest.approx([0.005, 0.01, 0.02, 0.04])
    for _ in range(200):
        last = backoff.next("a")
    assert last == 1000.0
    assert backoff.failures("a") == 204
    assert backoff.next("b") == pytest.approx(0.005)
    backoff.forget("a")
    assert backoff.failures("a") == 0
    assert backoff.next("a") == pytest.approx(0.005)


def test_a_bucket_starts_full_and_refills_at_its_rate() -> None:
    bucket = TokenBucket(10, 3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.05)
    assert bucket.take(100.11)
    assert not bucket.take(100.11)


def test_reservations_queue_up_behind_each_other() -> None:
    bucket = TokenBucket(10, 2)
    assert [bucket.reserve(5.0) for _ in range(4)] == pytest.approx([0, 0, 0.1, 0.2])
    assert bucket.reserve(5.3) == pytest.approx(0.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 30), max_size=60), st.floats(0.01, 20), st.integers(1, 20))
def test_never_more_than_burst_plus_rate_times_time(pauses: list[float], rate: float, burst: int) -> None:
    bucket = TokenBucket(rate, burst)
    now, taken = 1000.0, 0
    start = now
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= burst + (now - start) * rate + 1e-6


@pytest.mark.parametrize("burst", [1, 2, 5])
def test_a_bucket_used_from_the_clocks_zero_does_not_refill_itself(burst: int) -> None:
    bucket = TokenBucket(0.001, burst)
    for _ in range(burst):
        assert bucket.reserve(0.0) == 0.0
    assert bucket.reserve(0.0) > 0.0
    assert bucket.reserve(0.0) > 0.0

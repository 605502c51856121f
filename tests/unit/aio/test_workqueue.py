"""The work queue in virtual time: no key twice, none lost, none in two hands."""

from __future__ import annotations

import asyncio
import random

import pytest

from pybernetes.aio.workqueue import WorkQueue
from tests.virtualtime import run_virtual


def test_a_waiting_key_is_not_added_twice() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        queue.add("b")
        queue.add("a")
        assert len(queue) == 2
        assert [await queue.get(), await queue.get()] == ["a", "b"]

    run_virtual(main())


def test_a_key_added_while_in_work_comes_back_after_done_and_not_before() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert len(queue) == 0

    run_virtual(main())


def test_delayed_adds_keep_the_earliest_time() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        loop = asyncio.get_running_loop()
        queue.add_after("a", 10)
        queue.add_after("a", 3)
        queue.add_after("a", 7)
        assert await queue.get() == "a"
        assert loop.time() == pytest.approx(3)
        queue.done("a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await queue.get()

    run_virtual(main())


def test_retries_of_one_key_wait_longer_each_time_until_it_is_forgotten() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        waits = []
        for _ in range(5):
            waits.append(queue.retry("a"))
            assert await queue.get() == "a"
            queue.done("a")
        assert waits == pytest.approx([0.005, 0.01, 0.02, 0.04, 0.08])
        assert queue.failures("a") == 5
        queue.forget("a")
        assert queue.retry("a") == pytest.approx(0.005)
        queue.close()

    run_virtual(main())


def test_many_failing_keys_share_ten_retries_a_second_after_a_burst_of_a_hundred() -> None:
    async def main() -> None:
        queue: WorkQueue[int] = WorkQueue()
        waits = [queue.retry(key) for key in range(120)]
        assert max(waits[:100]) == pytest.approx(0.005)
        assert waits[100:102] == pytest.approx([0.1, 0.2])
        assert waits[119] == pytest.approx(2.0)
        queue.close()

    run_virtual(main())


def test_a_cancelled_waiter_hands_its_wake_up_on() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        first = asyncio.create_task(queue.get())
        second = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        assert await asyncio.wait_for(second, 5) == "a"
        assert first.cancelled()

    run_virtual(main())


def test_a_cancelled_waiter_that_was_not_woken_leaves_no_trace() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        gone = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        queue.add("a")
        assert await asyncio.wait_for(queue.get(), 5) == "a"

    run_virtual(main())


def test_close_cancels_timers() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("a", 5)
        queue.close()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await queue.get()

    run_virtual(main())


@pytest.mark.parametrize("seed", range(8))
def test_every_add_is_followed_by_work_and_no_key_is_in_two_hands(seed: int) -> None:
    """Random adds and slow workers: after the last add of a key it is processed at least once more."""
    rng = random.Random(seed)
    last_add: dict[int, float] = {}
    last_start: dict[int, float] = {}
    in_work: set[int] = set()

    async def worker(queue: WorkQueue[int]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            key = await queue.get()
            assert key not in in_work
            in_work.add(key)
            last_start[key] = loop.time()
            await asyncio.sleep(rng.random())
            in_work.discard(key)
            queue.done(key)

    async def main() -> None:
        queue: WorkQueue[int] = WorkQueue()
        loop = asyncio.get_running_loop()
        workers = [asyncio.create_task(worker(queue)) for _ in range(3)]
        for _ in range(300):
            key = rng.randrange(6)
            queue.add(key) if rng.random() < 0.8 else queue.add_after(key, rng.random())
            last_add[key] = loop.time()
            await asyncio.sleep(rng.random() * 0.3)
        await asyncio.sleep(60)
        assert not in_work
        assert all(last_start[key] >= last_add[key] for key in last_add)
        for task in workers:
            assert not task.done()
            task.cancel()
        await asyncio.wait(workers)

    run_virtual(main())

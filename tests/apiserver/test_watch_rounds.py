"""When watchers are woken: few at once, many in rounds that gather what is written meanwhile."""

from __future__ import annotations

import asyncio

from pybernetes.api.kinds import CONFIGMAP
from pybernetes.apiserver.selection import Selection
from pybernetes.apiserver.version import Version, encode
from pybernetes.apiserver.watchers import GATHERING, WAVE, Watcher, Watchers
from pybernetes.apiserver.window import Change, Delivery
from pybernetes.clock import Env
from pybernetes.sim.loop import run_virtual

MANY = 3 * WAVE


def change(revision: int) -> Change:
    metadata = {"name": f"c{revision}", "namespace": "a"}
    tree = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
    return Change(
        revision,
        None,
        Version(CONFIGMAP, f"/registry/configmaps/a/c{revision}", encode(tree), revision),
    )


async def served(watchers: Watchers, count: int, takes_trees: bool = False) -> dict[Watcher, list[list[int]]]:
    """Watchers of everything, each with the batches of revisions that it is given, filled from now on."""
    batches: dict[Watcher, list[list[int]]] = {}

    async def serve(watcher: Watcher) -> None:
        while True:
            batches[watcher].append([delivery.revision for delivery in await watcher.drain()])

    for _ in range(count):
        watcher = watchers.open(Selection("a"), takes_trees)
        batches[watcher] = []
        tasks.append(asyncio.create_task(serve(watcher)))
    await asyncio.sleep(0)
    return batches


tasks: list[asyncio.Task[None]] = []


async def stop() -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()


def test_changes_that_come_close_together_reach_many_watchers_together() -> None:
    async def main(_env: Env) -> None:
        watchers = Watchers("")
        batches = await served(watchers, MANY)
        watchers.dispatch(change(1))
        await asyncio.sleep(GATHERING / 4)
        assert all(got == [[1]] for got in batches.values())
        for revision in (2, 3, 4):
            watchers.dispatch(change(revision))
            await asyncio.sleep(GATHERING / 10)
        assert all(got == [[1]] for got in batches.values())
        await asyncio.sleep(GATHERING)
        assert all(got == [[1], [2, 3, 4]] for got in batches.values())
        await stop()

    run_virtual(main)


def test_few_watchers_and_those_of_this_process_wait_for_nothing() -> None:
    async def main(_env: Env) -> None:
        for count, takes_trees in ((WAVE, False), (MANY, True)):
            watchers = Watchers("")
            batches = await served(watchers, count, takes_trees)
            for revision in (1, 2, 3):
                watchers.dispatch(change(revision))
                for _ in range(3):
                    await asyncio.sleep(0)
            assert all(got == [[1], [2], [3]] for got in batches.values())
            await stop()

    run_virtual(main)


def test_what_comes_during_a_round_waits_for_the_next_where_a_watcher_was_woken_already() -> None:
    async def main(_env: Env) -> None:
        watchers = Watchers("")
        batches = await served(watchers, MANY)
        watchers.dispatch(change(1))
        watchers.dispatch(change(2))  # nobody but the first wave has been woken
        for _ in range(10):
            await asyncio.sleep(0)
        assert all(got == [[1, 2]] for got in batches.values())
        await stop()

    run_virtual(main)


def test_one_that_was_opened_in_another_namespace_sees_nothing() -> None:
    async def main(_env: Env) -> None:
        watchers = Watchers("")
        elsewhere = watchers.open(Selection("b"), False)
        watchers.dispatch(change(1))
        assert elsewhere.pending == []
        assert elsewhere.see(change(1)) is None

    run_virtual(main)


def test_who_can_be_sent_to_directly_is_not_woken() -> None:
    async def main(_env: Env) -> None:
        watchers = Watchers("")
        batches = await served(watchers, 1)
        (watcher,) = batches
        sent: list[list[int]] = []
        ready = True

        def sink(deliveries: list[Delivery]) -> bool:
            if ready:
                sent.append([delivery.revision for delivery in deliveries])
            return ready

        watcher.sink = sink
        for revision in (1, 2):
            watchers.dispatch(change(revision))
            await asyncio.sleep(0)
        ready = False  # the client is slow: the task waits for it
        watchers.dispatch(change(3))
        await asyncio.sleep(0)
        ready = True
        watchers.dispatch(change(4))
        assert (sent, batches[watcher]) == ([[1], [2], [4]], [[3]])
        assert watchers.delivered == 4
        watcher.close()
        watchers.dispatch(change(5))
        assert sent[-1] == [4]  # it is not asleep any more
        await stop()

    run_virtual(main)

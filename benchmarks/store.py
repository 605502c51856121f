"""Prints durable commits per second of each store backend, with one writer and with sixty-four, and memory held.

    python benchmarks/store.py [memory] [journal] [etcd=http://127.0.0.1:2379]

Values are 2 KiB. The ratio compares with the first backend measured in the same run. Memory is shown where one
backend is measured alone: what a process gave back before would be counted against the next.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from pybernetes.clock import Env
from pybernetes.store.types import Put, Store, prefix_end

VALUE = 2048
SECONDS = 3.0


async def writers(store: Store, count: int) -> float:
    """Commits per second of `count` concurrent writers, each waiting for its own write."""
    done = 0
    end = time.perf_counter() + SECONDS

    async def write(worker: int) -> None:
        nonlocal done
        body = b"x" * VALUE
        while time.perf_counter() < end:
            for number in range(16):
                await store.txn((), [Put(f"/bench/{worker}/{number}", body)])
            done += 16
            await asyncio.sleep(0)

    start = time.perf_counter()
    await asyncio.gather(*(write(worker) for worker in range(count)))
    rate = done / (time.perf_counter() - start)
    newest = await store.range("/bench/", prefix_end("/bench/"), limit=1)
    await store.compact(newest.revision)
    return rate


def resident() -> float:
    """MiB of memory in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def memory_of(store: Store, count: int = 10_000) -> float:
    """MiB that `count` keys of 2 KiB add to the process."""
    before = resident()
    for number in range(count):
        await store.txn((), [Put(f"/registry/pods/default/pod-{number}", bytes([number % 256]) * VALUE)])
    newest = await store.range("/registry/", limit=1)
    await store.compact(newest.revision)
    return resident() - before


async def opened(name: str, directory: str) -> Store:
    if name == "memory":
        from pybernetes.store.memory import MemoryStore

        return MemoryStore(Env.real())
    if name == "journal":
        from pybernetes.store.journal import JournalStore

        return await JournalStore.open(Path(directory) / "bench", Env.real())
    from pybernetes.store.etcd import EtcdStore

    return await EtcdStore.connect([name.removeprefix("etcd=")], Env.real(), prefix="/pybernetes-benchmark")


async def main(names: list[str]) -> None:
    first: tuple[float, float] | None = None
    for name in names:
        with tempfile.TemporaryDirectory(dir=".") as directory:
            store = await opened(name, directory)
            held = await memory_of(store)
            one, many = await writers(store, 1), await writers(store, 64)
            await store.close()
        first = first or (one, many)
        ratio = f"{one / first[0]:5.2f} / {many / first[1]:5.2f} of {names[0]}"
        raw = 10_000 * VALUE / 2**20
        memory = f"   10,000 values: {held:.1f} MiB (raw {raw:.1f})" if len(names) == 1 else ""
        print(f"{name:28} 1 writer {one:9,.0f}/s   64 writers {many:9,.0f}/s   ({ratio}){memory}")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:] or ["memory", "journal"]))

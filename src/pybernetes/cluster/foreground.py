"""Running a cluster in the foreground: the loop, signals, what the user sees. The cluster itself is `allinone.py`."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable

from pybernetes.clock import Env
from pybernetes.store.types import StoreError

from .config import ClusterConfig

Progress = Callable[[str], None]

log = logging.getLogger(__name__)

GC_THRESHOLDS = (50_000, 100, 100)
"""Objects are trees without cycles, which reference counting frees: a cache of thousands of them makes the default
cycle collector stop everything for 100 ms at a time and find nothing."""
GC_KILOBYTES = 4
"""New containers between two looks for cycles are at least one for so many kilobytes of memory that the process has
had: a large cluster has more of them under way at any time."""
SWITCH_SECONDS = 0.0005
"""How long the thread that has made writes durable waits for the loop to let it say so (Python's default is 5 ms)."""


def run_in_foreground(config: ClusterConfig, *, verbose: bool) -> int:
    """Runs `pyber up` until SIGINT or SIGTERM; returns the exit code. A second signal while stopping is ignored:
    what was started is always taken down."""
    from .allinone import AllInOne

    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"[{time.monotonic() - started:6.2f} s] {text}", flush=True)

    async def serve(stop: asyncio.Event) -> None:
        async with AllInOne(config, Env.real(), progress):
            print(f"\n  export KUBECONFIG={config.paths.kubeconfig}\n  kubectl get nodes\n", flush=True)
            await stop.wait()
            progress("stopping")
        progress("stopped; the state stays in " + str(config.state))

    return run_until_signal(serve, verbose=verbose)


def run_until_signal(serve: Callable[[asyncio.Event], Awaitable[None]], *, verbose: bool) -> int:
    """Runs `serve(stop)` on uvloop (asyncio's loop where that is missing); SIGINT and SIGTERM set `stop`. A store that
    cannot be opened, a port that is taken or a file that is in the way ends it with a line that says so."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        stream=sys.stderr,
    )

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(stop)

    gc.set_threshold(*GC_THRESHOLDS)
    gc.callbacks.append(_keep_pace)
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(main())
        except (StoreError, OSError) as error:
            log.info("what ended it:", exc_info=True)
            print(f"pyber: {error}", file=sys.stderr)
            return 1
        # What is left is given back with the process; searching it for cycles first takes seconds on a large cluster.
        gc.disable()
        gc.freeze()
    return 0


def _keep_pace(phase: str, _info: dict[str, int]) -> None:
    """The cycle collector looks less often as the process grows."""
    if phase == "stop":
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes
        gc.set_threshold(max(GC_THRESHOLDS[0], most // GC_KILOBYTES), *GC_THRESHOLDS[1:])


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop

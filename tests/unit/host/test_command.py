"""Short commands: their outputs, and what is left of one whose caller was cancelled."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from pybernetes.host.command import run


def test_outputs_input_and_exit_code() -> None:
    done = asyncio.run(
        run("sh", "-c", "cat; echo $X >&2; exit 3", stdin="in", environment={**os.environ, "X": "y"})
    )
    assert (done.code, done.output, done.errors) == (3, "in", "y\n")


def test_a_missing_program_is_an_os_error() -> None:
    with pytest.raises(OSError, match="no-such-program"):
        asyncio.run(run("no-such-program"))


def test_a_cancelled_caller_leaves_no_process_and_no_pipe(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def main() -> None:
        task = asyncio.create_task(run("sh", "-c", f"echo $$ > {pid_file}; exec sleep 60"))
        while not (pid_file.exists() and pid_file.read_text().strip()):  # noqa: ASYNC110  (a process writes it)
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()
    gc.collect()  # a pipe left open would be a warning, and a warning is an error

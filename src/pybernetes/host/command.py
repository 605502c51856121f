"""Running a short command of the machine to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finished:
    """`code` is the exit code; the outputs are decoded, bytes that are no UTF-8 replaced."""

    code: int
    output: str
    errors: str


async def run(*command: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> Finished:
    """Raises OSError where it cannot be started. Whoever is cancelled meanwhile leaves no process behind."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        output, errors = await process.communicate(stdin.encode() or None)
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()  # reaps it and closes its pipes
        raise
    return Finished(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))

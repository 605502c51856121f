"""The network agent's machine: `ip` and `nft` as commands. Changes are rare, so a process each is cheaper than a library
that is always loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path


class IpCommand:
    """Implements `network.agent.NetworkKernel`."""

    async def ip(self, commands: Sequence[str], *, force: bool = False) -> None:
        if commands:
            flags = ("-force",) if force else ()
            await _run("ip", *flags, "-batch", "-", stdin="\n".join(commands) + "\n", check=not force)

    async def nft(self, script: str) -> None:
        await _run("nft", "-f", "-", stdin=script)

    async def flush_routes(self, protocol: int) -> None:
        await _run("ip", "route", "flush", "proto", str(protocol), check=False)

    def enable_forwarding(self) -> None:
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


async def _run(*command: str, stdin: str = "", check: bool = True) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate(stdin.encode() or None)
    if check and process.returncode:
        raise OSError(f"{' '.join(command)}: {errors.decode(errors='replace').strip()}")

"""The network agent's machine: `ip` and `nft` as commands. Changes are rare, so a process each is cheaper than a library
that is always loaded."""

from __future__ import annotations

from collections.abc import Sequence

from .command import run

SYSCTLS = (
    ("ip_forward", "1"),
    # A pod that reaches itself through its Service leaves by the cable it came from: nobody is to be told of a
    # shorter way, and the kernel counts such notices against the errors that it may send to that pod.
    ("conf/all/send_redirects", "0"),
    ("conf/default/send_redirects", "0"),
)


class IpCommand:
    """Implements `network.agent.NetworkKernel`. `prefix` runs the commands elsewhere (`nsenter --net=…`)."""

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix

    async def routes(self, protocol: int) -> str:
        return await self._run("ip", "-json", "-4", "route", "show", "proto", str(protocol))

    async def ip(self, commands: Sequence[str]) -> None:
        if commands:
            await self._run("ip", "-force", "-batch", "-", stdin="\n".join(commands) + "\n")

    async def nft(self, script: str) -> None:
        await self._run("nft", "-f", "-", stdin=script)

    async def enable_forwarding(self) -> None:
        # By a process, because /proc/sys/net is that of the reader's network namespace.
        lines = [f"echo {value} > /proc/sys/net/ipv4/{name}" for name, value in SYSCTLS]
        await self._run("sh", "-e", stdin="\n".join(lines) + "\n")

    async def _run(self, *command: str, stdin: str = "") -> str:
        done = await run(*self._prefix, *command, stdin=stdin)
        if done.code:
            raise OSError(f"{' '.join(command)}: {done.errors.strip()}")
        return done.output

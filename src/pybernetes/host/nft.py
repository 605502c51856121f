"""The kernel of this machine for kube-proxy: `nft` and `conntrack` as commands, one short process a change."""

from __future__ import annotations

import logging

from pybernetes.proxy.kernel import KernelRefused

from .command import run

log = logging.getLogger("kube-proxy")


class NftKernel:
    """Implements `proxy.kernel.Kernel`. `prefix` runs the commands elsewhere (`nsenter --net=/run/netns/node1`)."""

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix

    async def load(self, script: str) -> None:
        code, errors = await self._run("nft", "-f", "-", stdin=script)
        if code:
            raise KernelRefused(errors.strip() or f"nft ended with {code}")

    async def forget_udp(self, ip: str | None, port: int, backend_ip: str) -> None:
        where = ("--orig-dst", ip) if ip else ()
        command = (
            "conntrack",
            "-D",
            "-p",
            "udp",
            *where,
            "--orig-port-dst",
            str(port),
            "--reply-src",
            backend_ip,
        )
        code, errors = await self._run(*command)
        if code and "0 flow entries" not in errors:
            log.warning("stale UDP flows to %s stay: %s", backend_ip, errors.strip())

    async def _run(self, *command: str, stdin: str = "") -> tuple[int, str]:
        done = await run(*self._prefix, *command, stdin=stdin)
        return done.code, done.errors

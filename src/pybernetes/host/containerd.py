"""containerd as this cluster's own: its start, adoption after a crash, and a stop that leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pybernetes.kubelet.runtime import CRIError

from . import mounts
from .command import run
from .containerdconfig import config_text, machine_facts, search_path, write_mirror
from .pause import PAUSE_IMAGE, write_pause
from .processes import ended, inside, processes, spawn_daemon

log = logging.getLogger("containerd")

ANSWER_SECONDS = 2.0
START_SECONDS = 30.0
STOP_SECONDS = 5.0
POLL = 0.02
KEEP_PERIOD = 2.0
SOCKET_LIMIT = 104
"""Characters of a socket's path that containerd accepts."""
LONGEST_SOCKET = "containerd.sock.ttrpc"
SHIM = "containerd-shim-runc-v2"


class ContainerdFailed(Exception):
    """containerd did not start or refused a command; the text says what it said last."""


@dataclass(frozen=True, slots=True)
class ContainerdConfig:
    """`state` outlives a stop (images, snapshots). Every image comes from `registry_mirror` where one is given;
    `images` are archives to import at the start."""

    state: Path
    registry_mirror: str = ""
    images: Sequence[Path] = ()


class Containerd:
    """One containerd. It runs in a session of its own, so it survives this process; `start` finds it again. It is in the
    network namespace of whoever starts it."""

    def __init__(self, config: ContainerdConfig) -> None:
        self._config = config
        self._state = config.state.absolute()
        self.run_dir = self._state / "run"
        if len(str(self.run_dir / LONGEST_SOCKET)) > SOCKET_LIMIT:
            digest = hashlib.sha256(str(self._state).encode()).hexdigest()[:12]
            self.run_dir = Path(f"/run/pybernetes-{digest}")
        self.socket = self.run_dir / "containerd.sock"
        self.cni_config = self._state / "net.d" / "10-pybernetes.conflist"
        self._config_file = self._state / "config.toml"
        self._child: int | None = None

    async def start(self) -> None:
        """Returns when the socket answers. A containerd of an earlier run is taken over with its pods, and started anew
        where its configuration has changed. Raises ContainerdFailed."""
        changed = self._write_config()
        if changed or not await self._answers():
            await self._end_daemon()
            # A network configuration of an earlier run would let pods start before their network is set up.
            self.cni_config.unlink(missing_ok=True)
            await self._launch()
        await self._import_images()

    async def keep(self) -> None:
        """Starts containerd again whenever it has died, until cancelled. Its containers live on meanwhile."""
        while True:
            await asyncio.sleep(KEEP_PERIOD)
            if await self._answers():
                continue
            log.warning("containerd does not answer; starting it again")
            try:
                await self._end_daemon()
                await self._launch()
            except ContainerdFailed as failed:
                log.error("%s", failed)

    def publish_cni(self, conflist: str) -> None:
        """Puts the network configuration where containerd reads it, whole."""
        temporary = self.cni_config.with_suffix(".new")
        temporary.write_text(conflist)
        temporary.replace(self.cni_config)

    async def stop(self) -> None:
        """Ends containerd, what its shims still hold, and its mounts. Pods are to be stopped before, through CRI."""
        await self._end_daemon()
        addresses = [path.read_text() for path in self.run_dir.glob("state/*.task/*/*/address")]
        for pid in processes(SHIM, lambda words: any(inside(self.run_dir, word) for word in words)):
            _kill(pid, signal.SIGKILL)
        for directory in (self.run_dir, self._state):
            for point in mounts.mount_points(str(directory)):
                mounts.unmount(point)
        for address in addresses:  # sockets that killed shims leave outside our directories
            Path(address.strip().removeprefix("unix://")).unlink(missing_ok=True)
        self.cni_config.unlink(missing_ok=True)
        if self.run_dir.exists():
            shutil.rmtree(self.run_dir)

    def _write_config(self) -> bool:
        """Writes all files; answers whether containerd must be started anew to see them."""
        for directory in (self._state / "net.d", self._state / "certs.d", self.run_dir):
            directory.mkdir(parents=True, exist_ok=True)
        write_mirror(self._state / "certs.d", self._config.registry_mirror)
        text = config_text(self._state, self.run_dir, machine_facts(self._state))
        before = self._config_file.read_text() if self._config_file.exists() else None
        self._config_file.write_text(text)
        return before != text

    async def _launch(self) -> None:
        program = shutil.which("containerd", path=search_path())
        if program is None:
            raise ContainerdFailed("containerd is not installed")
        log_file = self._state / "containerd.log"
        environment = {**os.environ, "PATH": search_path()}
        self._child = spawn_daemon([program, "-c", str(self._config_file)], log_file, environment)
        for _ in range(int(START_SECONDS / POLL)):
            if await self._answers():
                return
            if ended(self._child):
                break
            await asyncio.sleep(POLL)
        await self._end_daemon()
        tail = log_file.read_text(errors="replace")[-2000:]
        raise ContainerdFailed(f"containerd did not start:\n{tail}")

    async def _end_daemon(self) -> None:
        """SIGTERM, then SIGKILL, to the daemon alone."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._daemons():
                _kill(pid, number)
            for _ in range(int(STOP_SECONDS / POLL)):
                if not self._daemons():
                    if self._child is not None and ended(self._child):
                        self._child = None
                    return
                await asyncio.sleep(POLL)

    def _daemons(self) -> list[int]:
        return processes("containerd", lambda words: str(self._config_file) in words)

    async def _answers(self) -> bool:
        """Whether CRI answers. The socket alone does not tell: it accepts before its services are initialized."""
        from .cri.runtime import CriRuntime, open_channel

        if not self.socket.exists():
            return False
        runtime = CriRuntime(open_channel(str(self.socket)))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await runtime.version()
        except (CRIError, TimeoutError):
            return False
        finally:
            await runtime.close()
        return True

    async def _import_images(self) -> None:
        present = (await self._ctr("images", "ls", "-q")).split()
        if PAUSE_IMAGE not in present:
            archive = self._state / "pause.tar"
            try:
                write_pause(archive, search_path())
            except FileNotFoundError as error:
                raise ContainerdFailed(str(error)) from error
            await self._ctr("images", "import", str(archive))
            archive.unlink()
        for archive in self._config.images:
            await self._ctr("images", "import", str(archive))

    async def _ctr(self, *arguments: str) -> str:
        command = ("ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments)
        done = await run(*command, environment={**os.environ, "PATH": search_path()})
        if done.code:
            raise ContainerdFailed(f"ctr {' '.join(arguments)}: {done.errors.strip()}")
        return done.output


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was faster

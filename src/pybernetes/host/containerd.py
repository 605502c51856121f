"""containerd as this cluster's own: its configuration, start, adoption after a crash, and a stop that leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import mounts
from .ociimage import ARCHITECTURES, ImageConfig, write_archive

log = logging.getLogger("containerd")

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
START_SECONDS = 30.0
SOCKET_LIMIT = 100  # characters: unix sockets have 108, and containerd adds a suffix
CONFIG = """\
version = 2
root = "{state}/root"
state = "{run}/state"
[grpc]
  address = "{run}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{state}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "{runc}"
"""
HOSTS = """\
server = "{mirror}"
[host."{mirror}"]
  capabilities = ["pull", "resolve"]
"""


class ContainerdFailed(Exception):
    """containerd did not start; the text ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class ContainerdConfig:
    """`state` outlives a stop (images, snapshots). Every image comes from `registry_mirror` where one is given."""

    state: Path
    registry_mirror: str = ""


class Containerd:
    """One containerd. It runs in a session of its own, so it survives this process; `start` finds it again."""

    def __init__(self, config: ContainerdConfig) -> None:
        self._config = config
        state = config.state
        self.run_dir = state / "run"
        if len(str(self.run_dir / "containerd.sock")) > SOCKET_LIMIT:
            digest = hashlib.sha256(str(state).encode()).hexdigest()[:12]
            self.run_dir = Path(f"/run/pybernetes-{digest}")
        self.socket = self.run_dir / "containerd.sock"
        self.cni_config = state / "net.d" / "10-pybernetes.conflist"

    async def start(self) -> None:
        """Returns when the socket answers. Raises ContainerdFailed."""
        self._write_config()
        if not await self._answers():
            await self._launch()
        await self._import_pause()

    def publish_cni(self, conflist: str) -> None:
        """Puts the network configuration where containerd reads it, whole."""
        temporary = self.cni_config.with_suffix(".new")
        temporary.write_text(conflist)
        temporary.replace(self.cni_config)

    async def stop(self) -> None:
        """Ends containerd, what its shims still hold, and its mounts. Pods are to be stopped before, through CRI."""
        for pid in self._pids("containerd", str(self.run_dir)):
            os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            if not self._pids("containerd", str(self.run_dir)):
                break
            await asyncio.sleep(0.05)
        for name in ("containerd-shim", "containerd"):
            for pid in self._pids(name, str(self.run_dir)):
                os.kill(pid, signal.SIGKILL)
        for directory in (self.run_dir, self._config.state):
            for point in mounts.mount_points(str(directory)):
                mounts.unmount(point)
        self.cni_config.unlink(missing_ok=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def _write_config(self) -> None:
        state = self._config.state
        for directory in (state / "net.d", state / "certs.d", self.run_dir):
            directory.mkdir(parents=True, exist_ok=True)
        runc = shutil.which("runc", path=_path()) or "runc"
        text = CONFIG.format(state=state, run=self.run_dir, pause=PAUSE_IMAGE, runc=runc)
        (state / "config.toml").write_text(text)
        for registry in ("docker.io", "_default"):
            hosts = state / "certs.d" / registry / "hosts.toml"
            if self._config.registry_mirror:
                hosts.parent.mkdir(exist_ok=True)
                hosts.write_text(HOSTS.format(mirror=self._config.registry_mirror))
            else:
                hosts.unlink(missing_ok=True)

    async def _launch(self) -> None:
        state = self._config.state
        # A network configuration of an earlier run would let pods start before their network is set up.
        self.cni_config.unlink(missing_ok=True)
        with open(state / "containerd.log", "wb") as output:
            process = subprocess.Popen(
                ["containerd", "-c", str(state / "config.toml")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PATH": _path()},
            )
        for _ in range(int(START_SECONDS / 0.02)):
            if await self._answers():
                return
            if process.poll() is not None:
                break
            await asyncio.sleep(0.02)
        process.kill()
        tail = (state / "containerd.log").read_text(errors="replace")[-2000:]
        raise ContainerdFailed(f"containerd did not start:\n{tail}")

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        writer.close()
        return True

    async def _import_pause(self) -> None:
        """The image that holds a pod's namespaces: Debian's static catatonit, made into an image here."""
        listed = await self._ctr("images", "ls", "-q")
        if PAUSE_IMAGE in listed.split():
            return
        root = self._config.state / "pause"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        program = shutil.which("catatonit", path=_path())
        if program is None:
            raise ContainerdFailed(
                "catatonit is not installed: it is the process that holds a pod's namespaces"
            )
        shutil.copy(program, root / "catatonit")
        archive = self._config.state / "pause.tar"
        architecture = ARCHITECTURES.get(os.uname().machine, os.uname().machine)
        write_archive(
            archive,
            PAUSE_IMAGE,
            root,
            ImageConfig(entrypoint=("/catatonit", "-P"), architecture=architecture),
        )
        await self._ctr("images", "import", str(archive))
        shutil.rmtree(root)
        archive.unlink()

    async def _ctr(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "ctr",
            "-a",
            str(self.socket),
            "-n",
            "k8s.io",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PATH": _path()},
        )
        output, errors = await process.communicate()
        if process.returncode:
            raise ContainerdFailed(f"ctr {' '.join(arguments)}: {errors.decode(errors='replace').strip()}")
        return output.decode()

    def _pids(self, program: str, mention: str) -> list[int]:
        """Processes of a program whose command line names this containerd's own directory or configuration."""
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except OSError:
                    continue  # it has ended meanwhile
                ours = any(
                    mention in word or str(self._config.state / "config.toml") == word for word in words
                )
                if os.path.basename(words[0]).startswith(program) and ours:
                    if program == "containerd" and os.path.basename(words[0]) != "containerd":
                        continue
                    found.append(int(entry.name))
        return found


def _path() -> str:
    """Debian keeps runc and nft in sbin, which a user's PATH may lack."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"

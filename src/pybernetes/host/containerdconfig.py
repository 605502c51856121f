"""containerd's configuration as text, and what in it depends on the machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import mounts
from .pause import PAUSE_IMAGE

CAP_SYS_RESOURCE = 24
REGISTRIES = ("docker.io", "_default")  # _default: every other one
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
  restrict_oom_score_adj = {restrict_oom}
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{state}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "{runc}"
        Root = "{run}/runc"
"""
HOSTS = """\
server = "{mirror}"
[host."{mirror}"]
  capabilities = ["pull", "resolve"]
"""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """`restrict_oom`: this process may not lower oom_score_adj, so runc must not try. `overlay`: the state directory's
    file system can hold the layers of an overlay."""

    runc: str
    restrict_oom: bool
    overlay: bool


def machine_facts(state: Path) -> MachineFacts:
    """Asks the machine; `state` is made."""
    state.mkdir(parents=True, exist_ok=True)
    runc = shutil.which("runc", path=search_path()) or "runc"
    return MachineFacts(runc, not _has_capability(CAP_SYS_RESOURCE), _overlay_works(state))


def config_text(state: Path, run: Path, facts: MachineFacts) -> str:
    """`state` outlives a stop, `run` does not."""
    return CONFIG.format(
        state=state,
        run=run,
        pause=PAUSE_IMAGE,
        runc=facts.runc,
        restrict_oom="true" if facts.restrict_oom else "false",
        snapshotter="overlayfs" if facts.overlay else "native",
    )


def write_mirror(directory: Path, mirror: str) -> None:
    """Makes every registry come from `mirror` (a URL); "" takes that back. containerd reads this at each pull."""
    for registry in REGISTRIES:
        hosts = directory / registry / "hosts.toml"
        if mirror:
            hosts.parent.mkdir(parents=True, exist_ok=True)
            hosts.write_text(HOSTS.format(mirror=mirror))
        else:
            hosts.unlink(missing_ok=True)


def search_path() -> str:
    """Debian keeps runc and nft in sbin, which a user's PATH may lack."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _overlay_works(state: Path) -> bool:
    """Tries: an overlay whose layers are themselves on an overlay (a container) or on some network file systems fails."""
    with tempfile.TemporaryDirectory(dir=state) as scratch:
        parts = {name: Path(scratch) / name for name in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        layers = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        try:
            mounts.mount("overlay", str(parts["merged"]), "overlay", data=layers)
        except OSError:
            return False
        mounts.unmount(str(parts["merged"]))
        return True

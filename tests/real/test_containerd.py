"""containerd as a daemon of ours: it dies and comes back, its configuration changes, it is stopped. Containers live on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

from pybernetes.host import mounts
from pybernetes.host.cgroups import Cgroups
from pybernetes.host.containerd import Containerd, ContainerdConfig
from pybernetes.host.cri.images import CriImages
from pybernetes.host.cri.runtime import CriRuntime, open_channel
from pybernetes.host.pause import PAUSE_IMAGE
from pybernetes.host.processes import inside, processes
from pybernetes.kubelet import runtime as k
from tests.real.parts.images import built

pytestmark = pytest.mark.real

GROUP = f"pybcd{os.getpid()}"
LIMIT = 60.0
HOST_NETWORK = k.NamespaceOption(network="NODE")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A directory for containerd; whatever a test leaves is ended, then its groups are removed."""
    yield tmp_path / "c"
    asyncio.run(Containerd(ContainerdConfig(tmp_path / "c")).stop())
    asyncio.run(Cgroups().remove((GROUP,)))


def made(state: Path, mirror: str = "") -> Containerd:
    return Containerd(ContainerdConfig(state, mirror, images=[built()["library/busybox:latest"]]))


async def sleeping_pod(containerd: Containerd) -> tuple[str, str]:
    """The ids of a sandbox and of a container that sleeps in it."""
    channel = open_channel(str(containerd.socket))
    runtime, images = CriRuntime(channel), CriImages(channel)
    image = await images.image_status(k.ImageSpec("busybox"))
    assert image is not None
    sandbox = k.PodSandboxConfig(
        k.PodSandboxMetadata("p", "uid-p", "default"),
        log_directory=str(containerd.run_dir.parent / "logs"),
        cgroup_parent=f"/{GROUP}/pod",
        security_context=k.LinuxSandboxSecurityContext(HOST_NETWORK),
    )
    sandbox_id = await runtime.run_pod_sandbox(sandbox)
    security = k.LinuxContainerSecurityContext(namespace_options=HOST_NETWORK)
    config = k.ContainerConfig(
        k.ContainerMetadata("c"), image.id, command=("sleep", "1000"), security_context=security
    )
    container_id = await runtime.create_container(sandbox_id, config, sandbox)
    await runtime.start_container(container_id)
    await runtime.close()
    return sandbox_id, container_id


def processes_of(container_id: str) -> list[str]:
    return (Path("/sys/fs/cgroup/pids") / GROUP / "pod" / container_id / "cgroup.procs").read_text().split()


def daemons(state: Path) -> list[int]:
    return processes("containerd", lambda words: str(state / "config.toml") in words)


async def running(containerd: Containerd) -> list[str]:
    runtime = CriRuntime(open_channel(str(containerd.socket)))
    found = [container.id for container in await runtime.list_containers(state="RUNNING")]
    await runtime.close()
    return found


def test_a_containerd_that_dies_is_started_again_under_its_containers(state: Path) -> None:
    async def main() -> None:
        containerd = made(state)
        await containerd.start()
        containerd.publish_cni("{}")
        _, container_id = await sleeping_pod(containerd)
        before, (daemon,) = processes_of(container_id), daemons(state)
        keeper = asyncio.create_task(containerd.keep())
        os.kill(daemon, signal.SIGKILL)
        async with asyncio.timeout(LIMIT):
            while True:
                if (now := daemons(state)) and now != [daemon] and containerd.socket.exists():
                    break
                await asyncio.sleep(0.05)
            while True:
                try:
                    assert await running(containerd) == [container_id]
                    break
                except k.Unavailable:
                    await asyncio.sleep(0.05)
        keeper.cancel()
        await asyncio.wait([keeper])
        assert processes_of(container_id) == before
        assert containerd.cni_config.exists(), "pods can go on being made"

    asyncio.run(main())


def test_another_start_takes_over_and_a_changed_configuration_restarts_the_daemon_alone(state: Path) -> None:
    async def main() -> None:
        await made(state).start()
        containerd = made(state)
        _, container_id = await sleeping_pod(containerd)
        before, first = processes_of(container_id), daemons(state)
        await containerd.start()
        assert daemons(state) == first, "the same configuration: the same daemon"
        (state / "config.toml").write_text("# of an earlier version\n")
        await containerd.start()
        assert daemons(state) != first
        assert await running(containerd) == [container_id]
        assert processes_of(container_id) == before

    asyncio.run(main())


def test_a_stop_with_pods_still_there_leaves_no_process_mount_or_socket(state: Path) -> None:
    containerd = made(state)

    async def pod() -> None:
        await containerd.start()
        await sleeping_pod(containerd)

    async def stop() -> None:
        await containerd.stop()
        await Cgroups().remove((GROUP,))

    asyncio.run(pod())
    # A shim holds the pod: its containers all name the one socket, which is outside our directories.
    addresses = {path.read_text() for path in containerd.run_dir.glob("state/*.task/*/*/address")}
    sockets = [address.removeprefix("unix://") for address in addresses]
    assert [os.path.dirname(path) for path in sockets] == ["/run/containerd/s"]
    asyncio.run(stop())
    assert mounts.mount_points(str(state)) == []
    assert daemons(state) == []
    shims = processes("containerd-shim-runc-v2", lambda words: any(inside(state, word) for word in words))
    assert shims == []
    left = [*sockets, str(containerd.run_dir), *glob(f"/sys/fs/cgroup/*/{GROUP}")]
    assert [path for path in left if os.path.exists(path)] == []


def test_the_pause_image_is_never_collected(state: Path) -> None:
    async def main() -> None:
        containerd = made(state)
        await containerd.start()
        channel = open_channel(str(containerd.socket))
        images = await CriImages(channel).list_images()
        await channel.close(None)
        assert {image.repo_tags for image in images if image.pinned} == {(PAUSE_IMAGE,)}
        assert len(images) == 2

    asyncio.run(main())


def test_a_state_directory_with_a_long_name_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    containerd = Containerd(ContainerdConfig(tmp_path / ("x" * 90)))
    assert len(str(containerd.socket)) < 100
    assert containerd.run_dir.parent == Path("/run")


def test_a_containerd_that_cannot_start_says_why(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pybernetes.host import containerd as module

    monkeypatch.setattr(module, "config_text", lambda *_: "version = 2\nroot = 7\n")
    started = time.monotonic()
    with pytest.raises(module.ContainerdFailed, match="containerd did not start"):
        asyncio.run(made(state).start())
    assert time.monotonic() - started < module.START_SECONDS

"""containerd behind the kubelet's runtime protocol. Its pods are in the host's network: no CNI is needed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pybernetes.host import mounts
from pybernetes.host.cgroups import Cgroups
from pybernetes.host.containerd import Containerd, ContainerdConfig
from pybernetes.host.cri.images import CriImages
from pybernetes.host.cri.runtime import CriRuntime, open_channel
from pybernetes.kubelet import runtime as k
from tests.real.parts.images import built

pytestmark = pytest.mark.real
IMAGE = "docker.io/library/busybox:latest"
LIMIT = 60.0
HOST_NETWORK = k.NamespaceOption(network="NODE")


@dataclass(frozen=True, slots=True)
class Node:
    """A containerd for one test, connected."""

    state: Path
    runtime: CriRuntime
    images: CriImages

    @property
    def cgroup(self) -> str:
        return f"/{cgroup_name()}/pod"

    def sandbox(self, name: str) -> k.PodSandboxConfig:
        return k.PodSandboxConfig(
            k.PodSandboxMetadata(name, f"uid-{name}", "default"),
            log_directory=str(self.state / "logs"),
            labels={"app": name},
            cgroup_parent=self.cgroup,
            security_context=k.LinuxSandboxSecurityContext(HOST_NETWORK),
        )

    async def run(self, sandbox: k.PodSandboxConfig, *command: str, memory: int = 0) -> tuple[str, str]:
        """A sandbox with one container that runs; both ids."""
        image = await self.images.image_status(k.ImageSpec(IMAGE))
        assert image is not None
        sandbox_id = await self.runtime.run_pod_sandbox(sandbox)
        config = k.ContainerConfig(
            k.ContainerMetadata("c"),
            image.id,
            command=command,
            log_path="c.log",
            resources=k.LinuxContainerResources(memory_limit_in_bytes=memory),
            security_context=k.LinuxContainerSecurityContext(namespace_options=HOST_NETWORK),
        )
        container_id = await self.runtime.create_container(sandbox_id, config, sandbox)
        await self.runtime.start_container(container_id)
        return sandbox_id, container_id

    async def ended(self, container_id: str) -> k.ContainerStatus:
        while True:
            status = await self.runtime.container_status(container_id)
            if status.state == "EXITED":
                return status
            await asyncio.sleep(0.02)


def cgroup_name() -> str:
    return f"pybcri{os.getpid()}"


@pytest.fixture
def containerd(tmp_path: Path) -> Iterator[Containerd]:
    """Not started yet; afterwards nothing of it may be mounted or running."""
    state = tmp_path / "containerd"
    daemon = new_containerd(state)
    yield daemon
    asyncio.run(clean(daemon))
    assert mounts.mount_points(str(state)) == []
    assert mentions(state) == []


def new_containerd(state: Path) -> Containerd:
    return Containerd(ContainerdConfig(state, images=[built()["library/busybox:latest"]]))


async def clean(daemon: Containerd) -> None:
    """Also after a test that failed: pods, then containerd, then what is left of the groups."""
    if daemon.socket.exists():
        await daemon.start()
        runtime = CriRuntime(open_channel(str(daemon.socket)))
        for sandbox in await runtime.list_pod_sandbox():
            await runtime.stop_pod_sandbox(sandbox.id)
            await runtime.remove_pod_sandbox(sandbox.id)
        await runtime.close()
        await daemon.stop()
    await Cgroups().remove((cgroup_name(),))


def mentions(directory: Path) -> list[str]:
    """Command lines of running processes that name a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(directory) in line:
            found.append(line)
    return found


def on_node(daemon: Containerd, test: Callable[[Node], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(LIMIT):
            await daemon.start()
            channel = open_channel(str(daemon.socket))
            try:
                await test(Node(daemon.cni_config.parents[1], CriRuntime(channel), CriImages(channel)))
            finally:
                await channel.close(None)

    asyncio.run(main())


def test_a_pod_from_its_sandbox_to_its_removal(containerd: Containerd) -> None:
    async def story(node: Node) -> None:
        runtime = node.runtime
        assert (await runtime.version()).runtime_name == "containerd"
        sandbox_id, container_id = await node.run(node.sandbox("web"), "sh", "-c", "echo hello; sleep 1000")
        assert [s.id for s in await runtime.list_pod_sandbox(state="READY")] == [sandbox_id]
        assert [c.id for c in await runtime.list_containers(state="RUNNING")] == [container_id]
        assert await runtime.list_containers(labels={"app": "other"}) == []
        done = await runtime.exec_sync(container_id, ["sh", "-c", "echo out; echo err >&2; exit 5"], 10)
        assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 5)
        assert (node.state / "logs/c.log").read_text().endswith(" stdout F hello\n")
        assert (Path("/sys/fs/cgroup/memory") / node.cgroup.strip("/") / container_id).is_dir()
        await runtime.stop_container(container_id, 0)
        status = await node.ended(container_id)
        assert (status.exit_code, status.reason) == (137, "Error")
        assert status.finished_at >= status.started_at > 0
        for _ in range(2):  # what is gone may be stopped and removed again
            await runtime.stop_pod_sandbox(sandbox_id)
            await runtime.remove_pod_sandbox(sandbox_id)
        assert await runtime.list_pod_sandbox() == []

    on_node(containerd, story)


def test_what_the_runtime_refuses_has_a_type(containerd: Containerd) -> None:
    async def story(node: Node) -> None:
        with pytest.raises(k.NotFound):
            await node.runtime.container_status("none")
        with pytest.raises(k.NotFound):
            await node.runtime.pod_sandbox_status("none")
        with pytest.raises(k.InvalidImageName):
            await node.images.pull_image(k.ImageSpec("UPPER//case"))
        assert await node.images.image_status(k.ImageSpec("docker.io/library/none:1")) is None
        with pytest.raises(k.ImagePullFailed):
            await node.images.pull_image(k.ImageSpec("127.0.0.1:1/none:1"))
        sandbox = node.sandbox("twice")
        _, container_id = await node.run(sandbox, "sleep", "1000")
        with pytest.raises(k.NameReserved):
            await node.runtime.run_pod_sandbox(sandbox)
        with pytest.raises(k.DeadlineExceeded):
            await node.runtime.exec_sync(container_id, ["sleep", "100"], 0.5)

    on_node(containerd, story)


def test_an_exit_is_told_at_once_with_its_code(containerd: Containerd) -> None:
    async def story(node: Node) -> None:
        events = node.runtime.events()
        assert events is not None
        _, container_id = await node.run(node.sandbox("short"), "sh", "-c", "exit 7")
        async for event in events:
            if event.container_id == container_id and event.type == "STOPPED":
                break
        status = await node.runtime.container_status(container_id)
        assert (status.state, status.exit_code) == ("EXITED", 7)

    on_node(containerd, story)


def test_a_container_over_its_memory_limit_is_killed_for_that(containerd: Containerd) -> None:
    async def story(node: Node) -> None:
        command = ("dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1")
        _, container_id = await node.run(node.sandbox("big"), *command, memory=32 << 20)
        status = await node.ended(container_id)
        assert (status.exit_code, status.reason) == (137, "OOMKilled")

    on_node(containerd, story)


OTHER_PROCESS = """
    import asyncio, sys
    from pathlib import Path
    from tests.real import test_cri

    async def story(node):
        ids = await node.run(node.sandbox("kept"), "sleep", "1000")
        print(*ids, flush=True)
        await asyncio.sleep(1000)

    test_cri.cgroup_name = lambda: sys.argv[2]
    test_cri.on_node(test_cri.new_containerd(Path(sys.argv[1])), story)
"""


def test_pods_survive_the_death_of_this_process_and_are_found_again(
    containerd: Containerd, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER_PROCESS), str(tmp_path / "containerd"), cgroup_name()],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    with process.stdout:
        ids = process.stdout.readline().decode().split()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(ids) == 2, "the other process started no pod"

    async def story(node: Node) -> None:
        sandboxes = await node.runtime.list_pod_sandbox(state="READY")
        containers = await node.runtime.list_containers(state="RUNNING")
        assert [s.id for s in sandboxes] + [c.id for c in containers] == ids

    on_node(containerd, story)

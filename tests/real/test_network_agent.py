"""The network of nodes in real kernels: two nodes, their pods by Debian's CNI plugins, and what must not get out."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from pybernetes.api.meta import Obj
from pybernetes.client.informers import Informers
from pybernetes.host.ipcommand import IpCommand
from pybernetes.host.nft import NftKernel
from pybernetes.network.agent import NetworkAgent
from pybernetes.network.layout import NetworkConfig
from pybernetes.proxy.model import Backend, Frontend
from pybernetes.proxy.nftables import NodeNetwork, install, table_state, uninstall
from tests.real.parts.fabric import OUTSIDE_IP, POD_CIDR, SERVICE_CIDR, Fabric, inside, run

pytestmark = pytest.mark.real

PLUGINS = "/usr/lib/cni"
SERVICE_IP, NOBODYS_SERVICE = "10.96.0.9", "10.96.77.77"
NOBODYS_POD, NOBODYS_SHARE = "10.244.0.200", "10.244.99.9"
SERVER = """
import socket, sys
server = socket.create_server(("0.0.0.0", 8080), backlog=64)
print("ready", flush=True)
while True:
    peer, address = server.accept()
    peer.sendall(f"{sys.argv[1]} {address[0]}".encode())
    peer.close()
"""
CLIENT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as connection:
        print(connection.recv(100).decode())
except OSError as error:
    print(type(error).__name__)
"""


class Nodes:
    """The informer of Nodes, as far as the agent uses it; `set` changes what is in it."""

    def __init__(self) -> None:
        self._objects: list[Obj] = []
        self._handlers: list[Callable[[str, Obj | None, Obj | None], None]] = []

    def of(self, _kind: object) -> Nodes:
        return self

    def on_event(self, handler: Callable[[str, Obj | None, Obj | None], None]) -> None:
        self._handlers.append(handler)

    async def synced(self) -> None:
        return

    def list(self) -> list[Obj]:
        return self._objects

    def set(self, *objects: Obj) -> None:
        self._objects = [*objects]
        for handler in self._handlers:
            handler("MODIFIED", None, objects[-1])


def node_object(name: str, share: str, address: str) -> Obj:
    addresses = [{"type": "InternalIP", "address": address}]
    return {"metadata": {"name": name}, "spec": {"podCIDR": share}, "status": {"addresses": addresses}}


ONE = node_object("one", "10.244.0.0/24", "198.51.100.1")
TWO = node_object("two", "10.244.1.0/24", "198.51.100.2")
THREE = node_object(
    "three", "10.244.2.0/24", "203.0.113.3"
)  # not on the nodes' link: the kernel refuses its route


@dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    address: str


class Node:
    """A namespace with an agent that runs in the test's loop."""

    def __init__(self, fabric: Fabric, name: str, address: str, directory: Path) -> None:
        self.namespace = fabric.add_node(name, address, default_route=False)
        self.fabric = fabric
        self.nodes = Nodes()
        self.published = ""
        self._ipam = directory / name
        config = NetworkConfig(name, POD_CIDR, SERVICE_CIDR, ipam_dir=str(self._ipam))
        self.kernel = IpCommand(inside(self.namespace))
        informers = cast(Informers, self.nodes)
        self.agent = NetworkAgent(informers, self.kernel, config, self._publish)

    def _publish(self, conflist: str) -> None:
        self.published = conflist

    async def until(self, condition: Callable[[], bool]) -> None:
        """Lets the agent work."""
        async with asyncio.timeout(20):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.02)

    def routes(self) -> str:
        return run("ip", "-n", self.namespace, "-4", "route")

    def add_pod(self, name: str) -> Pod:
        """A pod by the published CNI configuration."""
        namespace = self.fabric.add_pod(name)
        result: Any = None
        for plugin in json.loads(self.published)["plugins"]:
            result = self._plugin("ADD", plugin, namespace, result)
        return Pod(namespace, str(result["ips"][0]["address"]).partition("/")[0])

    def delete_pod(self, pod: Pod) -> None:
        for plugin in reversed(json.loads(self.published)["plugins"]):
            self._plugin("DEL", plugin, pod.namespace, None)

    def _plugin(self, verb: str, plugin: dict[str, Any], namespace: str, before: Any) -> Any:
        mappings = {"runtimeConfig": {"portMappings": []}} if plugin["type"] == "portmap" else {}
        request = {**plugin, **mappings, "name": "pybernetes", "cniVersion": "1.0.0", "prevResult": before}
        environment = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": namespace,
            "CNI_NETNS": f"/run/netns/{namespace}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": PLUGINS,
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [*inside(self.namespace), f"{PLUGINS}/{plugin['type']}"],
            input=json.dumps(request),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if verb == "ADD" else None


class Servers:
    """Programs that listen on 8080 in namespaces and answer with their name and whom they saw."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, namespace: str, name: str) -> None:
        command = [*inside(namespace), sys.executable, "-c", SERVER, name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = Fabric()
    try:
        made.build()
        yield made
    finally:
        made.destroy()


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.stop()


def connect(namespace: str, address: str, port: int = 8080) -> str:
    """What a server answered, or the error's name."""
    return run(*inside(namespace), sys.executable, "-c", CLIENT, address, str(port)).strip()


@pytest.mark.parametrize("default_route", [False, True])
def test_addresses_that_nobody_owns_are_refused_and_never_leave(
    fabric: Fabric, servers: Servers, tmp_path: Path, default_route: bool
) -> None:
    """With and without a default route: the node's own programs reach Services, and nothing of ours escapes."""

    async def main() -> None:
        node = Node(fabric, "one", "198.51.100.1", tmp_path)
        if default_route:
            run("ip", "-n", node.namespace, "route", "add", "default", "via", OUTSIDE_IP)
        running = asyncio.create_task(node.agent.run())
        node.nodes.set(ONE)
        await node.until(lambda: bool(node.published))
        server, client = node.add_pod("pa"), node.add_pod("pb")
        servers.start(server.namespace, "pod-a")
        rules = (Frontend(SERVICE_IP, "tcp", 80, (Backend(server.address, 8080),)),)
        proxy = NftKernel(inside(node.namespace))
        await proxy.load(install(table_state(rules), NodeNetwork(SERVICE_CIDR, POD_CIDR)))
        assert connect(node.namespace, SERVICE_IP, 80) == "pod-a 10.244.0.1"
        assert connect(client.namespace, SERVICE_IP, 80) == f"pod-a {client.address}"
        assert connect(server.namespace, SERVICE_IP, 80) == "pod-a 10.244.0.1", "through its own Service"
        for namespace in (node.namespace, client.namespace):
            assert connect(namespace, NOBODYS_SERVICE, 80) == "ConnectionRefusedError"
            for address in (NOBODYS_POD, NOBODYS_SHARE):
                assert connect(namespace, address) == "OSError", "no route to host, at once"
        await proxy.load(uninstall())
        for namespace in (node.namespace, client.namespace):
            assert connect(namespace, SERVICE_IP, 80) in ("OSError", "TimeoutError"), "stays on the node"
        assert fabric.leaked_packets() == 0
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


def test_pods_of_two_nodes_reach_each_other_and_the_outside(
    fabric: Fabric, servers: Servers, tmp_path: Path
) -> None:
    async def main() -> None:
        one = Node(fabric, "one", "198.51.100.1", tmp_path)
        two = Node(fabric, "two", "198.51.100.2", tmp_path)
        running = [asyncio.create_task(node.agent.run()) for node in (one, two)]
        for node in (one, two):
            node.nodes.set(ONE, TWO)
            await node.until(lambda node=node: bool(node.published))  # type: ignore[misc]
            run("ip", "-n", node.namespace, "route", "add", "default", "via", OUTSIDE_IP)
        pods = {"pa": one.add_pod("pa"), "pb": one.add_pod("pb"), "pc": two.add_pod("pc")}
        for name, pod in pods.items():
            servers.start(pod.namespace, name)
        servers.start(fabric.outside, "world")
        for source in pods.values():
            for name, target in pods.items():
                assert connect(source.namespace, target.address) == f"{name} {source.address}"
        assert connect(pods["pa"].namespace, OUTSIDE_IP) == "world 198.51.100.1"
        assert connect(pods["pc"].namespace, OUTSIDE_IP) == "world 198.51.100.2"
        assert connect(one.namespace, pods["pc"].address) == "pc 198.51.100.1"
        for task in running:
            task.cancel()
        await asyncio.wait(running)

    asyncio.run(main())


def test_routes_follow_nodes_and_a_bad_one_harms_no_other(fabric: Fabric, tmp_path: Path) -> None:
    async def main() -> None:
        node = Node(fabric, "one", "198.51.100.1", tmp_path)
        running = asyncio.create_task(node.agent.run())
        node.nodes.set(ONE, THREE, TWO)
        await node.until(lambda: bool(node.published))
        assert "10.244.1.0/24 via 198.51.100.2" in node.routes()
        assert "10.244.2.0/24" not in node.routes()
        running.cancel()
        await asyncio.wait([running])
        # Another run finds what is there, takes away what is not wanted any more, and leaves the rest.
        run("ip", "-n", node.namespace, "route", "add", "10.244.7.0/24", "via", "198.51.100.7", "proto", "86")
        again = NetworkAgent(
            cast(Informers, node.nodes),
            node.kernel,
            NetworkConfig("one", POD_CIDR, SERVICE_CIDR),
            lambda _: None,
        )
        running = asyncio.create_task(again.run())
        node.nodes.set(ONE, TWO)
        await node.until(lambda: "10.244.7.0/24" not in node.routes())
        assert "10.244.1.0/24 via 198.51.100.2" in node.routes()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


def test_cleanup_leaves_nothing(fabric: Fabric, tmp_path: Path) -> None:
    async def main() -> None:
        node = Node(fabric, "one", "198.51.100.1", tmp_path)

        def seen() -> tuple[str, str, str]:
            rules = run(*inside(node.namespace), "nft", "list", "tables")
            links = run("ip", "-n", node.namespace, "-br", "link")
            return node.routes(), rules, links

        before = seen()
        running = asyncio.create_task(node.agent.run())
        node.nodes.set(ONE, TWO)
        await node.until(lambda: bool(node.published))
        pod = node.add_pod("pa")
        assert pod.address == "10.244.0.2"
        node.delete_pod(pod)
        running.cancel()
        await asyncio.wait([running])
        await node.agent.cleanup()
        assert seen() == before

    asyncio.run(main())

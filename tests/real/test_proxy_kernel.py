"""kube-proxy's table in a real kernel: namespaces for a node and three pods, no way out to anywhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from pybernetes.host.nft import NftKernel
from pybernetes.proxy.kernel import KernelRefused
from pybernetes.proxy.model import Backend, Frontend, Rules
from pybernetes.proxy.nftables import (
    NodeNetwork,
    TableState,
    change,
    install,
    kept_chains,
    table_state,
    uninstall,
)

pytestmark = pytest.mark.real

NETWORK = NodeNetwork("10.96.0.0/12", "10.244.0.0/16")
NODE_IP = "198.51.100.1"
PODS = ("10.244.0.2", "10.244.0.3", "10.244.0.4")
SERVER = """
import socket, sys
tcp = socket.create_server((sys.argv[1], 8080), backlog=64)
print("ready", flush=True)
while True:
    peer, address = tcp.accept()
    peer.sendall(f"{sys.argv[1]} {address[0]}".encode())
    peer.close()
"""
CLIENT = """
import socket, sys
for _ in range(int(sys.argv[3])):
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as s:
            print(s.recv(100).decode())
    except OSError as error:
        print(type(error).__name__)
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Net:
    """A node's namespace with a bridge, its pods, and a server in the first two of them."""

    def __init__(self) -> None:
        self.name = f"pybpx{os.getpid()}"
        self.servers: list[subprocess.Popen[bytes]] = []
        self.state: TableState | None = None

    def build(self) -> None:
        node = self.name
        ip("netns", "add", node)
        ip("-n", node, "link", "set", "lo", "up")
        for bridge, address in (("up0", f"{NODE_IP}/24"), ("cni0", "10.244.0.1/24")):
            ip("-n", node, "link", "add", bridge, "type", "bridge")
            ip("-n", node, "addr", "add", address, "dev", bridge)
            ip("-n", node, "link", "set", bridge, "up")
        # Without any route a connect() fails before the rules see it: services need one, to a device that goes nowhere.
        ip("-n", node, "route", "add", NETWORK.service_cidr, "dev", "cni0")
        subprocess.run(["ip", "netns", "exec", node, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        for number, address in enumerate(PODS):
            pod = f"{node}p{number}"
            ip("netns", "add", pod)
            ip("-n", node, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", pod)
            ip("-n", node, "link", "set", f"v{number}", "master", "cni0", "up")
            ip("-n", node, "link", "set", f"v{number}", "type", "bridge_slave", "hairpin", "on")
            ip("-n", pod, "link", "set", "lo", "up")
            ip("-n", pod, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", pod, "link", "set", "eth0", "up")
            ip("-n", pod, "route", "add", "default", "via", "10.244.0.1")
        for number in (0, 1):
            command = [
                "ip",
                "netns",
                "exec",
                f"{node}p{number}",
                "/usr/bin/python3",
                "-c",
                SERVER,
                PODS[number],
            ]
            server = subprocess.Popen(command, stdout=subprocess.PIPE)
            self.servers.append(server)
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"

    def destroy(self) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
            if server.stdout:
                server.stdout.close()
        for number in range(len(PODS)):
            subprocess.run(["ip", "netns", "del", f"{self.name}p{number}"], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def kernel(self) -> NftKernel:
        return NftKernel(prefix=("ip", "netns", "exec", self.name))

    def sync(self, rules: Rules) -> None:
        """What the proxier does for one new state."""
        wanted = table_state(rules)
        script = install(wanted, NETWORK) if self.state is None else change(self.state, wanted)
        asyncio.run(self.kernel().load(script))
        self.state = wanted if self.state is None else kept_chains(self.state, wanted)

    def connect(self, address: str, port: int, times: int = 1, pod: int | None = None) -> list[str]:
        """ "<pod address> <source it saw>" per connection, or the error's name; from a pod, or from the node."""
        where = self.name if pod is None else f"{self.name}p{pod}"
        command = [
            "ip",
            "netns",
            "exec",
            where,
            "/usr/bin/python3",
            "-c",
            CLIENT,
            address,
            str(port),
            str(times),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    try:
        made.build()
        yield made
    finally:
        made.destroy()


A, B = Backend(PODS[0], 8080), Backend(PODS[1], 8080)
SERVICE, OTHER = "10.96.0.9", "10.96.0.11"


def served_by(answers: list[str]) -> Counter[str]:
    return Counter(answer.split()[0] for answer in answers)


def test_traffic_is_spread_over_the_backends_and_follows_changes(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A, B)),))
    for pod in (None, 2):
        counts = served_by(net.connect(SERVICE, 80, 60, pod))
        assert set(counts) == set(PODS[:2])
        assert min(counts.values()) > 10
    net.sync((Frontend(SERVICE, "tcp", 80, (B,)), Frontend(OTHER, "tcp", 81, (A,))))
    assert served_by(net.connect(SERVICE, 80, 10, 2)) == {PODS[1]: 10}
    assert served_by(net.connect(OTHER, 81, 3)) == {PODS[0]: 3}


def test_a_pod_reaches_itself_through_its_service(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A,)),))
    assert served_by(net.connect(SERVICE, 80, 3, pod=0)) == {PODS[0]: 3}


def test_sources_are_kept_inside_and_masqueraded_where_needed(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A,)), Frontend(None, "tcp", 30080, (A,))))
    assert net.connect(SERVICE, 80, pod=2) == [f"{PODS[0]} {PODS[2]}"]
    assert net.connect(NODE_IP, 30080, pod=2) == [f"{PODS[0]} 10.244.0.1"]
    assert net.connect(NODE_IP, 30080)[0].split()[0] == PODS[0]


def test_what_nothing_owns_is_refused_at_once(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A,)), Frontend(OTHER, "tcp", 80, ())))
    for pod in (None, 2):
        assert net.connect(OTHER, 80, pod=pod) == ["ConnectionRefusedError"]
        assert net.connect(SERVICE, 443, pod=pod) == ["ConnectionRefusedError"]
        assert net.connect("10.96.200.200", 80, pod=pod) == ["ConnectionRefusedError"]


def test_affinity_keeps_a_client_with_its_backend(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A, B), affinity_seconds=60),))
    assert len(served_by(net.connect(SERVICE, 80, 20, 2))) == 1


def test_a_bad_script_is_refused_whole_and_uninstall_leaves_nothing(net: Net) -> None:
    net.sync((Frontend(SERVICE, "tcp", 80, (A,)),))
    with pytest.raises(KernelRefused):
        asyncio.run(net.kernel().load("add element ip kube-proxy nosuchmap { 1 }\n"))
    assert served_by(net.connect(SERVICE, 80, 2, 2)) == {PODS[0]: 2}
    asyncio.run(net.kernel().load(uninstall()))
    command = ["ip", "netns", "exec", net.name, "nft", "list", "tables"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""

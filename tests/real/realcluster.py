"""A real cluster in a network namespace of its own: node, registry, and an "outside" that counts what should not come.

The node has the address 198.51.100.1 and a default route to the outside (`parts/fabric.py`), where a resolver answers
every name, and a counter sees every packet for the service or pod range that escaped.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.pyberup import Kubectl, PyberUp, start_pyber
from tests.real.parts.etcd import Etcd
from tests.real.parts.fabric import OUTSIDE_IP, Fabric, inside
from tests.real.parts.registry import Registry

NODE_IP = "198.51.100.1"
RESOLVER = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], 53))
print("ready", flush=True)
address = bytes(int(part) for part in sys.argv[2].split("."))
while True:
    query, client = sock.recvfrom(2000)
    kind = query[query.index(b"\\0", 12) + 1 : query.index(b"\\0", 12) + 3]
    found = kind == b"\\0\\1"
    end = query.index(b"\\0", 12) + 5
    reply = query[:2] + b"\\x81\\x80\\0\\1\\0" + bytes((found,)) + b"\\0\\0\\0\\0" + query[12:end]
    if found:
        reply += b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + address
    sock.sendto(reply, client)
"""


class RealCluster:
    """A `pyber up` on real parts. `shell` runs a command where the node is."""

    node_ip = NODE_IP
    outside_name = "somewhere.example.org"
    outside_address = "203.0.113.7"

    def __init__(self, directory: Path, store: str = "journal") -> None:
        self.directory = directory
        self._store = store
        self.fabric = Fabric()
        self._etcd: Etcd | None = None
        self._resolver: subprocess.Popen[bytes] | None = None
        self._registry: Registry
        self.prefix: tuple[str, ...]
        """What to put before a command so that it runs where the node is."""
        self.pyber: PyberUp

    @property
    def kubectl(self) -> Kubectl:
        return self.pyber.kubectl

    def shell(self, script: str) -> str:
        """The output of a shell script in the node's network; its exit code does not matter."""
        return subprocess.run(
            [*self.prefix, "sh", "-c", script], capture_output=True, text=True, check=False
        ).stdout

    def leaked_packets(self) -> int:
        """How many packets for the service or pod range have left the node."""
        return self.fabric.leaked_packets()

    def build(self) -> None:
        """Makes the namespaces, the resolver and the registry with the tests' images."""
        self.fabric.build()
        self.prefix = inside(self.fabric.add_node("n", NODE_IP))
        self._registry = Registry(self.directory, f"{NODE_IP}:5055", self.prefix)
        self._registry.start()
        if self._store == "etcd":
            self._etcd = Etcd(self.directory, self.prefix)
            self._etcd.start()
        (self.directory / "resolv.conf").write_text(f"nameserver {OUTSIDE_IP}\n")
        command = [sys.executable, "-c", RESOLVER, OUTSIDE_IP, self.outside_address]
        self._resolver = subprocess.Popen(
            [*inside(self.fabric.outside), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._resolver.stdout is not None
        assert self._resolver.stdout.readline() == b"ready\n"

    def start(self) -> None:
        """Starts `pyber up` over the state that is there."""
        options = (
            "--node",
            "real",
            "--node-ip",
            NODE_IP,
            "--node-name",
            "node1",
            "--registry-mirror",
            self._registry.url,
            "--cgroup-root",
            f"/{self.fabric.name}",
        )
        state = self.directory / "state"
        resolvers = ("--resolv-conf", str(self.directory / "resolv.conf"))
        store = ("--store", self._etcd.url if self._etcd else self._store)
        self.pyber = start_pyber(state, *options, *resolvers, *store, "-v", prefix=self.prefix)

    def destroy(self) -> None:
        """Ends everything; what a failed stop left behind is ended too."""
        if hasattr(self, "pyber"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.pyber.stop(90)
            if self.pyber.process.poll() is None:
                self.pyber.kill()
        if self._etcd is not None:
            self._etcd.stop()
        if self._resolver is not None:
            self._resolver.kill()
            self._resolver.communicate()
        if hasattr(self, "_registry"):
            self._registry.stop()
        self.fabric.destroy()


@contextlib.contextmanager
def real_cluster(directory: Path, store: str = "journal") -> Iterator[RealCluster]:
    """A running cluster over "journal" or an "etcd" of its own; its log is printed when the block fails."""
    cluster = RealCluster(directory, store)
    try:
        cluster.build()
        cluster.start()
        yield cluster
    except BaseException:
        log = directory / "state.log"
        print(log.read_text(errors="replace")[-20000:] if log.exists() else "no log")
        raise
    finally:
        cluster.destroy()

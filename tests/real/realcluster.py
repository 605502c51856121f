"""A real cluster in a network namespace of its own: node, registry, and an "outside" that counts what should not come.

Topology: namespace `node` has the node's address 198.51.100.1 and a default route to namespace `outside`
(198.51.100.254), where a resolver answers one name, and a counter sees every packet for the service or pod range that
escaped. Nothing leads from either to this machine's own network.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.pyberup import Kubectl, PyberUp, start_pyber
from tests.real.parts.images import built

NODE_IP, OUTSIDE_IP = "198.51.100.1", "198.51.100.254"
REGISTRY = f"http://{NODE_IP}:5055"
REGISTRY_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""
COUNTER = """
table ip watch {
  counter leaked {}
  chain in { type filter hook prerouting priority raw; ip daddr { 10.96.0.0/12, 10.244.0.0/16 } counter name leaked; }
}
"""
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


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class RealCluster:
    """A `pyber up` on real parts. `shell` runs a command where the node is."""

    node_ip = NODE_IP
    outside_name = "somewhere.example.org"
    outside_address = "203.0.113.7"

    def __init__(self, directory: Path, options: Sequence[str] = ()) -> None:
        self.directory = directory
        self.node = f"pyb{os.getpid()}n"
        self.outside = f"pyb{os.getpid()}o"
        self._options = tuple(options)
        self._helpers: list[subprocess.Popen[bytes]] = []
        self.pyber: PyberUp

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/run/netns/{self.node}")

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
        listing = run("ip", "netns", "exec", self.outside, "nft", "list", "counter", "ip", "watch", "leaked")
        return int(listing.partition("packets ")[2].split()[0])

    def build(self) -> None:
        """Makes the namespaces, the resolver and the registry with the tests' images."""
        for name in (self.node, self.outside):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run(
            "ip",
            "-n",
            self.node,
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.outside,
        )
        for name, address in ((self.node, NODE_IP), (self.outside, OUTSIDE_IP)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", self.node, "route", "add", "default", "via", OUTSIDE_IP)
        subprocess.run(
            ["ip", "netns", "exec", self.outside, "nft", "-f", "-"], input=COUNTER, text=True, check=True
        )  # fmt: skip
        resolver = [
            "ip",
            "netns",
            "exec",
            self.outside,
            sys.executable,
            "-c",
            RESOLVER,
            OUTSIDE_IP,
            self.outside_address,
        ]
        self._start_helper(resolver, stdout=subprocess.PIPE)
        (self.directory / "resolv.conf").write_text(f"nameserver {OUTSIDE_IP}\n")
        self._start_registry()

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
            REGISTRY,
        )
        state = self.directory / "state"
        resolvers = ("--resolv-conf", str(self.directory / "resolv.conf"))
        self.pyber = start_pyber(state, *options, *resolvers, "-v", *self._options, prefix=self.prefix)

    def destroy(self) -> None:
        """Ends everything; what a failed stop left behind is ended too."""
        if hasattr(self, "pyber"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.pyber.stop(90)
            if self.pyber.process.poll() is None:
                self.pyber.kill()
        for helper in self._helpers:
            helper.kill()
            helper.wait()
            if helper.stdout:
                helper.stdout.close()
        for name in (self.node, self.outside):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def _start_helper(self, command: Sequence[str], stdout: int) -> None:
        helper = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
        self._helpers.append(helper)
        if helper.stdout is not None:
            assert helper.stdout.readline() == b"ready\n"

    def _start_registry(self) -> None:
        config = self.directory / "registry.yml"
        address = REGISTRY.removeprefix("http://")
        config.write_text(REGISTRY_CONFIG.format(directory=self.directory / "registry", address=address))
        self._start_helper([*self.prefix, "docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while "ok" not in self.shell(f"curl -sS -o /dev/null -w ok {REGISTRY}/v2/ 2>/dev/null"):
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        for name, archive in built().items():
            target = f"docker://{address}/{name}"
            run(
                *self.prefix,
                "skopeo",
                "copy",
                "-q",
                "--dest-tls-verify=false",
                f"oci-archive:{archive}",
                target,
            )


@contextlib.contextmanager
def real_cluster(directory: Path, *options: str) -> Iterator[RealCluster]:
    """A running cluster; its log is printed when the block fails."""
    cluster = RealCluster(directory, options)
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

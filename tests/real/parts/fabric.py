"""Network namespaces for nodes: a link that joins them, an "outside" behind their default route, and no way to the world.

The nodes and the outside are members of one bridge in a namespace of its own. The outside counts packets for the service
and the pod range that reach it: these have escaped from a node.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Sequence

OUTSIDE_IP = "198.51.100.254"
SERVICE_CIDR, POD_CIDR = "10.96.0.0/12", "10.244.0.0/16"
BRIDGE = "fabric"
_numbers = itertools.count(1)
COUNTER = f"""
table ip watch {{
  counter leaked {{}}
  chain in {{ type filter hook prerouting priority raw; ip daddr {{ {SERVICE_CIDR}, {POD_CIDR} }} counter name leaked; }}
}}
"""


def run(*command: str, stdin: str | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def inside(namespace: str) -> tuple[str, ...]:
    """What to put before a command so that it runs in a namespace (and sees this machine's own /sys)."""
    return ("nsenter", f"--net=/run/netns/{namespace}")


class Fabric:
    """`add_node` gives the name of a new node's namespace; `destroy` removes them all. Names hold this process's number
    and one more, so that neither runs nor fabrics meet."""

    def __init__(self) -> None:
        self.name = f"pyb{os.getpid()}-{next(_numbers)}"
        self._namespaces: list[str] = []
        self.outside = f"{self.name}o"

    def build(self) -> None:
        """Makes the link and the outside."""
        fabric = self._namespace("f")
        run(*inside(fabric), "sh", "-c", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables")
        run("ip", "-n", fabric, "link", "add", BRIDGE, "type", "bridge")
        run("ip", "-n", fabric, "link", "set", BRIDGE, "up")
        self._namespace("o")
        self._join(self.outside, OUTSIDE_IP)
        run(*inside(self.outside), "nft", "-f", "-", stdin=COUNTER)

    def add_node(self, name: str, address: str, *, default_route: bool = True) -> str:
        """A namespace with an address of 198.51.100.0/24 on its eth0."""
        namespace = self._namespace(name)
        self._join(namespace, address)
        if default_route:
            run("ip", "-n", namespace, "route", "add", "default", "via", OUTSIDE_IP)
        return namespace

    def add_pod(self, name: str) -> str:
        """An empty namespace, for a CNI plugin to fill."""
        return self._namespace(name)

    def leaked_packets(self) -> int:
        """How many packets for the service or pod range have left a node."""
        listing = run(*inside(self.outside), "nft", "list", "counter", "ip", "watch", "leaked")
        return int(listing.partition("packets ")[2].split()[0])

    def destroy(self) -> None:
        for namespace in reversed(self._namespaces):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        self._namespaces.clear()

    def _namespace(self, name: str) -> str:
        namespace = self.name + name
        run("ip", "netns", "add", namespace)
        self._namespaces.append(namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        return namespace

    def _join(self, namespace: str, address: str) -> None:
        fabric, port = f"{self.name}f", f"p{len(self._namespaces)}"
        peer: Sequence[str] = ("peer", "name", port, "netns", fabric)
        run("ip", "-n", namespace, "link", "add", "eth0", "type", "veth", *peer)
        run("ip", "-n", fabric, "link", "set", port, "master", BRIDGE, "up")
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")

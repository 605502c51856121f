"""The store of a large cluster: 5,000 nodes, 50,000 pods and 5,000 lease renewals each ten seconds, as kubelets make them.

Part of `benchmarks/apiserver.py` (phase `store`): one `pyber kube-apiserver` with its durable store on one core, driven
from another one. Printed are, for making the objects, for a minute of renewals and for starting again from what is
stored, the time, the server's processor time and memory, and the size of the store.
"""

from __future__ import annotations

import json
import select
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import loadgenerator
from loadgenerator import Client, Result, Target, body, closed_loop, request

if TYPE_CHECKING:
    from apiserver import Server

CONNECTIONS = 16
PODS_PER_NODE = 10
PERIOD = 10.0
"""Seconds between two renewals of a lease, as kubelets do it."""
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
CONDITIONS = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")


def node(number: int) -> dict[str, Any]:
    """As a kubelet registers it."""
    amounts = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    conditions = [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": f"Kubelet{kind}",
            "message": "kubelet is posting its status",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in CONDITIONS
    ]
    labels = {"kubernetes.io/hostname": f"node-{number}", "kubernetes.io/os": "linux"}
    status = {
        "capacity": amounts,
        "allocatable": amounts,
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": f"10.{number // 250}.{number % 250}.1"}],
    }
    metadata = {
        "name": f"node-{number}",
        "labels": {**labels, "topology.kubernetes.io/zone": f"z{number % 3}"},
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}


def lease(number: int, renewed: str, version: str = "") -> dict[str, Any]:
    metadata = {"name": f"node-{number}", "namespace": "kube-node-lease"}
    spec = {"holderIdentity": f"node-{number}", "leaseDurationSeconds": 40, "renewTime": renewed}
    if version:
        metadata["resourceVersion"] = version
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def renewing(target: Target, connections: int, nodes: int, seconds: float) -> Result:
    """Renews each of so many leases once a period, at an even pace, each from the version of its last answer."""
    context = target.context()
    poll = select.epoll()
    clients = [Client(target, context) for _ in range(connections)]
    idle = {client.socket.fileno(): client for client in clients}
    busy: dict[int, tuple[Client, int]] = {}
    for descriptor in idle:
        poll.register(descriptor, select.EPOLLIN)
    versions = _versions(clients[0])
    times: list[float] = []
    sent, total, per_second = 0, int(seconds / PERIOD) * nodes, nodes / PERIOD
    started = time.perf_counter()
    while len(times) < total:
        while sent < total and idle and time.perf_counter() >= started + sent / per_second:
            descriptor, client = idle.popitem()
            number = sent % nodes
            renewed = f"2026-01-01T00:{sent // nodes % 60:02}:00.{number % 10**6:06}Z"
            client.send(
                request("PUT", f"{LEASES}/node-{number}", body(lease(number, renewed, versions[number])))
            )
            busy[descriptor] = client, number
            sent += 1
        wait = started + sent / per_second - time.perf_counter() if sent < total else 0.01
        for descriptor, _ in poll.poll(max(wait, 0.0)):
            if descriptor not in busy:
                idle[descriptor].answered()  # a TLS ticket
                continue
            client, number = busy[descriptor]
            if client.answered():
                times.append(time.perf_counter() - client.began)
                answer = b"".join(client.parts)
                versions[number] = answer.partition(b'"resourceVersion":"')[2].partition(b'"')[0].decode()
                idle[descriptor] = busy.pop(descriptor)[0]
    return Result(times, time.perf_counter() - started)


def _versions(client: Client) -> list[str]:
    """Those of all leases, by the number of the node."""
    found = {}
    for item in json.loads(_content(client.ask(request("GET", LEASES))))["items"]:
        metadata = item["metadata"]
        found[int(metadata["name"].removeprefix("node-"))] = metadata["resourceVersion"]
    return [found[number] for number in sorted(found)]


def _content(answer: bytes) -> bytes:
    """What an answer holds, in one piece or in chunks."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return rest
    parts = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return b"".join(parts)


class FullStore:
    """The measurements on one server; `core` is the load generator's."""

    def __init__(self, server: Server, core: int, nodes: int) -> None:
        self.server, self.core, self.nodes = server, core, nodes

    def fill(self) -> None:
        from apiserver import PODS, pod

        default = {"metadata": {"name": "default"}}
        self.server.ask("POST", "/api/v1/namespaces/default/serviceaccounts", default)
        nodes = range(self.nodes)
        self._make("nodes", [request("POST", "/api/v1/nodes", body(node(n))) for n in nodes])
        first = "2026-01-01T00:00:00.000000Z"
        self._make("leases", [request("POST", LEASES, body(lease(n, first))) for n in nodes])
        pods = []
        for number in range(self.nodes * PODS_PER_NODE):
            made = pod(number)
            made["spec"]["nodeName"] = f"node-{number % self.nodes}"
            pods.append(request("POST", PODS, body(made)))
        self._make("pods, each on its node", pods)

    def _make(self, name: str, requests: Sequence[bytes]) -> None:
        cpu = self.server.running.cpu_seconds()
        result: Result = loadgenerator.run(
            self.core, closed_loop, self.server.target, CONNECTIONS, requests
        ).result()
        cpu = self.server.running.cpu_seconds() - cpu
        self._line(f"{len(requests):,} {name}", result.took, cpu, f"{len(requests) / result.took:,.0f} /s")

    def renew(self, seconds: float) -> None:
        cpu = self.server.running.cpu_seconds()
        result: Result = loadgenerator.run(
            self.core, renewing, self.server.target, CONNECTIONS, self.nodes, seconds
        ).result()
        cpu = self.server.running.cpu_seconds() - cpu
        times = sorted(result.times)
        p50, p99 = statistics.median(times) * 1000, times[int(len(times) * 0.99)] * 1000
        note = (
            f"{len(times) / result.took:,.0f} /s, {100 * cpu / result.took:.0f} % of a core, "
            f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        )
        self._line(f"{self.nodes:,} leases renewed each {PERIOD:.0f} s", result.took, cpu, note)

    def started(self, seconds: float) -> None:
        """After a new start from the same store: it took so long until it was ready."""
        self._line("started again, ready", seconds, self.server.running.cpu_seconds(), "")

    def _line(self, name: str, took: float, cpu: float, note: str) -> None:
        memory, stored = self.server.running.memory_mb(), stored_mb(self.server.running.state)
        print(
            f"{name:<36}{took:>8.2f} s  CPU {cpu:>7.2f} s  {memory:>6.0f} MB  stored {stored:>5.0f} MB  {note}",
            flush=True,
        )


def stored_mb(state: Path) -> float:
    """What the state directory takes on disk."""
    return sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) / 2**20

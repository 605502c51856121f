"""The API server alone on one core: `pyber kube-apiserver` with its durable store, TLS, Node and RBAC authorization and
all default admission, driven from processes on the other cores over 16 connections.

Per verb: requests per second of wall time, requests per second of the server's processor time (what to trust on a
machine that does other things too), p50 and p99. Then lists of all pods and filtered ones, with the longest time that a
list holds the event loop; delivery to watchers; memory. Upstream's figures, where there are some, are those of v1.20
with etcd on two cores.

`python benchmarks/apiserver.py [PHASE…] [--pods N] [--profile DIRECTORY]`; phases are verbs, lists, watches, memory.
`python benchmarks/apiserver.py store [--nodes 5000]` measures the store of a large cluster (`fullstore.py`), alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import loadgenerator
from harness import Running, _wait_ready, free_port
from loadgenerator import PLACEHOLDER, Client, Result, Target, body, closed_loop, request

CONNECTIONS = 16
NODES = 1000
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PHASES = ("verbs", "lists", "watches", "memory")
STORE = "store"


def pod(number: int) -> dict[str, Any]:
    """As a Deployment would make it; about 2.3 KB as it is served."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"web-{number}",
            "labels": {"app": f"a{number % 1000}", "pod-template-hash": "5d4f8c7b9", "bench": "yes"},
        },
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "docker.io/nginx:latest",
                    "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
                    "ports": [{"containerPort": 80}],
                    "env": [{"name": "A", "value": "b"}],
                }
            ],
        },
    }


class Server:
    """`pyber kube-apiserver` on one core, with the moments of its loop measurable."""

    def __init__(self, running: Running, beats: Path, profiles: Path | None) -> None:
        self.running, self.beats, self.profiles = running, beats, profiles
        pair, authority = running.state / "bench.pem", running.state / "bench-ca.pem"
        _write_credentials(running.state / "kubeconfig", pair, authority)
        self.target = Target(running.port, str(authority), str(pair))
        self.client = Client(self.target, self.target.context())

    def ask(self, method: str, path: str, tree: Any = None, content_type: str = "application/json") -> bytes:
        return self.client.ask(request(method, path, b"" if tree is None else body(tree), content_type))

    def reset_hold(self) -> None:
        self.beats.unlink(missing_ok=True)
        self.running.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)

    def longest_hold(self) -> float:
        """Milliseconds, since `reset_hold`."""
        time.sleep(0.05)
        self.running.process.send_signal(signal.SIGUSR2)
        while not self.beats.exists():
            time.sleep(0.005)
        return float(json.loads(self.beats.read_text())["hold_ms"])

    @contextlib.contextmanager
    def profiled(self, name: str) -> Iterator[None]:
        if self.profiles is None:
            yield
            return
        file = self.profiles / f"{name.replace(' ', '-')}.txt"
        command = [
            str(Path(sys.executable).with_name("py-spy")),
            "record",
            "-r",
            "400",
            "-f",
            "raw",
            "-o",
            str(file),
            "-p",
        ]
        spy = subprocess.Popen(
            [*command, str(self.running.process.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(1.0)
        try:
            yield
        finally:
            spy.send_signal(signal.SIGINT)
            spy.wait()


@contextlib.contextmanager
def server(directory: Path, core: int, profiles: Path | None) -> Iterator[Server]:
    port, state, beats = free_port(), directory / "state", directory / "beats.json"
    command = [
        *(sys.executable, str(Path(__file__).with_name("measured.py")), str(beats), "kube-apiserver"),
        *("--data-dir", str(state), "--secure-port", str(port), "--bind-address", "127.0.0.1"),
    ]
    log = open(directory / "log", "wb")  # noqa: SIM115  (belongs to the child)
    process = subprocess.Popen(
        command, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    try:
        running = Running(process, state, port, 0.0)
        _wait_ready(running)
        yield Server(running, beats, profiles)
    except BaseException:
        print((directory / "log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _write_credentials(kubeconfig: Path, pair: Path, authority: Path) -> None:
    import base64

    config = json.loads(kubeconfig.read_text())
    user = config["users"][0]["user"]
    authority.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    pair.write_bytes(
        base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
    )


class Bench:
    """The phases on one server; `core` is the load generator's."""

    def __init__(self, server: Server, core: int, pods: int) -> None:
        self.server, self.core, self.pods = server, core, pods

    def load(self, name: str, requests: Sequence[bytes], reference: str = "") -> None:
        """Drives and prints one line."""
        server = self.server
        with server.profiled(name):
            cpu = server.running.cpu_seconds()
            result: Result = loadgenerator.run(
                self.core, closed_loop, server.target, CONNECTIONS, requests
            ).result()
            cpu = server.running.cpu_seconds() - cpu
        times, count = sorted(result.times), len(requests)
        p50, p99 = statistics.median(times) * 1000, times[int(count * 0.99)] * 1000
        print(
            f"{name:<30}{count / result.took:>9,.0f} /s {count / cpu:>9,.0f} per CPU s"
            f"   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   {reference}",
            flush=True,
        )

    def memory(self, name: str, reference: str) -> None:
        print(f"{name:<30}{self.server.running.memory_mb():>9.0f} MB   {reference}", flush=True)

    # ---- phases

    def create(self) -> None:
        pods = [request("POST", PODS, body(pod(number))) for number in range(self.pods)]
        self.load("create pods", pods, "upstream 1,400-1,800 /s")
        targets = [
            body({"metadata": {"name": f"web-{n}"}, "target": {"kind": "Node", "name": f"node-{n % NODES}"}})
            for n in range(self.pods)
        ]
        binds = [request("POST", f"{PODS}/web-{n}/binding", target) for n, target in enumerate(targets)]
        self.load("bind pods", binds)

    def verbs(self) -> None:
        def names(count: int, step: int = 7) -> Iterator[str]:
            return (f"{PODS}/web-{number * step % self.pods}" for number in range(count))

        self.load("get", [request("GET", path) for path in names(30_000)], "upstream 6,500 /s")
        merges = [
            request("PATCH", path, body({"metadata": {"annotations": {"bench": str(n)}}}), MERGE)
            for n, path in enumerate(names(6000))
        ]
        self.load("patch (merge, annotation)", merges, "upstream 1,000-1,550 /s")
        label = [
            request("PATCH", path, body({"metadata": {"labels": {"bench": str(n)}}}), STRATEGIC)
            for n, path in enumerate(names(4000))
        ]
        self.load("patch (strategic, label)", label, "upstream 1,000-1,550 /s")
        ready = [
            {
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True" if n % 2 else "False"}],
                }
            }
            for n in range(4000)
        ]
        status = [
            request("PATCH", path + "/status", body(ready[n]), STRATEGIC)
            for n, path in enumerate(names(4000))
        ]
        self.load("patch status (strategic)", status, "upstream 1,000-1,550 /s")

    def lists(self) -> None:
        for name, query, times, reference in (
            ("list all", "?resourceVersion=0", 8, "upstream 430 ms"),
            ("list all, consistent", "", 8, "upstream 430 ms"),
            ("list label matching 10", "?labelSelector=app%3Da7", 50, "upstream 116 ms"),
            ("list label matching none", "?labelSelector=app%3Dnone", 50, "upstream 116 ms"),
            ("list by node (10)", "?fieldSelector=spec.nodeName%3Dnode-7", 50, ""),
        ):
            self._list(name, request("GET", PODS + query), times, reference)

    def _list(self, name: str, data: bytes, times: int, reference: str) -> None:
        server = self.server
        with server.profiled(name):
            cpu = server.running.cpu_seconds()
            result: Result = loadgenerator.run(
                self.core, closed_loop, server.target, 1, [data] * times
            ).result()
            cpu = server.running.cpu_seconds() - cpu
        server.reset_hold()
        loadgenerator.run(self.core, closed_loop, server.target, 1, [data] * 3).result()
        hold = server.longest_hold()
        took = statistics.median(result.times) * 1000
        print(
            f"{name:<30}{took:>9.2f} ms {cpu / times * 1000:>9.2f} ms CPU   loop held {hold:5.2f} ms"
            f"   {result.bytes / times / 1e6:6.2f} MB   {reference}",
            flush=True,
        )

    def watches(self) -> None:
        for watchers, pace, events, reference in (
            (100, 1500.0, 3000, "upstream 35,000-40,000 /s"),
            (1000, 150.0, 450, "upstream 52,000 /s, p99 210 ms"),
            (100, 0.0, 3000, "upstream 35,000-40,000 /s"),
            (1000, 0.0, 300, "upstream 52,000 /s, p99 210 ms"),
        ):
            self._fan_out(watchers, pace, events, reference)

    def _fan_out(self, watchers: int, pace: float, events: int, reference: str) -> None:
        server = self.server
        ready = loadgenerator.event()
        revision = json.loads(server.ask("GET", MAPS + "?limit=1").partition(b"\r\n\r\n")[2])["metadata"][
            "resourceVersion"
        ]
        path = f"{MAPS}?watch=true&resourceVersion={revision}"
        watching = loadgenerator.run(
            self.core, loadgenerator.watch, server.target, watchers, path, events, ready
        )
        ready.wait(120)
        name = f"watch, {watchers} at {pace:.0f}/s" if pace else f"watch, {watchers}, as fast as it can"
        data = {"sent": PLACEHOLDER.decode(), "x": "y" * 150}
        prefix = f"fan-{watchers}-{int(pace)}"
        writes = [
            request("POST", MAPS, body({"metadata": {"name": f"{prefix}-{n}"}, "data": data}))
            for n in range(events)
        ]
        with server.profiled(name):
            cpu = server.running.cpu_seconds()
            wrote = loadgenerator.run(self.core, loadgenerator.paced, server.target, 4, pace, writes).result()
            seen = watching.result()
            cpu = server.running.cpu_seconds() - cpu
        delays = sorted(seen.delays)
        p50, p99 = statistics.median(delays) * 1000, delays[int(len(delays) * 0.99)] * 1000
        rate = seen.events / (seen.last - seen.first)
        print(
            f"{name:<30}{rate:>9,.0f} /s {seen.events / cpu:>9,.0f} per CPU s   p50 {p50:6.1f} ms"
            f"   p99 {p99:6.1f} ms   {len(wrote.times) / wrote.took:,.0f} writes/s   {reference}"
            + ("" if seen.events >= events * watchers else f"   LOST {events * watchers - seen.events}"),
            flush=True,
        )


def full_store(nodes: int, seconds: float, cores: Sequence[int], profiles: Path | None) -> None:
    """The phase `store`: a server of its own, stopped and started again in the end."""
    from fullstore import FullStore

    with tempfile.TemporaryDirectory() as directory:
        with server(Path(directory), cores[0], profiles) as running:
            bench = FullStore(running, cores[-1], nodes)
            bench.fill()
            with running.profiled("renewals"):
                bench.renew(seconds)
        began = time.perf_counter()
        with server(Path(directory), cores[0], profiles) as again:
            FullStore(again, cores[-1], nodes).started(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    phases_help = f"of {', '.join(PHASES)} (all), or {STORE}"
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=phases_help)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=5000, help=f"of phase {STORE}; ten pods on each")
    parser.add_argument("--seconds", type=float, default=60.0, help=f"of renewals in phase {STORE}")
    parser.add_argument("--profile", type=Path, help="directory for a py-spy profile of each line")
    arguments = parser.parse_args()
    phases = arguments.phases or PHASES
    cores = sorted(os.sched_getaffinity(0))
    if STORE in phases:
        full_store(arguments.nodes, arguments.seconds, cores, arguments.profile)
        return
    with (
        tempfile.TemporaryDirectory() as directory,
        server(Path(directory), cores[0], arguments.profile) as running,
    ):
        bench = Bench(running, cores[-1], arguments.pods)
        bench.memory("memory, empty", "upstream 305 MB")
        running.ask("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        if set(phases) & {"verbs", "lists", "memory"}:
            bench.create()
            bench.memory(f"memory, {arguments.pods:,} pods", "upstream 1,260 MB")
        if "verbs" in phases:
            bench.verbs()
        if "lists" in phases:
            bench.lists()
        if "watches" in phases:
            bench.watches()
        bench.memory("memory, at the end", "")


if __name__ == "__main__":
    main()

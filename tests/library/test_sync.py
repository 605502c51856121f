"""The cluster for code without asyncio: all that `Cluster` has, from any thread, and nothing left behind."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pybernetes import Cluster, ClusterError
from pybernetes.api.errors import NotFound
from pybernetes.cluster.sync import SyncCluster

from .test_history import config

INSIDE = {"run", "sync", "parts", "store", "env", "clock", "watch_over"}
"""What is there to be used inside of the loop, or has another meaning outside."""


def public(cls: type) -> dict[str, Any]:
    return {name: getattr(cls, name) for name in dir(cls) if not name.startswith("_")}


def test_both_facades_offer_the_same() -> None:
    wanted, offered = public(Cluster), public(SyncCluster)
    with Cluster.sync(nodes=0, time="virtual") as c:
        attributes = {name for name in vars(c.cluster) if not name.startswith("_")}
    assert (wanted.keys() | attributes) - INSIDE <= offered.keys()
    for name in (wanted.keys() - INSIDE) & offered.keys():
        if inspect.isfunction(wanted[name]) and name != "load":
            one, other = inspect.signature(wanted[name]), inspect.signature(offered[name])
            assert one.parameters == other.parameters, name


def test_past_forks_faults_and_stories_without_asyncio(tmp_path: Path) -> None:
    with Cluster.sync(nodes=1, time="virtual") as c:
        first = c.apply(config("a", "1"))
        c.apply(config("a", "2"))
        assert c.at(int(first["metadata"]["resourceVersion"])).get("configmap/a")["data"] == {"k": "1"}
        with c.fork() as other:
            other.delete("configmap/a")
            other.advance("1h")
            with other.fork() as third, pytest.raises(NotFound):
                third.get("configmap/a")
        with pytest.raises(ClusterError, match="has ended"):
            other.get("configmap/a")
        assert c.get("configmap/a")["data"] == {"k": "2"}
        with c.faults.fail(503, resource="configmaps", verbs=("get",)) as fault:
            with pytest.raises(Exception, match="injected"):
                c.get("configmap/a")
            assert fault.happened == 1
        assert c.get("configmap/a")
        assert "kubernetes-admin" in str(c.story("configmap/a"))
        assert "nothing wrong" in c.why("configmap/a")
        c.snapshot(tmp_path / "x.json")
        assert c.kind("po").kind == "Pod"
    with SyncCluster.load(tmp_path / "x.json", time="virtual") as again:
        assert again.get("configmap/a")["data"] == {"k": "2"}


def test_many_threads_at_once() -> None:
    with Cluster.sync(nodes=1, time="virtual") as c, ThreadPoolExecutor(8) as pool:
        made = [*pool.map(lambda n: c.apply(config(f"x{n}", str(n)))["metadata"]["name"], range(40))]
        assert len(set(made)) == 40
        assert len(c.list("configmaps")) == 41


def test_a_blocking_client_inside_of_the_loop_is_told_off() -> None:
    from kubernetes import client
    from kubernetes import config as kubeconfig

    from pybernetes.cluster.blocking import BlockingCall

    async def main() -> None:
        async with Cluster(nodes=0) as c:
            served = await c.serve()
            api = kubeconfig.new_client_from_config(served.kubeconfig)
            core = client.CoreV1Api(api)
            with pytest.raises(BlockingCall, match="wait for itself for ever"):
                core.list_node()
            assert (await asyncio.to_thread(core.list_node)).items == []
            api.rest_client.pool_manager.clear()
            api.close()

    asyncio.run(main())
    import socket

    assert socket.socket.connect.__qualname__ != "_guarded_connect"


def test_a_cluster_that_cannot_start_says_so() -> None:
    with pytest.raises(ValueError, match="time is"):
        Cluster.sync(time="tomorrow").__enter__()
    with Cluster.sync(nodes=0, time="virtual") as c:
        fork = c.fork()
    with pytest.raises(ClusterError, match="has ended"):
        fork.__enter__()
    assert not [each for each in threading.enumerate() if each.name == "pybernetes cluster"]


INTERRUPTED = """
import os, signal, sys, threading, time
from pybernetes import Cluster
try:
    with Cluster.sync(nodes=2) as c:
        path = c.serve().kubeconfig
        print(path, flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("threads", [t.name for t in threading.enumerate()], os.path.exists(path))
"""
INTERRUPTED_LOOP = """
import asyncio, os
from pybernetes import Cluster
async def main():
    async with Cluster(nodes=2) as c:
        print((await c.serve()).kubeconfig, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def _hear_ctrl_c() -> None:
    """Tests that run in the background of a shell inherit that Ctrl-C is not for them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("program", [INTERRUPTED, INTERRUPTED_LOOP])
def test_ctrl_c_leaves_nothing(program: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,
    )
    try:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        assert os.path.exists(path)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert not os.path.exists(os.path.dirname(path))
    assert "never" not in err
    assert "Task" not in err
    if program is INTERRUPTED:
        assert out == "threads ['MainThread'] False\n"

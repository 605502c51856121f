"""A real etcd as a child process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.pyberup import eventually

CLIENT_URL, PEER_URL = "http://127.0.0.1:2379", "http://127.0.0.1:2380"


class Etcd:
    """One member with its data below `directory`; `prefix` puts it into a network namespace, where the ports are free."""

    url = CLIENT_URL

    def __init__(self, directory: Path, prefix: Sequence[str]) -> None:
        self._directory = directory
        self._prefix = tuple(prefix)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        urls = ("--listen-client-urls", CLIENT_URL, "--advertise-client-urls", CLIENT_URL,
                "--listen-peer-urls", PEER_URL, "--initial-advertise-peer-urls", PEER_URL,
                "--initial-cluster", f"default={PEER_URL}")  # fmt: skip
        with open(self._directory / "etcd.log", "wb") as log:
            self._process = subprocess.Popen(
                [*self._prefix, "etcd", "--data-dir", str(self._directory / "etcd"), *urls],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        eventually("etcd", self._healthy)

    def _healthy(self) -> bool:
        done = subprocess.run(
            [*self._prefix, "etcdctl", "endpoint", "health"],
            capture_output=True,
            check=False,
            env={**os.environ, "ETCDCTL_API": "3"},
        )
        return done.returncode == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

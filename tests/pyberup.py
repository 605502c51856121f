"""A `pyber up` as a child process, and real kubectl against it: for tests that use the program as a user does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

BIN = Path(sys.executable).parent
T = TypeVar("T")


class Kubectl:
    """Runs the real kubectl with one kubeconfig; `prefix` runs it elsewhere (in a network namespace)."""

    def __init__(self, kubeconfig: Path, prefix: Sequence[str] = (), cache: Path | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.prefix = tuple(prefix)
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(cache or kubeconfig.parent),
        }

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, str(BIN / "kubectl"), *arguments]

    def run(
        self, *arguments: str, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Any exit code."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout,
            check=False,
        )

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, (
            f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[IO[str]]:
        """The output of a kubectl that goes on (watch, logs -f, port-forward); ended with the block."""
        process = subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                yield process.stdout
            finally:
                process.kill()
                process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, check: Callable[[], T | None], seconds: float = 30) -> T:
    """The first true result of `check`; fails with the last one seen. For real processes only."""
    deadline = time.monotonic() + seconds
    last: T | None = None
    while time.monotonic() < deadline:
        last = check()
        if last:
            return last
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s; last seen: {last!r}")


class PyberUp:
    """A running `pyber up`. `output` is its log file."""

    def __init__(
        self, process: subprocess.Popen[bytes], state: Path, output: Path, prefix: Sequence[str]
    ) -> None:
        self.process = process
        self.state = state
        self.output = output
        self.kubectl = Kubectl(state / "kubeconfig", prefix)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait(30)

    def stop(self, seconds: float = 60) -> int:
        """Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)


def start_pyber(
    state: Path, *options: str, prefix: Sequence[str] = (), environment: dict[str, str] | None = None
) -> PyberUp:
    """Starts `pyber up` with these options and waits until it says that it is reachable."""
    output = state.parent / f"{state.name}.log"
    with open(output, "ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [*prefix, str(BIN / "pyber"), "up", "--state-dir", str(state), *options],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )

    def ready() -> bool:
        text = output.read_bytes()[begin:].decode(errors="replace")
        assert process.poll() is None, f"pyber up ended with {process.returncode}:\n{text}"
        return "export KUBECONFIG=" in text

    eventually("pyber up says how to reach it", ready, 60)
    return PyberUp(process, state, output, prefix)


@contextlib.contextmanager
def pyber_up(state: Path, *options: str, prefix: Sequence[str] = ()) -> Iterator[PyberUp]:
    """A `pyber up` that is stopped at the end; its log is printed when the block fails."""
    running = start_pyber(state, *options, prefix=prefix)
    try:
        yield running
    except BaseException:
        print(running.output.read_text(errors="replace")[-20000:])
        raise
    finally:
        running.stop()

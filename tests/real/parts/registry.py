"""Debian's docker-registry with the tests' images, so that the real pull path runs without the internet.

`python -m tests.real.parts.registry` serves them on loopback until it is interrupted, for trying things by hand.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.real.parts.fabric import run
from tests.real.parts.images import built

ADDRESS = "127.0.0.1:5055"
CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""


class Registry:
    """Serves below `directory` at `address` ("ip:port"); `prefix` runs it elsewhere (in a network namespace)."""

    def __init__(self, directory: Path, address: str = ADDRESS, prefix: Sequence[str] = ()) -> None:
        self._directory = directory
        self._address = address
        self._prefix = tuple(prefix)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{address}"

    def start(self, seconds: float = 20) -> None:
        """Returns when it answers and has every image."""
        config = self._directory / "registry.yml"
        config.write_text(CONFIG.format(directory=self._directory / "registry", address=self._address))
        self._process = subprocess.Popen(
            [*self._prefix, "docker-registry", "serve", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + seconds
        while not self._answers():
            assert self._process.poll() is None, f"docker-registry ended with {self._process.returncode}"
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        for name, archive in built().items():
            self.push(name, archive)

    def push(self, name: str, archive: Path) -> None:
        """Puts an OCI archive into the registry as `name` (`library/busybox:latest`)."""
        target = f"docker://{self._address}/{name}"
        source = f"oci-archive:{archive}"
        run(*self._prefix, "skopeo", "copy", "-q", "--dest-tls-verify=false", source, target)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        if not self._prefix:
            try:
                urllib.request.urlopen(f"{self.url}/v2/", timeout=2).close()
            except OSError:
                return False
            return True
        command = [*self._prefix, "curl", "-sSf", "-o", "/dev/null", "--max-time", "2", f"{self.url}/v2/"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        registry = Registry(Path(directory))
        try:
            registry.start()
            print(f"{registry.url}: {', '.join(built())}", flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
        finally:
            registry.stop()


if __name__ == "__main__":
    main()

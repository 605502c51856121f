"""What the server needs: running commands as sessions (`StreamingRuntime`) and the kubelet's own view (`Backend`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pybernetes.api.meta import Obj
from pybernetes.kubelet.server.crilog import LogOptions


class StreamingError(Exception):
    """The runtime could not do it; the text goes to the user."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which streams an exec or attach carries. With `tty`, stderr is part of stdout."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How a session ended: the command's code, or `error` where it could not be run or followed."""

    code: int = 0
    error: str = ""

    def status(self) -> dict[str, Any]:
        """The Status of the error channel (protocol v4 and later)."""
        if self.error and not self.code:
            return {
                "metadata": {},
                "status": "Failure",
                "message": f"Internal error occurred: {self.error}",
                "reason": "InternalError",
                "details": {"causes": [{"message": self.error}]},
                "code": 500,
            }
        if not self.code:
            return {"metadata": {}, "status": "Success"}
        text = self.error or f"exit status {self.code}"
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: {text}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(self.code)}]},
        }

    @staticmethod
    def of_status(status: Mapping[str, Any]) -> Exit:
        """The inverse, for a Status that a runtime sent."""
        if status.get("status") == "Success":
            return Exit()
        message = str(status.get("message") or "unknown error")
        if status.get("reason") == "NonZeroExitCode":
            causes = (status.get("details") or {}).get("causes") or ()
            for cause in causes:
                if cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
                    told = message.removeprefix("command terminated with non-zero exit code: ")
                    return Exit(int(cause["message"]), told)
        return Exit(error=message.removeprefix("Internal error occurred: "))


class Session(Protocol):
    """A command that runs, or a container that is attached to.

    Every method may raise ConnectionError once the session is gone. The command outlives `close` where the runtime
    lets it, as upstream.
    """

    async def write_stdin(self, data: bytes) -> None: ...

    async def close_stdin(self) -> None:
        """The command reads an end of file."""

    async def resize(self, width: int, height: int) -> None:
        """The size of the terminal in characters."""

    async def read_stdout(self) -> bytes:
        """The next bytes; b"" at the end, or at once where stdout was not asked for."""

    async def read_stderr(self) -> bytes:
        """As `read_stdout`."""

    async def wait(self) -> Exit:
        """How it ended; called after both outputs have ended."""

    async def close(self) -> None:
        """Gives the streams up. Idempotent."""


class PortConnection(Protocol):
    """One connection into a pod's network namespace."""

    async def read(self) -> bytes:
        """b"" at the end. Raises StreamingError with the runtime's reason, ConnectionError."""

    async def write(self, data: bytes) -> None: ...

    async def finish(self) -> None:
        """Half-closes."""

    async def close(self) -> None: ...


class StreamingRuntime(Protocol):
    """Implemented over CRI by `cri_streams.CriStreams`, in memory by the hollow runtime."""

    async def exec(self, container_id: str, command: Sequence[str], options: StreamOptions) -> Session:
        """Raises StreamingError where the command cannot be started."""

    async def attach(self, container_id: str, options: StreamOptions) -> Session: ...

    async def connect_port(self, sandbox_id: str, port: int) -> PortConnection:
        """Raises StreamingError where the runtime refuses at once; a refused connection may show at `read`."""


class Backend(Protocol):
    """The kubelet's own view. `pods` are API objects with the status as this kubelet last wrote or is about to write
    it; `sandbox` and `logs` raise an ApiError.
    """

    @property
    def streaming(self) -> StreamingRuntime: ...

    def pods(self) -> Sequence[Obj]: ...

    async def sandbox(self, pod: Obj) -> str:
        """The id of the pod's running sandbox."""

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """A container's log as the user asked for it."""

    async def stats_summary(self) -> Obj:
        """The body of `/stats/summary`."""

    async def metrics(self, path: str) -> bytes:
        """Prometheus text for `/metrics`, `/metrics/cadvisor`, `/metrics/resource`, `/metrics/probes`."""

    def health(self) -> str:
        """ "" where the kubelet is well, else what is wrong."""

"""Asking a container once: http, tcp, exec or grpc, with upstream's words for each outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pybernetes.api.meta import Obj
from pybernetes.kubelet.containers import port_number
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.runtime import CRIError, DeadlineExceeded, RuntimeService
from pybernetes.lang.durations import go_duration

MOST_REDIRECTS = 10
USER_AGENT = "kube-probe/1.37"
MOST_EXEC_OUTPUT = 10 * 1024


class ProbeError(Exception):
    """The question could not even be asked: neither a success nor a failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    success: bool
    output: str = ""
    warning: bool = False
    """A success that is told as an event (a redirect to elsewhere)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask."""

    container: Obj
    container_id: str
    pod_ip: str


async def ask(probe: Obj, target: Target, host: Host, runtime: RuntimeService, timeout: float) -> Answer:
    """Raises ProbeError."""
    try:
        if action := probe.get("httpGet"):
            return await _http(action, target, host, timeout)
        if action := probe.get("tcpSocket"):
            return await _tcp(action, target, host, timeout)
        if action := probe.get("grpc"):
            return await _grpc(action, target, host, timeout)
        if action := probe.get("exec"):
            return await _exec(action, target, runtime, timeout)
    except ValueError as error:
        raise ProbeError(str(error)) from error
    raise ProbeError(f"missing probe handler for {target.container['name']}")


async def _http(action: Obj, target: Target, host: Host, timeout: float) -> Answer:
    scheme: Any = action.get("scheme") or "HTTP"
    name = action.get("host") or target.pod_ip
    port = port_number(target.container, action["port"])
    path = action.get("path") or "/"
    path = path if path.startswith("/") else "/" + path
    headers = _headers(action, name, port)
    url = f"{scheme.lower()}://{_joined(name, port)}{path}"
    try:
        for _ in range(MOST_REDIRECTS):
            reply = await host.http_get(scheme, name, port, path, headers, timeout)
            if not (300 <= reply.status < 400 and reply.location):
                break
            to = urlsplit(reply.location)
            if to.hostname not in (None, name):
                return Answer(True, f"Probe terminated redirects, Response body: {_text(reply.body)}", True)
            scheme = to.scheme.upper() or scheme
            port = to.port or (port if to.hostname is None else 443 if scheme == "HTTPS" else 80)
            path = (to.path or "/") + (f"?{to.query}" if to.query else "")
        else:
            return Answer(False, f'Get "{url}": stopped after {MOST_REDIRECTS} redirects')
    except TimeoutError:
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Answer(False, f'Get "{url}": {text}')
    except OSError as error:
        return Answer(False, f'Get "{url}": {_dial(name, port, error)}')
    if 200 <= reply.status < 400:
        return Answer(True, _text(reply.body))
    return Answer(False, f"HTTP probe failed with statuscode: {reply.status}")


def _headers(action: Obj, name: str, port: int) -> list[tuple[str, str]]:
    own = [(h["name"], h.get("value", "")) for h in action.get("httpHeaders") or ()]
    names = {name.lower() for name, _ in own}
    defaults = (("Host", _joined(name, port)), ("User-Agent", USER_AGENT), ("Accept", "*/*"))
    return [*(pair for pair in defaults if pair[0].lower() not in names), *own]


async def _tcp(action: Obj, target: Target, host: Host, timeout: float) -> Answer:
    name = action.get("host") or target.pod_ip
    port = port_number(target.container, action["port"])
    try:
        await host.tcp_dial(name, port, timeout)
    except TimeoutError:
        return Answer(False, f"dial tcp {_joined(name, port)}: i/o timeout")
    except OSError as error:
        return Answer(False, _dial(name, port, error))
    return Answer(True)


async def _grpc(action: Obj, target: Target, host: Host, timeout: float) -> Answer:
    port, service = action["port"], action.get("service") or ""
    where = _joined(target.pod_ip, port)
    try:
        status = await host.grpc_health(target.pod_ip, port, service, timeout)
    except TimeoutError:
        span = go_duration(timeout)
        text = f'timeout: failed to connect service "{where}" within {span}: context deadline exceeded'
        return Answer(False, text)
    except OSError as error:
        return Answer(False, f'error: failed to connect service at "{where}": {error}')
    if status == "SERVING":
        return Answer(True, "service healthy")
    return Answer(False, f'service unhealthy (responded with "{status}")')


async def _exec(action: Obj, target: Target, runtime: RuntimeService, timeout: float) -> Answer:
    command = list(action.get("command") or ())
    try:
        result = await runtime.exec_sync(target.container_id, command, timeout)
    except DeadlineExceeded:
        told = " ".join(command)
        return Answer(False, f'command timed out: "{told}" timed out after {go_duration(timeout)}')
    except CRIError as error:
        raise ProbeError(str(error)) from error
    output = (result.stdout + result.stderr)[:MOST_EXEC_OUTPUT].decode("utf-8", "replace")
    return Answer(result.exit_code == 0, output)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _dial(host: str, port: int, error: OSError) -> str:
    """`dial tcp 10.0.0.1:80: connect: connection refused`, where the machine says why; its own text otherwise."""
    text = (error.strerror or str(error)).lower()
    if error.errno is None:
        return str(error)
    return f"dial tcp {_joined(host, port)}: connect: {text}"


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")

"""The routes of the kubelet's server. `KubeletServer.handle` is the handler for `wire.http.server.HttpServer`.

Errors are plain text with upstream's words: the API server wraps them for the user.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj
from pybernetes.clock import Env
from pybernetes.kubelet.server.backend import Backend, Session, StreamingError, StreamOptions
from pybernetes.kubelet.server.crilog import is_true, options_from_query
from pybernetes.kubelet.server.locate import default_container, find_pod, logged_container, running_container
from pybernetes.kubelet.server.port_forward import Target, serve_port_forward
from pybernetes.kubelet.server.remote_command import serve_remote_command
from pybernetes.wire.http.messages import Request, Response, Result

log = logging.getLogger(__name__)

JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
METRICS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)

Authorize = Callable[[Request], Awaitable[bool]]
Route = Callable[["KubeletServer", Request, list[str]], Awaitable[Result]]


class KubeletServer:
    """`authorize` says whether a caller may do what it asks; `/healthz` is open to all."""

    def __init__(self, backend: Backend, env: Env, authorize: Authorize) -> None:
        self.backend = backend
        self.env = env
        self._authorize = authorize

    async def handle(self, request: Request) -> Result:
        path = request.path.rstrip("/") or "/"
        if path == "/healthz":
            wrong = self.backend.health()
            return Response.text(500, wrong + "\n") if wrong else Response(200, TEXT, b"ok")
        if not await self._authorize(request):
            return Response.text(403 if request.peer_certificate else 401, _refusal(request))
        parts = path[1:].split("/")
        methods, route = ROUTES.get(parts[0], ((), None))
        if route is None:
            return Response.text(404, "404 page not found\n")
        if request.method not in methods:
            return Response(405, (("Allow", ", ".join(methods)),), b"405: Method Not Allowed")
        try:
            return await route(self, request, parts[1:])
        except ApiError as error:
            return Response.text(error.code, error.message + "\n")
        except StreamingError as error:
            return Response.text(500, f"{error}\n")


def _refusal(request: Request) -> str:
    return "Forbidden\n" if request.peer_certificate else "Unauthorized\n"


async def pods(server: KubeletServer, _: Request, __: list[str]) -> Result:
    """The pods of this node, with their status."""
    tree = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(server.backend.pods())}
    return Response(200, JSON, json.dumps(tree, separators=(",", ":")).encode())


async def stats(server: KubeletServer, _: Request, parts: list[str]) -> Result:
    if parts != ["summary"]:
        return Response.text(404, "404 page not found\n")
    return Response(200, JSON, json.dumps(await server.backend.stats_summary()).encode())


async def metrics(server: KubeletServer, request: Request, _: list[str]) -> Result:
    return Response(200, METRICS, await server.backend.metrics(request.path))


async def container_logs(server: KubeletServer, request: Request, parts: list[str]) -> Result:
    """`/containerLogs/{namespace}/{pod}/{container}` with PodLogOptions as the query."""
    if len(parts) != 3 or not all(parts):
        return Response.text(400, '{"message": "missing pod or container name."}\n')
    namespace, name, container = parts
    try:
        options = options_from_query(request.query, server.env.now())
    except ValueError:
        return Response.text(400, '{"message": "Unable to decode query."}\n')
    pod = find_pod(server.backend.pods(), namespace, name)
    previous = is_true(request.query.first("previous"))
    container_id = logged_container(pod, container, previous=previous)
    body = await server.backend.logs(container_id, options)
    return Response(200, TEXT, body, endless=options.follow)


async def exec_in_container(server: KubeletServer, request: Request, parts: list[str]) -> Result:
    """`/exec/{namespace}/{pod}[/{uid}]/{container}?command=…&input=1&output=1&error=1&tty=1`."""
    pod, container = _pod_and_container(server, parts)
    options = _stream_options(request)
    if isinstance(options, Response):
        return options
    container_id = running_container(pod, container)
    command = request.query.all("command")

    async def start() -> Session:
        return await server.backend.streaming.exec(container_id, command, options)

    return serve_remote_command(request, options, start)


async def attach(server: KubeletServer, request: Request, parts: list[str]) -> Result:
    """As exec, to the container's own process."""
    pod, container = _pod_and_container(server, parts)
    options = _stream_options(request)
    if isinstance(options, Response):
        return options
    container_id = running_container(pod, container)

    async def start() -> Session:
        return await server.backend.streaming.attach(container_id, options)

    return serve_remote_command(request, options, start)


async def port_forward(server: KubeletServer, request: Request, parts: list[str]) -> Result:
    """`/portForward/{namespace}/{pod}[/{uid}]`."""
    if len(parts) not in (2, 3):
        return Response.text(404, "404 page not found\n")
    pod = find_pod(server.backend.pods(), parts[0], parts[1], parts[2] if len(parts) == 3 else "")
    sandbox = await server.backend.sandbox(pod)
    meta = pod["metadata"]
    streaming = server.backend.streaming
    target = Target(
        f"{meta['name']}_{meta['namespace']}",
        meta["uid"],
        lambda port: streaming.connect_port(sandbox, port),
    )
    return serve_port_forward(request, target)


async def run(server: KubeletServer, request: Request, parts: list[str]) -> Result:
    """`/run/{namespace}/{pod}[/{uid}]/{container}?cmd=…`: runs a command and answers with all it wrote."""
    pod, container = _pod_and_container(server, parts)
    container_id = running_container(pod, container)
    command = request.query.first("cmd").split() or request.query.all("command")
    options = StreamOptions(stdout=True, stderr=True)
    session = await server.backend.streaming.exec(container_id, command, options)

    async def output() -> AsyncIterator[bytes]:
        # One after the other: what a short command leaves in stderr waits in its buffer.
        try:
            for read in (session.read_stdout, session.read_stderr):
                while data := await read():
                    yield data
            ended = await session.wait()
            if ended.code or ended.error:
                yield f"{ended.status()['message']}".encode()
        finally:
            await session.close()

    return Response(200, TEXT, output())


def _pod_and_container(server: KubeletServer, parts: list[str]) -> tuple[Obj, str]:
    namespace, name, uid, container = "", "", "", ""
    if len(parts) == 3:
        namespace, name, container = parts
    elif len(parts) == 4:
        namespace, name, uid, container = parts
    pod = find_pod(server.backend.pods(), namespace, name, uid)
    return pod, container or default_container(pod)


def _stream_options(request: Request) -> StreamOptions | Response:
    """`input`, `output`, `error`, `tty` as upstream's kubelet names them; `stdin`, `stdout`, `stderr` as the API does."""

    def asked(*names: str) -> bool:
        return any(is_true(request.query.first(name)) for name in names)

    tty = asked("tty")
    stderr = asked("error", "stderr") and not tty
    options = StreamOptions(asked("input", "stdin"), asked("output", "stdout"), stderr, tty)
    if not (options.stdin or options.stdout or options.stderr):
        return Response.text(400, "you must specify at least 1 of stdin, stdout, stderr\n")
    return options


# By the first part of the path: the methods, and what serves them.
ROUTES: dict[str, tuple[tuple[str, ...], Route]] = {
    "pods": (("GET",), pods),
    "stats": (("GET",), stats),
    "metrics": (("GET",), metrics),
    "containerLogs": (("GET",), container_logs),
    "exec": (("GET", "POST"), exec_in_container),
    "attach": (("GET", "POST"), attach),
    "portForward": (("GET", "POST"), port_forward),
    "run": (("POST",), run),
}

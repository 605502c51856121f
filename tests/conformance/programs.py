"""What runs in the pods of the scenarios: coroutines as `py://tests.conformance.programs:…`."""

from __future__ import annotations

import asyncio
import json

from pybernetes.sim.program import Container
from pybernetes.wire.http.messages import Request, Response

IMAGE = "py://tests.conformance.programs:"
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


async def echo(c: Container) -> None:
    """Tells on port 80 what it was asked."""

    def answer(request: Request) -> object:
        told = {"method": request.method, "path": request.path, "query": request.raw_query}
        return {**told, "pod": c.pod, "body": request.body.decode(), "env": dict(c.env)}

    c.listen(80, answer)
    await c.stopping.wait()


async def mounted(c: Container) -> int:
    """Prints what is mounted for its service account, a line each."""
    for name in ("token", "ca.crt", "namespace"):
        c.print(f"{name}={c.read(f'{TOKENS}/{name}').decode()!r}")
    return 0


async def projected(c: Container) -> int:
    """Prints the token that is mounted where the pod says."""
    c.print(c.read("/var/run/secrets/tokens/custom-token").decode())
    return 0


async def ports(c: Container) -> None:
    """Tells on 160, 162 and 80 which port was asked."""
    for number in (80, 160, 162):
        c.listen(number, lambda request, number=number: f"{c.pod}:{number} {request.path}")
    await c.stopping.wait()


async def primary(c: Container) -> None:
    """The guestbook's store: `/set?key=…&value=…` and `/get?key=…` on 6379."""
    kept: dict[str, str] = {}

    def answer(request: Request) -> object:
        key = request.query.first("key")
        if request.path == "/set":
            kept[key] = request.query.first("value")
        return {"data": kept.get(key, "")}

    c.listen(6379, answer)
    await c.stopping.wait()


async def replica(c: Container) -> None:
    """The guestbook's readers: what the primary has, on 6379."""

    async def answer(request: Request) -> object:
        reply = await c.request("GET", f"http://agnhost-primary:6379/get?{request.raw_query}")
        return Response(200, (), reply.body)

    c.listen(6379, answer)
    await c.stopping.wait()


async def frontend(c: Container) -> None:
    """The guestbook's page on 80: `/guestbook?cmd=set&key=…&value=…` writes, `cmd=get` reads."""

    async def answer(request: Request) -> object:
        verb = request.query.first("cmd")
        host = "agnhost-primary" if verb == "set" else "agnhost-replica"
        reply = await c.request("GET", f"http://{host}:6379/{verb}?{request.raw_query}")
        return Response(200, (), reply.body)

    c.listen(80, answer)
    await c.stopping.wait()


async def lines(c: Container) -> None:
    """Prints a line each second."""
    for number in range(20):
        c.print(f"line {number}")
        await c.sleep(1)
    await c.stopping.wait()


async def resolver(c: Container) -> int:
    """Prints the DNS configuration that its sandbox was given."""
    dns = c.launch.sandbox.dns_config
    c.print(*dns.servers)
    c.print(*dns.searches)
    c.print(*dns.options)
    return 0


async def seen(c: Container) -> int:
    """Prints its environment and its arguments."""
    c.print(json.dumps({"env": dict(c.env), "args": c.args}))
    return 0


async def succeeds(_c: Container) -> int:
    return 0


async def fails(c: Container) -> int:
    c.print("failing")
    return 1


async def third_time_lucky(c: Container) -> int:
    """Fails at first, succeeds then, and stays the third time."""
    if c.launch.attempt < 2:
        return 1 - c.launch.attempt
    await c.stopping.wait()
    return 0


async def sickening(c: Container) -> None:
    """Healthy for ten seconds: on 8080 (`/healthz`) and for commands; the port stays open."""
    began = asyncio.get_running_loop().time()

    def answer(request: Request) -> object:
        sick = asyncio.get_running_loop().time() - began > 10
        return 500 if sick and request.path == "/healthz" else "ok"

    c.listen(8080, answer)
    await c.sleep(10)
    c.ready = False
    await c.stopping.wait()


async def healthy(c: Container) -> None:
    """Answers on 8080."""
    c.listen(8080, lambda _request: "ok")
    await c.stopping.wait()


async def visited(c: Container) -> None:
    """Remembers who came, and tells at `/who`."""
    came: list[str] = []

    def answer(request: Request) -> object:
        if request.path == "/who":
            return came
        came.append(request.query.first("msg"))
        return "welcome"

    c.listen(8080, answer)
    await c.stopping.wait()


async def places(c: Container) -> None:
    """Prints where its volumes are on the node, and stays."""
    for mount in c.launch.config.mounts:
        c.print(mount.container_path, mount.host_path)
    await c.stopping.wait()


async def hosts(c: Container) -> None:
    """Prints its /etc/hosts, and stays."""
    c.print(c.read("/etc/hosts").decode())
    await c.stopping.wait()


async def webhook(c: Container) -> None:
    """An admission webhook on 8443 that refuses what is named `unwanted`."""

    def answer(request: Request) -> object:
        review = json.loads(request.body)
        unwanted = review["request"]["name"] == "unwanted"
        status = {"message": f"{c.pod} does not want it"}
        response = {"uid": review["request"]["uid"], "allowed": not unwanted, "status": status}
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    c.listen(8443, answer)
    await c.stopping.wait()

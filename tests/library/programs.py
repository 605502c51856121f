"""Containers of the tests: coroutines that run as `py://tests.library.programs:…`."""

from __future__ import annotations

import asyncio

from pybernetes.api import kinds
from pybernetes.sim.program import Container
from pybernetes.wire.http.messages import Request

IMAGE = "py://tests.library.programs:"


async def web(c: Container) -> None:
    """Answers on port 80 until it is asked to stop, and takes two seconds for it."""

    def answer(request: Request) -> object:
        if request.path == "/env":
            return {"greeting": c.env.get("GREETING"), "file": c.read("/etc/config/key").decode()}
        return f"{c.pod} says hello to {request.path}"

    c.print("starting", *c.args)
    await c.sleep(5)
    c.listen(80, answer)
    await c.stopping.wait()
    c.print("stopping")
    await c.sleep(2)


async def crash(c: Container) -> None:
    c.print("crashing")
    raise LookupError("nothing here")


async def count(c: Container) -> int:
    """Writes how many pods it sees where it may; its exit code says so."""
    found = await c.client.list(kinds.POD, c.namespace)
    return len(found.items)


async def endless(c: Container) -> None:
    c.print("for ever")
    await asyncio.Event().wait()


async def caller(c: Container) -> int:
    reply = await c.request("GET", "http://web/path")
    c.print(reply.status, reply.body.decode())
    return 0

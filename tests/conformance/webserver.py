"""A web server whose readiness a test decides: `py://tests.conformance.webserver:breakable`."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes import Cluster
from pybernetes.api.meta import Obj
from pybernetes.sim.program import Container
from pybernetes.wire.http.messages import Request

IMAGE = "py://tests.conformance.webserver:breakable"
OTHER = f"{IMAGE}_too"
"""The same under another name."""
PROBE = {"exec": {"command": ["test", "-f", "/index.html"]}, "periodSeconds": 1, "failureThreshold": 1}


async def breakable(c: Container) -> None:
    """`/break` takes its page away, so that its readiness probe fails; `/mend` puts it back."""

    def answer(request: Request) -> object:
        if request.path in ("/break", "/mend"):
            c.ready = request.path == "/mend"
        return {"ready": c.ready}

    c.listen(80, answer)
    await c.stopping.wait()


breakable_too = breakable


async def tell(c: Cluster, pods: Sequence[Obj], path: str) -> None:
    """Asks every pod for `/break` or `/mend`."""
    for pod in pods:
        metadata = pod["metadata"]
        answer = await c.request(
            "GET", f"http://{pod['status']['podIP']}{path}", namespace=metadata["namespace"]
        )
        assert answer.status == 200

"""A real cluster as a `World`, over HTTPS; as a program, one scenario in one namespace:

python -m tests.scenarios.remote KUBECONFIG NAMESPACE SCENARIO
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.client import kubeconfig
from pybernetes.client.https import HttpsTransport
from pybernetes.client.kubeconfig import Access
from pybernetes.cluster.applying import Applier, documents
from pybernetes.cluster.asking import Asker
from pybernetes.cluster.naming import Target, UnknownKind, find_target, kind_of
from pybernetes.cluster.storyreading import read_story
from pybernetes.cluster.wait import Condition, wait_for
from pybernetes.cluster.why import why
from pybernetes.wire.http.client import HttpClient
from tests.scenarios.scenarios import BY_NAME


class RemoteWorld:
    """Implements `scenarios.World`."""

    def __init__(self, access: Access, namespace: str) -> None:
        self.namespace = namespace
        self._asker = Asker(access)
        self._transport = HttpsTransport(access)
        self._http = HttpClient(access.server, tls=access.tls, server_hostname=access.server_name)
        self.client = self._asker.client

    async def apply(self, what: str) -> Any:
        applier = Applier(self.client, lambda: self._asker.kinds)
        applied = []
        for obj in documents(what):
            try:
                kind_of(self._asker.kinds, obj)
            except UnknownKind:
                await self._asker.discover()
            applied.append(await applier.apply(obj, self.namespace))
        return applied

    async def get(self, what: str) -> Obj:
        target = self._target(what)
        return await self.client.get(target.kind, target.name, target.namespace)

    async def list(self, what: str, *, labels: str = "") -> Sequence[Obj]:
        return (await self.client.list(self._target(what).kind, self.namespace, labels=labels)).items

    async def patch(self, what: str, patch: Mapping[str, Any]) -> Obj:
        target = self._target(what)
        return await self.client.patch(target.kind, target.name, target.namespace, patch)

    async def scale(self, what: str, replicas: int) -> Obj:
        return await self.patch(what, {"spec": {"replicas": replicas}})

    async def delete(self, what: str, *, wait: bool = True, timeout: float = 60.0) -> None:
        target = self._target(what)
        await self.client.delete(target.kind, target.name, target.namespace, propagation="Background")
        if wait:
            await wait_for(self.client, target, "deleted", timeout)

    async def logs(self, pod: str) -> str:
        reply = await self._http.request(
            "GET", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log?previous=true"
        )
        return reply.body.decode()

    async def wait(
        self,
        what: str,
        condition: Condition = "Ready",
        *,
        timeout: float = 60.0,
        labels: str = "",
        count: int = 0,
    ) -> Obj:
        found = await wait_for(
            self.client, self._target(what), condition, timeout, labels=labels, count=count
        )
        return found[0] if found else {}

    async def why(self, what: str) -> str:
        return "\n".join(
            await why(self._asker, self._target(what), await self._asker.ledger(self.namespace) or ())
        )

    async def story(self, what: str) -> Any:
        return await read_story(self._asker, self._target(what))

    async def close(self) -> None:
        await self._asker.close()
        await self._transport.close()
        await self._http.close()

    def _target(self, what: str) -> Target:
        return find_target(self._asker.kinds, what, self.namespace)


async def main(path: str, namespace: str, name: str) -> None:
    world = RemoteWorld(kubeconfig.load(Path(path)), namespace)
    try:
        await BY_NAME[name](world)
    finally:
        await world.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

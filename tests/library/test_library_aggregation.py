"""An aggregated API server beside a cluster inside the process: it is asked with the cluster's front proxy certificate."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from tests.httpspeer import Answer, Asked, Peer, as_json, self_signed

THING = Kind(group="things.example.com", version="v1", kind="Thing", plural="things", namespaced=False)


def answer(asked: Asked) -> Answer:
    if asked.path == "/apis/things.example.com/v1":
        return as_json({"kind": "APIResourceList", "groupVersion": "things.example.com/v1", "resources": []})
    if asked.path == "/apis/things.example.com/v1/things":
        items = [{"metadata": {"name": asked.headers["x-remote-user"]}}]
        return as_json({"kind": "ThingList", "metadata": {"resourceVersion": "1"}, "items": items})
    return Answer(404)


def objects(port: int, bundle: str) -> tuple[dict[str, Any], dict[str, Any]]:
    reference = {"namespace": "default", "name": "things", "port": port}
    spec = {
        "group": "things.example.com",
        "version": "v1",
        "service": reference,
        "caBundle": bundle,
        "groupPriorityMinimum": 10,
        "versionPriority": 10,
    }
    return (
        {
            "metadata": {"name": "things", "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {"metadata": {"name": "v1.things.example.com"}, "spec": spec},
    )


def test_a_served_cluster_is_a_front_proxy() -> None:
    certificate = self_signed("things.default.svc")

    async def main() -> None:
        async with Cluster() as cluster:
            served = await cluster.serve()
            ca = (served.pki.directory / "front-proxy-ca.crt").read_text()
            with Peer(answer, certificate, ca) as peer:
                service, api = objects(peer.port, certificate.bundle)
                client = cluster.client
                await client.create(kinds.SERVICE, service)
                await client.create(kinds.APISERVICE, api)
                async with asyncio.timeout(20):
                    await cluster.wait("apiservice/v1.things.example.com", "Available")
                [item] = (await client.list(THING)).items
                assert item["metadata"]["name"] == "kubernetes-admin"
                assert peer.asked[-1].certificate is not None

    asyncio.run(main())

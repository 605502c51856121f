"""The kinds of storage and networking through a whole server: created, read as a table, changed, deleted."""

from __future__ import annotations

import asyncio
import json

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid, NotFound
from pybernetes.api.kind import Kind
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request

from .transports import body_of, serving, transport_of

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
OBJECTS: tuple[tuple[Kind, dict, dict | None, list], ...] = (
    (
        kinds.PERSISTENTVOLUME,
        {
            "spec": {
                "capacity": {"storage": "1024Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/x"},
            }
        },
        {"phase": "Available"},
        ["x", "1Gi", "RWO", "Retain", "Available", "", "", "<unset>", "", "0s", "Filesystem"],
    ),
    (
        kinds.PERSISTENTVOLUMECLAIM,
        {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"phase": "Lost"},
        ["x", "Lost", "", "", "", "", "<unset>", "0s", "Filesystem"],
    ),
    (
        kinds.STORAGECLASS,
        {"provisioner": "example.com/p"},
        None,
        ["x", "example.com/p", "Delete", "Immediate", False, "0s"],
    ),
    (
        kinds.VOLUMEATTACHMENT,
        {"spec": {"attacher": "d.example.com", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}},
        {"attached": True},
        ["x", "d.example.com", "pv", "n", True, "0s"],
    ),
    (kinds.CSIDRIVER, {"spec": {}}, None, ["x", True, False, False, "<unset>", False, "Persistent", "0s"]),
    (kinds.CSINODE, {"spec": {"drivers": [{"name": "d", "nodeID": "n"}]}}, None, ["x", 1, "0s"]),
    (
        kinds.CSISTORAGECAPACITY,
        {"storageClassName": "fast", "capacity": "1Gi"},
        None,
        ["x", "fast", "1Gi"],
    ),
    (
        kinds.VOLUMEATTRIBUTESCLASS,
        {"driverName": "d.example.com", "parameters": {"a": "b"}},
        None,
        ["x", "d.example.com", "0s"],
    ),
    (
        kinds.INGRESS,
        {"spec": {"defaultBackend": BACKEND}},
        {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
        ["x", "<none>", "*", "192.0.2.1", "80", "0s"],
    ),
    (
        kinds.INGRESSCLASS,
        {"spec": {"controller": "example.com/i"}},
        None,
        ["x", "example.com/i", "<none>", "0s"],
    ),
    (kinds.NETWORKPOLICY, {"spec": {"podSelector": {}}}, None, ["x", "<none>", "0s"]),
    (
        kinds.IPADDRESS,
        {"metadata": {"name": "fd00::5"}, "spec": {"parentRef": {"resource": "services", "name": "web"}}},
        None,
        ["fd00::5", "services/web"],
    ),
    (
        kinds.SERVICECIDR,
        {"spec": {"cidrs": ["10.1.0.0/16"]}},
        {"conditions": []},
        ["x", "10.1.0.0/16", "0s"],
    ),
)


@pytest.mark.parametrize(("kind", "fields", "status", "cells"), OBJECTS, ids=lambda v: getattr(v, "kind", ""))
def test_life_of_an_object(env: Env, kind: Kind, fields: dict, status: dict | None, cells: list) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("http", server)
            space = "default" if kind.namespaced else ""
            metadata = {"name": "x", **fields.get("metadata", {})}
            name = metadata["name"]
            body = {
                **fields,
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {**metadata, "namespace": space} if space else metadata,
            }
            made = await t.call(Call("create", kind, space, body=body))
            assert made["metadata"].get("generation") == (1 if kind.generation else None)
            assert await t.call(Call("get", kind, space, name)) == made
            if status is not None:
                after = await t.call(
                    Call("update", kind, space, name, "status", body={**made, "status": status})
                )
                assert after["status"].items() >= {k: v for k, v in status.items() if v}.items()
                made = after
            labelled = {**made, "metadata": {**made["metadata"], "labels": {"a": "b"}}}
            changed = await t.call(Call("update", kind, space, name, body=labelled))
            assert changed["metadata"]["labels"] == {"a": "b"}
            assert changed["metadata"].get("generation") == made["metadata"].get("generation")
            request = Request(
                "GET",
                kind.path(space, name),
                Headers([("accept", TABLE), ("x-test-user", "admin")]),
                b"",
            )
            table = json.loads(await body_of(await server.handler(request)))
            assert table["kind"] == "Table"
            assert table["rows"][0]["cells"] == cells
            # Volumes and claims are held until a controller says that nobody uses them.
            if changed["metadata"].get("finalizers"):
                free = {**changed, "metadata": {**changed["metadata"], "finalizers": []}}
                await t.call(Call("update", kind, space, name, body=free))
            await t.call(Call("delete", kind, space, name))
            with pytest.raises(NotFound):
                await t.call(Call("get", kind, space, name))

    asyncio.run(main())


def test_a_claim_grows_only_when_bound(env: Env) -> None:
    kind = kinds.PERSISTENTVOLUMECLAIM

    def sized(tree: dict, size: str) -> dict:
        return {**tree, "spec": {**tree["spec"], "resources": {"requests": {"storage": size}}}}

    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("inprocess", server)
            fast = {"metadata": {"name": "fast"}, "provisioner": "p", "allowVolumeExpansion": True}
            await t.call(Call("create", kinds.STORAGECLASS, body=fast))
            body = {
                "metadata": {"name": "data", "namespace": "default"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                    "storageClassName": "fast",
                },
            }
            made = await t.call(Call("create", kind, "default", body=body))
            assert made["status"] == {"phase": "Pending"}
            with pytest.raises(Invalid, match="spec is immutable after creation"):
                await t.call(Call("update", kind, "default", "data", body=sized(made, "2Gi")))
            bound = {**made, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
            bound = await t.call(Call("update", kind, "default", "data", "status", body=bound))
            grown = await t.call(Call("update", kind, "default", "data", body=sized(bound, "2Gi")))
            assert grown["spec"]["resources"]["requests"]["storage"] == "2Gi"
            with pytest.raises(Invalid, match=r"field can not be less than status\.capacity"):
                await t.call(Call("update", kind, "default", "data", body=sized(grown, "1Gi")))

    asyncio.run(main())


def test_a_new_phase_of_a_volume_is_dated(env: Env) -> None:
    kind = kinds.PERSISTENTVOLUME

    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("inprocess", server)
            body = {
                "metadata": {"name": "pv"},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "nfs": {"server": "s", "path": "/"},
                },
            }
            made = await t.call(Call("create", kind, body=body))
            assert made["status"]["lastPhaseTransitionTime"] == made["metadata"]["creationTimestamp"]
            after = await t.call(
                Call(
                    "update",
                    kind,
                    name="pv",
                    subresource="status",
                    body={**made, "status": {"phase": "Bound"}},
                )
            )
            assert after["status"] == {
                "phase": "Bound",
                "lastPhaseTransitionTime": made["metadata"]["creationTimestamp"],
            }

    asyncio.run(main())

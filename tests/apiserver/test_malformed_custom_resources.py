"""Malformed custom resources: values of wrong types at random places of an object with every kind of schema, in writes and
patches of all languages. Each is answered, and none with a fault of the server's own."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections import defaultdict
from typing import Any

import pytest

from pybernetes.apiserver.server import ApiServer
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response
from tests.malformed import OPERATIONS, PATCHES, POINTERS, WRONG, places

from .transports import serving

REQUESTS = 1500
ITEM = {
    "type": "object",
    "required": ["k"],
    "properties": {
        "k": {"type": "string"},
        "p": {"type": "integer", "default": 1},
        "v": {"type": "array", "items": {"type": "integer"}},
    },
}
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "x-kubernetes-validations": [{"rule": "!has(self.n) || self.n < 100"}],
    "properties": {
        "name": {"type": "string", "maxLength": 20, "pattern": "^[a-z]+$", "default": "abc"},
        "n": {"type": "integer", "minimum": 0, "maximum": 1000, "multipleOf": 5},
        "f": {"type": "number"},
        "either": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "inner": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "map": {"type": "object", "additionalProperties": {"type": "string", "nullable": True}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "keyed": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k", "p"],
            "items": ITEM,
        },
        "atomic": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "object"}},
        "date": {"type": "string", "format": "date-time"},
        "bytes": {"type": "string", "format": "byte"},
        "word": {"type": "string", "enum": ["A", "B"]},
        "one": {
            "type": "object",
            "properties": {"x": {"type": "string"}, "y": {"type": "integer"}},
            "oneOf": [{"required": ["x"]}, {"required": ["y"]}],
        },
        "replicas": {"type": "integer", "format": "int32"},
    },
}
STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
GOOD: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Thing",
    "metadata": {"name": "a"},
    "spec": {
        "name": "abc",
        "n": 5,
        "f": 1.5,
        "either": "50%",
        "free": {"x": [1]},
        "inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}},
        "map": {"a": "b"},
        "set": ["a", "b"],
        "keyed": [{"k": "a"}, {"k": "b", "p": 2, "v": [1]}],
        "atomic": [{"a": True}],
        "date": "2020-01-01T00:00:00Z",
        "bytes": "aGk=",
        "word": "A",
        "one": {"x": "1"},
        "replicas": 1,
    },
}


def definition() -> dict[str, Any]:
    versions = [
        {
            "name": version,
            "served": True,
            "storage": version == "v1",
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
            "subresources": {
                "status": {},
                "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
            },
            "additionalPrinterColumns": [
                {"name": "N", "type": "integer", "jsonPath": ".spec.n"},
                {"name": "Date", "type": "date", "jsonPath": ".spec.date"},
                {"name": "Keys", "type": "string", "jsonPath": ".spec.keyed[*].k"},
            ],
            "selectableFields": [{"jsonPath": ".spec.name"}],
        }
        for version in ("v1", "v2")
    ]
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions},
    }


def spoilt(r: random.Random) -> dict[str, Any]:
    tree = copy.deepcopy(GOOD)
    tree["metadata"]["name"] = r.choice("ab")
    for _ in range(r.choice((0, 1, 1, 2, 3))):
        found = list(places(tree))
        if not found:
            break
        holder, step = r.choice(found)
        if r.random() < 0.2:
            del holder[step]
        else:
            holder[step] = copy.deepcopy(r.choice(WRONG))
    return tree


def operations(r: random.Random) -> list[Any]:
    pointers = (*POINTERS, "/spec/keyed/0", "/spec/set/-", "/spec/keyed/1/v/0", "/spec/one", "/spec/inner")
    return [
        {
            "op": r.choice(OPERATIONS),
            "path": r.choice(pointers),
            "from": r.choice(pointers),
            "value": r.choice(WRONG),
        }
        for _ in range(r.choice((1, 2)))
    ]


def asking(r: random.Random) -> tuple[str, str, str, Any]:
    """Method, target, content type and body."""
    version = r.choice(("v1", "v2"))
    tree = {**spoilt(r)}
    if "apiVersion" in tree:
        tree["apiVersion"] = f"example.com/{version}"
    everything = f"/apis/example.com/{version}/namespaces/default/things"
    one = f"{everything}/{r.choice('ab')}{r.choice(('', '', '', '/status', '/scale'))}"
    match r.choice(("create", "update", "patch", "patch", "patch", "list", "get", "delete")):
        case "create":
            return "POST", everything, "application/json", tree
        case "update":
            return "PUT", one + r.choice(("", "?fieldValidation=Strict")), "application/json", tree
        case "patch":
            media = r.choice(PATCHES)
            query = f"?fieldManager={r.choice('xy')}&force={r.choice(('true', 'false'))}"
            body = operations(r) if media == PATCHES[0] else tree
            return "PATCH", one + (query if media == PATCHES[3] else ""), media, body
        case "list":
            return "GET", everything + r.choice(("", "?fieldSelector=spec.name%3Dabc", "?limit=1")), "", None
        case "delete" if r.random() < 0.3:
            return "DELETE", one.removesuffix("/status").removesuffix("/scale"), "", None
    return "GET", one, "", None


async def ask(server: ApiServer, method: str, target: str, media: str, body: Any, accept: str) -> Response:
    headers = [("x-test-user", "admin"), ("accept", accept)]
    if media:
        headers.append(("content-type", media))
    data = b"" if body is None else json.dumps(body).encode()
    async with asyncio.timeout(10):
        response = await server.handler(Request(method, target, Headers(headers), data))
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize("seed", [1, 2])
def test_no_request_is_a_fault_of_the_server(env: Env, seed: int) -> None:
    accepts = ("application/json", "application/json;as=Table;g=meta.k8s.io;v=v1", "application/yaml")

    async def main() -> None:
        r, codes = random.Random(seed), defaultdict[int, int](int)
        async with serving(env) as server:
            crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            made = await ask(server, "POST", crds, "application/json", definition(), accepts[0])
            assert made.status == 201
            async with asyncio.timeout(10):
                while True:
                    if server.services.registry.find("example.com", "v1", "things") is not None:
                        break
                    await asyncio.sleep(0)
            for _ in range(REQUESTS):
                what = asking(r)
                response = await ask(server, *what, r.choice(accepts))
                codes[response.status] += 1
                text = response.body.decode(errors="replace") if isinstance(response.body, bytes) else ""
                fault = "Internal error occurred" in text  # upstream has other refusals with code 500
                assert not fault, (what, text)
        for code in (200, 201, 400, 404, 422):
            assert codes[code] > 10, codes

    asyncio.run(main())

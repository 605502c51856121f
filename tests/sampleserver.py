"""An API server of another program, as small as one can be: two resources in memory, for clusters that aggregate it.

It is a handler for `wire.http.server`: it runs in the loop of the test, so that virtual time does not run away from it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from pybernetes.api.kind import Kind
from pybernetes.wire.http.messages import Request, Response

GROUP, VERSION = "sample.example.com", "v1"
ONE_BY_ONE = ("create", "delete", "get", "list", "patch", "update", "watch")
FLUNDER = Kind(GROUP, VERSION, "Flunder", "flunders", namespaced=True)
FISCHER = Kind(GROUP, VERSION, "Fischer", "fischers", namespaced=True, verbs=ONE_BY_ONE)
"""A kind that cannot be deleted as a collection."""
KINDS = {kind.plural: kind for kind in (FLUNDER, FISCHER)}
ROOT = f"/apis/{GROUP}/{VERSION}"
Key = tuple[str, str, str]
"""Plural, namespace, name."""


class SampleServer:
    """`objects` are what is stored; `asked` are the requests that came: method and path."""

    def __init__(self) -> None:
        self.objects: dict[Key, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.is_broken = False
        self._version = 0
        self._watches: dict[asyncio.Queue[Any], tuple[str, str]] = {}

    async def handle(self, request: Request) -> Response:
        self.asked.append((request.method, request.path))
        if self.is_broken:
            return Response.text(500, "broken")
        if request.path == ROOT:
            return _json(200, self._resources())
        parts = request.path.removeprefix(f"{ROOT}/").split("/")
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        if request.path == parts[0] or parts[0] not in KINDS:
            return _failure(404, "NotFound", "the server could not find the requested resource")
        kind, query = KINDS[parts[0]], parse_qs(request.raw_query)
        if parts[2:] == ["scale"]:
            return self._scale((kind.plural, namespace, parts[1]))
        if len(parts) > 1:
            return self._one(request, (kind.plural, namespace, parts[1]))
        if query.get("watch") == ["true"]:
            since = int(query.get("resourceVersion", ["0"])[0] or 0)
            return Response(200, _JSON, self._events(kind.plural, namespace, since))
        match request.method:
            case "POST":
                return self._create(kind, namespace, json.loads(request.body))
            case "DELETE" if "deletecollection" in kind.verbs:
                for key in self._found(kind.plural, namespace):
                    self._delete(key)
                return _json(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
            case "GET":
                items = [self.objects[key] for key in self._found(kind.plural, namespace)]
                head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version}
                return _json(
                    200, {**head, "metadata": {"resourceVersion": str(self._version)}, "items": items}
                )
        return _failure(405, "MethodNotAllowed", "the server does not allow this method")

    def _resources(self) -> Any:
        rows = [
            {
                "name": kind.plural,
                "singularName": kind.kind.lower(),
                "namespaced": True,
                "kind": kind.kind,
                "verbs": sorted(kind.verbs),
            }
            for kind in KINDS.values()
        ]
        scale = {"name": "flunders/scale", "singularName": "", "namespaced": True, "kind": "Scale"}
        rows.append({**scale, "group": "autoscaling", "version": "v1", "verbs": ["get", "patch", "update"]})
        head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}"}
        return {**head, "resources": rows}

    def _scale(self, key: Key) -> Response:
        if key not in self.objects:
            return _failure(404, "NotFound", f'{key[0]}.{GROUP} "{key[2]}" not found')
        obj = self.objects[key]
        metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
        head = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata}
        return _json(200, {**head, "spec": {"replicas": (obj.get("spec") or {}).get("replicas", 0)}})

    def _found(self, plural: str, namespace: str) -> list[Key]:
        return [key for key in self.objects if key[0] == plural and namespace in ("", key[1])]

    def _create(self, kind: Kind, namespace: str, given: Any) -> Response:
        key = (kind.plural, namespace, given["metadata"]["name"])
        metadata = {**given["metadata"], "namespace": namespace, "uid": f"sample-{self._version + 1}"}
        made = {**given, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
        return _json(201, self._put("ADDED", key, made))

    def _one(self, request: Request, key: Key) -> Response:
        if key not in self.objects:
            return _failure(404, "NotFound", f'{key[0]}.{GROUP} "{key[2]}" not found')
        body = json.loads(request.body) if request.body else {}
        match request.method:
            case "PATCH":
                return _json(200, self._patch(key, body))
            case "DELETE":
                wanted = (body.get("preconditions") or {}).get("uid")
                if wanted and wanted != self.objects[key]["metadata"]["uid"]:
                    return _failure(409, "Conflict", "another object has that name")
                return _json(200, self._delete(key))
        return _json(200, self.objects[key])

    def _patch(self, key: Key, patch: Any) -> Any:
        """A merge patch of the metadata: all that controllers change."""
        old = self.objects[key]
        metadata = {**old["metadata"], **patch.get("metadata", {})}
        new = {**old, "metadata": {name: value for name, value in metadata.items() if value is not None}}
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._remove(key)
        return self._put("MODIFIED", key, new)

    def _delete(self, key: Key) -> Any:
        old = self.objects[key]
        if not old["metadata"].get("finalizers"):
            return self._remove(key)
        metadata = {**old["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
        return self._put("MODIFIED", key, {**old, "metadata": metadata})

    def _put(self, change: str, key: Key, obj: Any) -> Any:
        self._version += 1
        new = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
        self.objects[key] = new
        self._tell(change, key, new)
        return new

    def _remove(self, key: Key) -> Any:
        self._version += 1
        old = self.objects.pop(key)
        gone = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self._version)}}
        self._tell("DELETED", key, gone)
        return gone

    def _tell(self, change: str, key: Key, obj: Any) -> None:
        for queue, (plural, namespace) in self._watches.items():
            if plural == key[0] and namespace in ("", key[1]):
                queue.put_nowait({"type": change, "object": obj})

    async def _events(self, plural: str, namespace: str, since: int) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for key in self._found(plural, namespace):
            obj = self.objects[key]
            if int(obj["metadata"]["resourceVersion"]) > since:
                queue.put_nowait({"type": "ADDED", "object": obj})
        self._watches[queue] = plural, namespace
        try:
            while True:
                yield json.dumps(await queue.get()).encode() + b"\n"
        finally:
            del self._watches[queue]


_JSON = (("Content-Type", "application/json"),)


def _json(status: int, tree: Any) -> Response:
    return Response(status, _JSON, json.dumps(tree).encode())


def _failure(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return _json(code, {**status, "message": message})


def objects(port: int, bundle: str) -> tuple[Any, Any]:
    """The Service and the APIService by which a cluster finds the server at a port of loopback."""
    reference = {"namespace": "kube-system", "name": "sample-api", "port": port}
    spec = {
        "group": GROUP,
        "version": VERSION,
        "service": reference,
        "caBundle": bundle,
        "groupPriorityMinimum": 1000,
        "versionPriority": 10,
    }
    external = {"type": "ExternalName", "externalName": "localhost"}
    return (
        {"metadata": {"name": "sample-api", "namespace": "kube-system"}, "spec": external},
        {"metadata": {"name": f"{VERSION}.{GROUP}"}, "spec": spec},
    )

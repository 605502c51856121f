"""What the scenarios share: requests as bytes, watching for one event, and the round that every kind's API must make."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Client, WatchEvent
from pybernetes.wire.http.messages import Headers, Request, Response

SECONDS = 60.0
"""Of virtual time: how long a scenario waits for anything before it fails."""


async def administrators_token(c: Cluster) -> str:
    """The token of a service account that may do everything."""
    account = {"metadata": {"name": "conformance", "namespace": "kube-system"}}
    await c.client.create(kinds.SERVICEACCOUNT, account)
    binding = {
        "metadata": {"name": "conformance"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "conformance", "namespace": "kube-system"}],
    }
    await c.client.create(kinds.CLUSTERROLEBINDING, binding)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"name": "conformance", "namespace": "kube-system"},
        "spec": {"expirationSeconds": 2**31},
    }
    made = await c.client.create(kinds.SERVICEACCOUNT, request, subresource="token", name="conformance")
    token: str = made["status"]["token"]
    return token


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Raw:
    """Requests to the API server as any HTTP client sends them."""

    def __init__(self, c: Cluster, token: str) -> None:
        self._c = c
        self.token = token

    async def __call__(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Told:
        """`body` is bytes, or a tree to be sent as JSON; `path` has the query."""
        sent = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        pairs = {**sent, **{name.lower(): value for name, value in (headers or {}).items()}}
        request = Request(method, path, Headers(pairs.items()), content, remote="127.0.0.1")
        answer = await self._c.parts.server.handler(request)
        assert isinstance(answer, Response)
        whole = answer.body if isinstance(answer.body, bytes) else b"".join([p async for p in _parts(answer)])
        return Told(answer.status, {name.lower(): value for name, value in answer.headers}, whole)

    async def get(self, path: str, accept: str = "application/json") -> Any:
        """The tree at a path. Fails where the answer is not 200."""
        told = await self("GET", path, headers={"accept": accept})
        assert told.status == 200, (path, told)
        return told.json()


async def _parts(answer: Response) -> AsyncIterator[bytes]:
    assert not isinstance(answer.body, bytes)
    async for chunk in answer.body:
        yield b"".join(chunk) if isinstance(chunk, list) else chunk


class Seen:
    """The events of a watch, taken one after another."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[WatchEvent] = asyncio.Queue()

    async def next(self) -> WatchEvent:
        """The next event that is no bookmark. Raises TimeoutError."""
        async with asyncio.timeout(SECONDS):
            return await self.arrived.get()

    async def until(self, type_: str, holds: Callable[[Obj], Any] = lambda _obj: True) -> Obj:
        """The object of the first event of a type for which `holds`; others are passed over."""
        while True:
            event = await self.next()
            if event.type == type_ and holds(event.object):
                return event.object

    async def nothing(self, seconds: float = 10.0) -> None:
        """Fails where an event comes within these seconds."""
        await asyncio.sleep(seconds)
        assert self.arrived.empty(), self.arrived.get_nowait()


@asynccontextmanager
async def watching(client: Client, kind: Kind, namespace: str = "", **options: Any) -> AsyncIterator[Seen]:
    """A watch while the block runs; `options` are those of `Client.watch`."""
    seen = Seen()

    async def listen(events: AsyncIterator[WatchEvent]) -> None:
        async for event in events:
            if event.type != "BOOKMARK":
                seen.arrived.put_nowait(event)

    async with client.watch(kind, namespace, **options) as events:
        listening = asyncio.create_task(listen(events))
        try:
            yield seen
        finally:
            listening.cancel()
            await asyncio.wait((listening,))


async def until(what: str, check: Callable[[], Awaitable[Any]], seconds: float = SECONDS) -> Any:
    """The first true result of a coroutine function, asked each second of virtual time."""
    last: Any = None
    for _ in range(int(seconds)):
        last = await check()
        if last:
            return last
        await asyncio.sleep(1)
    raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {last!r}")


async def gone(client: Client, kind: Kind, name: str, namespace: str = "") -> None:
    """Waits until an object is there no more."""

    async def missing() -> bool:
        try:
            await client.get(kind, name, namespace)
        except NotFound:
            return True
        return False

    await until(f"{kind.plural}/{name} is gone", missing)


async def resolved(c: Cluster, ns: str, name: str, wanted: list[str], record: str = "A") -> None:
    """Waits until a name means this; DNS follows the API by a moment."""

    async def same() -> bool:
        return list(c.resolve(name, record, namespace=ns)) == wanted

    await until(f"{name} {record} {wanted}", same)


@asynccontextmanager
async def refused(error: type[ApiError], *parts: str) -> AsyncIterator[None]:
    """What is done in the block must be refused with an error whose message has these parts."""
    with pytest.raises(error) as caught:
        yield
    for part in parts:
        assert part in caught.value.message, caught.value.message


def changed(obj: Obj, **metadata: Any) -> dict[str, Any]:
    """An object with some of its metadata's maps extended: `changed(obj, labels={"a": "b"})`."""
    old = obj["metadata"]
    new = {name: {**(old.get(name) or {}), **value} for name, value in metadata.items()}
    return {**obj, "metadata": {**old, **new}}


async def discovered(raw: Raw, kind: Kind, *names: str) -> dict[str, Any]:
    """The resources of a group and version, by name: found the way a client finds them. Fails where the group, the
    version, the kind's resource or one of `names` (`ingresses/status`) is missing."""
    [group] = [group for group in (await raw.get("/apis"))["groups"] if group["name"] == kind.group]
    versions = [version["version"] for version in group["versions"]]
    assert kind.version in versions, versions
    own = await raw.get(f"/apis/{kind.group}")
    assert kind.api_version in [version["groupVersion"] for version in own["versions"]]
    listed = await raw.get(f"/apis/{kind.group}/{kind.version}")
    assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", kind.api_version)
    resources = {resource["name"]: resource for resource in listed["resources"]}
    for name in (kind.plural, *names):
        assert name in resources, sorted(resources)
    return resources


ALL_VERBS = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}


async def api_operations(
    raw: Raw,
    client: Client,
    kind: Kind,
    make: Callable[[str], Obj],
    *,
    namespace: str = "",
    subresources: Iterable[str] = (),
) -> None:
    """The round that conformance asks of a kind: discovery, create, get, list here and everywhere, watch, patch, update,
    delete, delete a collection; and every subresource in `subresources` is discovered. `make(name)` is an object."""
    resources = await discovered(raw, kind, *(f"{kind.plural}/{name}" for name in subresources))
    assert set(resources[kind.plural]["verbs"]) == ALL_VERBS
    label = {"special-label": f"{kind.plural}-round"}
    selector = f"special-label={label['special-label']}"
    made = [await client.create(kind, changed(make(f"round-{n}"), labels=label)) for n in range(3)]
    name = made[0]["metadata"]["name"]

    got = await client.get(kind, name, namespace)
    assert got["metadata"]["uid"] == made[0]["metadata"]["uid"]
    assert len((await client.list(kind, namespace, labels=selector)).items) == 3
    everywhere = await client.list(kind, labels=selector)
    assert len(everywhere.items) == 3

    async with watching(
        client, kind, namespace, labels=selector, resource_version=everywhere.resource_version
    ) as seen:
        patch = {"metadata": {"annotations": {"patched": "true"}}}
        patched = await client.patch(kind, name, namespace, patch)
        assert patched["metadata"]["annotations"]["patched"] == "true"
        updated = await client.update(kind, changed(patched, annotations={"updated": "true"}))
        assert updated["metadata"]["annotations"].items() >= {"patched": "true", "updated": "true"}.items()
        event = await seen.until("MODIFIED", lambda obj: "updated" in obj["metadata"]["annotations"])
        assert event["metadata"]["name"] == name

        await client.delete(kind, name, namespace)
        await gone(client, kind, name, namespace)
        assert (await seen.until("DELETED"))["metadata"]["name"] == name
        assert len((await client.list(kind, namespace, labels=selector)).items) == 2
        await client.delete_collection(kind, namespace, labels=selector)

        async def emptied() -> bool:
            return not (await client.list(kind, namespace, labels=selector)).items

        await until("the collection is gone", emptied)
        assert {(await seen.until("DELETED"))["metadata"]["name"] for _ in range(2)} == {
            obj["metadata"]["name"] for obj in made[1:]
        }

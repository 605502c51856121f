"""The HTTPS transport: a `Call` as a request, an answer as a tree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import orjson

from pybernetes.api.errors import ApiError, ServiceUnavailable, error_from_status
from pybernetes.api.meta import Obj
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Reply

from .discovery import ACCEPT, Path
from .interface import METHODS, PATCH_TYPES, Call, Reaction, WatchEvent
from .kubeconfig import Access

REACTION_HEADER = "Pybernetes-Reaction"
TOKEN_FILE_SECONDS = 60.0
REQUEST_SECONDS = 60.0
LONGEST_REASON = 200  # characters; the server ignores a header of more than 2 KiB


class HttpsTransport:
    """Implements `interface.Transport` for any Kubernetes API server."""

    def __init__(self, access: Access, user_agent: str = "pybernetes") -> None:
        self._access = access
        self._http = HttpClient(
            access.server,
            tls=access.tls,
            server_hostname=access.server_name,
            headers=(("User-Agent", user_agent),),
        )
        self._documents: dict[Path, tuple[str, bytes]] = {}
        """Of discovery: its ETag and itself."""
        self._token = access.token
        self._token_read = -TOKEN_FILE_SECONDS

    async def call(self, call: Call) -> Obj:
        path, headers, body = self._request(call)
        method = METHODS[call.verb]
        tree = self._tree(method, path, (await self._send(method, path, headers, body)).body)
        return with_item_types(tree) if call.verb == "list" else tree

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        path, headers, _ = self._request(call)
        async with self._http.stream("GET", path, headers=headers, timeout=REQUEST_SECONDS) as reply:
            if reply.status >= 400:
                raise decode_error(reply.status, await reply.read())
            yield _events(reply.lines())

    async def discover(self, path: Path) -> Obj:
        """See `Transport.discover`. What has not changed is not sent again."""
        headers = [("Accept", ACCEPT), *self._credentials()]
        tag, body = self._documents.get(path, ("", b""))
        if tag:
            headers.append(("If-None-Match", tag))
        reply = await self._send("GET", path, headers)
        if reply.status != 304:
            body = reply.body
            self._documents[path] = (reply.headers.get("etag", ""), body)
        return self._tree("GET", path, body)

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Reply:
        try:
            reply = await self._http.request(
                method, path, headers=headers, body=body, timeout=REQUEST_SECONDS
            )
        except TimeoutError as error:
            raise ConnectionError(
                f"no answer from {self._access.server} within {REQUEST_SECONDS:.0f} s"
            ) from error
        if reply.status >= 400:
            raise decode_error(reply.status, reply.body)
        return reply

    def _tree(self, method: str, path: str, body: bytes) -> Obj:
        """The object in an answer. Raises ConnectionError where there is none: something in the way has answered."""
        try:
            tree: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            tree = None
        if isinstance(tree, dict):
            return tree
        where = f"{method} {path.partition('?')[0]}"
        raise ConnectionError(f"{self._access.server} answered {where} with no object: {body[:100]!r}")

    def _request(self, call: Call) -> tuple[str, list[tuple[str, str]], bytes]:
        path = call.kind.path(call.namespace, call.name, call.subresource)
        query = {**call.query, "watch": "true"} if call.verb == "watch" else call.query
        if query:
            path = f"{path}?{urlencode(query)}"
        headers = [("Accept", "application/json"), *self._credentials()]
        if call.reaction is not None:
            headers.append((REACTION_HEADER, encode_reaction(call.reaction)))
        if call.body is None:
            return path, headers, b""
        kind = PATCH_TYPES[call.patch_type] if call.patch_type else "application/json"
        headers.append(("Content-Type", kind))
        return path, headers, orjson.dumps(call.body)

    def _credentials(self) -> list[tuple[str, str]]:
        token = self._bearer()
        return [("Authorization", f"Bearer {token}")] if token else []

    def _bearer(self) -> str:
        """The token; one in a file is read anew every minute, since kubelets replace it."""
        if self._access.token_file is not None:
            now = asyncio.get_running_loop().time()
            if now - self._token_read >= TOKEN_FILE_SECONDS:
                self._token = self._access.token_file.read_text().strip()
                self._token_read = now
        return self._token


def encode_reaction(reaction: Reaction) -> str:
    """A header value that `decode_reaction` of the server reads: JSON in ASCII."""
    fields = {
        "kind": reaction.kind,
        "namespace": reaction.namespace,
        "name": reaction.name,
        "resourceVersion": reaction.resource_version,
        "reason": reaction.reason[:LONGEST_REASON],
    }
    return json.dumps(fields, separators=(",", ":"))  # the standard library escapes what is not ASCII


def decode_error(status: int, body: bytes) -> ApiError:
    """The error in a failed answer; a body that is no Status (a proxy's page) becomes its message."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        tree = None
    if isinstance(tree, dict) and tree.get("kind") == "Status":
        return error_from_status(tree)
    text = body[:500].decode(errors="replace").strip()
    if status == 503:
        return ServiceUnavailable(text or "the server is currently unable to handle the request")
    return error_from_status({"code": status, "message": text or f"the server answered {status}"})


async def _events(lines: AsyncIterator[bytes]) -> AsyncIterator[WatchEvent]:
    async for line in lines:
        try:
            event = orjson.loads(line)
            type_, obj = event["type"], event["object"]
        except (ValueError, LookupError, TypeError) as error:
            raise ConnectionError(f"no event of a watch: {line[:100]!r}") from error
        if type_ == "ERROR":
            raise error_from_status(obj)
        yield WatchEvent(type_, obj)


def with_item_types(tree: Obj) -> Obj:
    """Items of a list carry no kind on the wire of some servers; a cache needs them as single objects have them."""
    kind = str(tree.get("kind", "")).removesuffix("List")
    version = tree.get("apiVersion")
    items = tree.get("items") or []
    if items and "kind" not in items[0]:
        items = [{"kind": kind, "apiVersion": version, **item} for item in items]
    return {**tree, "items": items}

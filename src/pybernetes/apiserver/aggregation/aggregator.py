"""`Aggregator`: the other API servers of one API server: found by their APIServices, watched over, asked, merged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from pybernetes.api.errors import ApiError, ServiceUnavailable
from pybernetes.api.kinds import APISERVICE, ENDPOINTSLICE, SERVICE
from pybernetes.api.meta import MutableObj, Obj, evolve
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

from ..config import ApiServerConfig
from ..context import RequestContext
from ..histogram import heading
from ..registry import Registry
from ..replies import Reply
from ..requestinfo import RequestInfo
from ..window import Change
from . import merging
from .availability import AGGREGATOR, LARGEST, TIMEOUT, Finding, look, with_condition
from .forwarding import pass_on
from .identity import headers_of
from .peers import Peers
from .remotes import Remote, is_available, remote_of

log = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between looks at a server that is well."""
FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds between looks at one that is not."""
LOCAL = Finding("True", "Local", "Local APIServices are always available")
OPENAPI_V2, OPENAPI_V3 = "/openapi/v2", "/openapi/v3"


class Aggregator:
    """`own` is the way of the server's own requests. Close it after `run` has ended."""

    def __init__(self, registry: Registry, env: Env, config: ApiServerConfig, own: Transport) -> None:
        self._registry = registry
        self._env = env
        self._own = own
        self._peers = Peers(registry, env, config)
        self.remotes: dict[tuple[str, str], Remote] = {}
        """By group and version; empty where nobody is aggregated, which is how requests notice at no cost."""
        self.generation = 0
        """Goes up when OpenAPI documents of others have changed."""
        self._priorities: dict[str, int] = {}
        self._resources: dict[str, list[MutableObj]] = {}
        self._specs: dict[str, Obj] = {}
        self._tags: dict[str, str] = {}
        self._schemas: dict[str, str] = {}
        """By the name of the APIService: the address of its OpenAPI v3 document."""
        self._unavailable: Counter[tuple[str, str]] = Counter()
        self._due: dict[str, float] = {}
        self._retries: dict[str, float] = {}
        self._looking_at: set[str] = set()
        self._wake = asyncio.Event()
        if APISERVICE in registry.kinds:
            registry.cache(APISERVICE).observers.append(self._service_changed)
            for kind in (SERVICE, ENDPOINTSLICE):
                registry.cache(kind).observers.append(self._endpoint_changed)

    # ---- requests

    def find(self, info: RequestInfo) -> Remote | None:
        """Who serves what a request is about."""
        if info.is_resource:
            return self.remotes.get((info.group, info.version))
        parts = info.path.strip("/").split("/")
        if parts[:2] == ["openapi", "v3"]:
            parts = parts[2:]
        if len(parts) < 3 or parts[0] != "apis":
            return None
        return self.remotes.get((parts[1], parts[2]))

    async def forward(self, ctx: RequestContext, remote: Remote) -> Reply:
        """Passes a request on. Raises ApiError only to callers in this process."""
        return await pass_on(ctx, remote, self._peers)

    # ---- documents

    def groups(self, document: Obj) -> Obj:
        """`/apis` with the others' groups."""
        return merging.groups(document, self.remotes.values(), self._priorities)

    def group(self, document: Obj | None, name: str) -> Obj | None:
        """`/apis/{name}` with the others' versions."""
        return merging.group(document, name, self.remotes.values())

    def aggregated(self, document: Obj) -> Obj:
        """Aggregated discovery with the others' resources."""
        return merging.aggregated(document, self.remotes.values(), self._priorities, self._resources)

    def openapi_v2(self, document: Obj) -> Obj:
        """`/openapi/v2` with the others' paths and definitions."""
        others = [(r, self._specs[r.name]) for r in self.remotes.values() if r.name in self._specs]
        return merging.openapi_v2(document, others) if others else document

    def openapi_v3(self, paths: MutableObj) -> MutableObj:
        """The index of `/openapi/v3` with the others' documents."""
        for remote in self.remotes.values():
            if (url := self._schemas.get(remote.name)) is not None:
                paths[remote.path[1:]] = {"serverRelativeURL": url}
        return paths

    def metric_lines(self) -> Iterator[str]:
        """Of the servers that are away."""
        if not self.remotes and not self._unavailable:
            return
        name = "aggregator_unavailable_apiservice"
        yield from heading(name, "gauge", "Gauge of APIServices which are marked as unavailable.")
        for remote in self.remotes.values():
            yield f'{name}{{name="{remote.name}"}} {0 if remote.available else 1}'
        name = "aggregator_unavailable_apiservice_total"
        yield from heading(name, "counter", "Counter of APIServices which are marked as unavailable.")
        for (service, reason), count in self._unavailable.items():
            yield f'{name}{{name="{service}",reason="{reason}"}} {count}'

    # ---- what changes

    def _service_changed(self, change: Change) -> None:
        if change.new is None:
            assert change.old is not None
            self._forget(change.old.name)
        else:
            tree = change.new.tree()
            spec = tree.get("spec") or {}
            group = spec.get("group") or ""
            self._priorities[group] = max(
                self._priorities.get(group, 0), int(spec.get("groupPriorityMinimum") or 0)
            )
            remote = remote_of(tree)
            if remote is None:
                self._forget(change.new.name)
                if not is_available(tree):
                    self._look_at(change.new.name)  # served elsewhere until now
                return
            before = self.remotes.get((remote.group, remote.version))
            self.remotes[remote.group, remote.version] = remote
            if before is None or _asked_of(before) != _asked_of(remote):
                self._look_at(remote.name)

    def _forget(self, name: str) -> None:
        for key in [key for key, remote in self.remotes.items() if remote.name == name]:
            del self.remotes[key]
            self.generation += 1
        for told in (self._resources, self._specs, self._tags, self._schemas, self._due, self._retries):
            told.pop(name, None)

    def _endpoint_changed(self, change: Change) -> None:
        if not self.remotes:
            return
        version = change.new or change.old
        assert version is not None
        name = version.labels.get("kubernetes.io/service-name", version.name)
        for remote in self.remotes.values():
            if (remote.namespace, remote.service) == (version.namespace, name):
                self._look_at(remote.name)

    def _look_at(self, name: str) -> None:
        self._due[name] = 0.0
        self._retries.pop(name, None)
        self._wake.set()

    # ---- watching over them

    async def run(self) -> None:
        """Keeps conditions and documents up to date, until cancelled. A server that does not answer keeps nobody from
        looking at the others."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                now = loop.time()
                free = {name: due for name, due in self._due.items() if name not in self._looking_at}
                for name in [name for name, due in free.items() if due <= now]:
                    free[name] = self._due[name] = now + INTERVAL
                    self._looking_at.add(name)
                    group.create_task(self._guarded(name))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(free.values()) - now if free else None):
                        await self._wake.wait()

    async def _guarded(self, name: str) -> None:
        try:
            await self._check(name)
        except ApiError as error:
            log.warning("APIService %s: %s", name, error)
            self._again(name)
        except Exception:
            log.exception("APIService %s", name)
            self._again(name)
        finally:
            self._looking_at.discard(name)
            self._wake.set()

    def _again(self, name: str) -> None:
        wait = min(self._retries.get(name, FIRST_RETRY / 2) * 2, LAST_RETRY)
        self._retries[name] = wait
        self._due[name] = asyncio.get_running_loop().time() + wait

    async def _check(self, name: str) -> None:
        version = self._registry.cache(APISERVICE).get("", name)
        remote = remote_of(version.tree()) if version is not None else None
        if version is None or remote is None:
            self._forget(name)
            await self._tell(name, LOCAL)
            return
        found = await look(remote, self._registry, self._peers)
        if found.status == "True":
            self._retries.pop(name, None)
            try:
                self._resources[name] = merging.discovered(found.resources, remote)
            except ValueError as error:
                found = Finding("False", "FailedDiscoveryCheck", str(error))
        await self._tell(name, found)
        if found.status != "True":
            self._again(name)
            return
        await self._read_schemas(remote)

    async def _tell(self, name: str, found: Finding) -> None:
        version = self._registry.cache(APISERVICE).get("", name)
        if version is None:
            return
        tree = version.tree()
        status = with_condition(tree, found, self._env.now())
        if status is None:
            return
        if found.status != "True":
            self._unavailable[name, found.reason] += 1
        body = evolve(tree, "status", status)
        await self._own.call(Call("update", APISERVICE, name=name, subresource="status", body=body))

    async def _read_schemas(self, remote: Remote) -> None:
        """What a server tells of its types; one that tells nothing is none the worse."""
        index = await self._get(remote, OPENAPI_V3)
        paths = index.get("paths") if isinstance(index, dict) else None
        entry = (paths or {}).get(remote.path[1:])
        if isinstance(entry, dict) and isinstance(entry.get("serverRelativeURL"), str):
            self._schemas[remote.name] = entry["serverRelativeURL"]
        else:
            self._schemas.pop(remote.name, None)
        spec = await self._get(remote, OPENAPI_V2, self._tags)
        if isinstance(spec, dict) and spec != self._specs.get(remote.name):
            self._specs[remote.name] = spec
            self.generation += 1

    async def _get(self, remote: Remote, path: str, tags: dict[str, str] | None = None) -> Any:
        headers = [*headers_of(AGGREGATOR), ("Accept", "application/json")]
        if tags is not None and remote.name in tags:
            headers.append(("If-None-Match", tags[remote.name]))
        try:
            url = self._peers.base(remote) + path
            reply = await self._peers.client(remote).request(
                "GET", url, headers=headers, timeout=TIMEOUT, limit=LARGEST
            )
            if reply.status != 200:
                return None
            if tags is not None and "etag" in reply.headers:
                tags[remote.name] = reply.headers["etag"]
            return orjson.loads(reply.body)
        except (OSError, TimeoutError, ValueError, ServiceUnavailable) as error:
            log.info("%s of APIService %s: %s", path, remote.name, error)
            return None

    def use(self, config: ApiServerConfig) -> None:
        """Shows the certificate of `config` from now on."""
        self._peers.config = config

    async def close(self) -> None:
        await self._peers.close()


def _asked_of(remote: Remote) -> tuple[object, ...]:
    """What a new look is worth for."""
    return (remote.namespace, remote.service, remote.port, remote.ca_bundle, remote.insecure)

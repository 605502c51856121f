"""What a story is told from, inside the process: the ledger itself, the store's history, the scheduler's decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.apiserver.ledger import Entry
from pybernetes.apiserver.ledgerview import changes_of
from pybernetes.client.interface import Client

from .composition import Composition
from .keptdecision import decision_of
from .past import Past


class LocalReader:
    """Implements `storyreading.Reader`."""

    def __init__(self, parts: Composition, client: Client) -> None:
        self.client = client
        self.domain = parts.config.cluster_domain
        self._parts = parts
        self._services = parts.server.services
        self.kinds: Sequence[Kind] = tuple(resource.kind for resource in self._services.registry)

    async def ledger(self, namespace: str) -> Sequence[Entry]:
        return [
            entry for entry in self._services.ledger if not namespace or entry.namespace in ("", namespace)
        ]

    async def changes(self, entries: Sequence[Entry]) -> Mapping[int, Sequence[str]]:
        return {entry.revision: await changes_of(self._services, entry) for entry in entries}

    async def decision(self, namespace: str, pod: str) -> Mapping[str, Any] | None:
        return decision_of(self._parts.scheduler, namespace, pod)

    async def listed(self, kind: Kind, namespace: str, revision: int) -> Sequence[Obj]:
        past = Past(self._services.store, self._services.registry, revision, namespace)
        return await past.list(kind.plural, namespace=namespace)

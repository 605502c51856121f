"""`pyber story` and `pyber why`: the story of an object of a cluster that runs elsewhere, over its API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.kinds import KINDS, SERVICE
from pybernetes.apiserver.ledger import Entry
from pybernetes.apiserver.ledgerview import MOST_REVISIONS, PATH, entry_of
from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.https import HttpsTransport, decode_error
from pybernetes.client.kubeconfig import Access
from pybernetes.wire.http.client import HttpClient

from .naming import Target, UnknownKind, find_target
from .story import Story, pod_labels, select, services_of, tell
from .why import why

NO_LEDGER = "(this API server keeps no ledger, or does not let you read it: only the present state is told)"


class Asker:
    """Reads objects and the ledger with one access."""

    def __init__(self, access: Access) -> None:
        self.client = ApiClient(HttpsTransport(access, "pyber"))
        headers = (("Authorization", f"Bearer {access.token}"),) if access.token else ()
        self._http = HttpClient(
            access.server, tls=access.tls, server_hostname=access.server_name, headers=headers
        )

    async def ledger(self, namespace: str) -> list[Entry] | None:
        """The entries of a namespace (and of what is in none); None where they cannot be had."""
        try:
            return [entry_of(tree) for tree in await self._get({"namespace": namespace} if namespace else {})]
        except ApiError:
            return None

    async def changes(self, revisions: list[int]) -> dict[int, list[str]]:
        """What these writes changed, as far as it is known."""
        found: dict[int, list[str]] = {}
        for first in range(0, len(revisions), MOST_REVISIONS):
            words = ",".join(map(str, revisions[first : first + MOST_REVISIONS]))
            found.update({int(n): told for n, told in (await self._get({"revisions": words})).items()})
        return found

    async def close(self) -> None:
        await self.client.close()
        await self._http.close()

    async def _get(self, query: dict[str, str]) -> Any:
        reply = await self._http.request("GET", f"{PATH}?{urlencode(query)}", timeout=30)
        if reply.status != 200:
            raise decode_error(reply.status, reply.body)
        return orjson.loads(reply.body)


async def story_of(asker: Asker, target: Target) -> Story | None:
    """None where there is no ledger."""
    entries = await asker.ledger(target.namespace)
    if entries is None:
        return None
    kind = target.kind
    about = [(kind.group, kind.plural, target.namespace, target.name)]
    try:
        labels = pod_labels(await asker.client.get(kind, target.name, target.namespace))
    except NotFound:
        labels = {}
    if labels:
        about += services_of((await asker.client.list(SERVICE, target.namespace)).items, labels)
    found = select(entries, about, KINDS)
    return tell(found, await asker.changes([entry.revision for entry in found if entry.revision]))


def ask_story(what: str, namespace: str, path: Path | None, output: str) -> int:
    """Prints a story; the exit code."""

    async def main(asker: Asker, target: Target) -> int:
        story = await story_of(asker, target)
        if story is None:
            print(NO_LEDGER)
            return 1
        print(json.dumps(story.as_json(), indent=2) if output == "json" else story or "nothing is remembered")
        return 0 if story else 1

    return _ask(what, namespace, path, main)


def ask_why(what: str, namespace: str, path: Path | None, output: str) -> int:
    """Prints why; the exit code."""

    async def main(asker: Asker, target: Target) -> int:
        entries = await asker.ledger(target.namespace)
        told = await why(asker.client, target, entries or ())
        if output == "json":
            print(json.dumps({"object": str(target), "namespace": target.namespace, "why": told}, indent=2))
        else:
            print("\n".join([*told, *([NO_LEDGER] if entries is None else [])]))
        return 0

    return _ask(what, namespace, path, main)


def _ask(
    what: str, namespace: str, path: Path | None, main: Callable[[Asker, Target], Awaitable[int]]
) -> int:
    async def run() -> int:
        access = kubeconfig.load(path or _default_kubeconfig())
        target = find_target(KINDS, what, namespace or access.namespace)
        if not target.name:
            raise SystemExit(f"pyber: {what}: name an object: KIND/NAME")
        asker = Asker(access)
        try:
            return await main(asker, target)
        finally:
            await asker.close()

    try:
        return asyncio.run(run())
    except (ApiError, OSError, kubeconfig.BadKubeconfig, UnknownKind) as error:
        raise SystemExit(f"pyber: {error}") from error


def _default_kubeconfig() -> Path:
    """`$KUBECONFIG` (its first file), else `~/.kube/config`."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"

"""`pyber story` and `pyber why`: the story of an object of a cluster that runs elsewhere, over its API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS
from pybernetes.api.meta import Obj
from pybernetes.apiserver.ledger import Entry
from pybernetes.apiserver.ledgerview import MOST_REVISIONS, PATH, entry_of
from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.https import HttpsTransport, decode_error
from pybernetes.client.interface import Call, Client
from pybernetes.client.kubeconfig import Access
from pybernetes.wire.http.client import HttpClient

from .discovered import discovered
from .naming import Target, UnknownKind, find_target
from .storyreading import read_story
from .why import why
from .whyplaced import decided, decision_about

NO_LEDGER = "(this API server keeps no ledger, or does not let you read it: only the present state is told)"

NOTHING = "nothing is remembered of it"


class Asker:
    """Reads objects and the ledger with one access; implements `storyreading.Reader`. `kinds` are those that are built
    in until `discover` has been awaited."""

    domain = "cluster.local"

    def __init__(self, access: Access) -> None:
        self._transport = HttpsTransport(access, "pyber")
        self.client: Client = ApiClient(self._transport)
        self.kinds: Sequence[Kind] = KINDS
        headers = (("Authorization", f"Bearer {access.token}"),) if access.token else ()
        self._http = HttpClient(
            access.server, tls=access.tls, server_hostname=access.server_name, headers=headers
        )

    async def target(self, what: str, namespace: str) -> Target:
        """What `kind/name` stands for; the cluster's discovery is asked for kinds that are not built in. Raises
        UnknownKind, ApiError."""
        try:
            return find_target(KINDS, what, namespace)
        except UnknownKind:
            await self.discover()
            return find_target(self.kinds, what, namespace)

    async def discover(self) -> None:
        """Learns the kinds of the cluster. Raises ApiError."""
        self.kinds = await discovered(self._get)

    async def ledger(self, namespace: str) -> list[Entry] | None:
        """The entries of a namespace (and of what is in none); None where they cannot be had."""
        try:
            query = {"namespace": namespace} if namespace else {}
            return [entry_of(tree) for tree in await self._ask_ledger(query)]
        except ApiError:
            return None

    async def changes(self, entries: Sequence[Entry]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        revisions = [entry.revision for entry in entries]
        for first in range(0, len(revisions), MOST_REVISIONS):
            words = ",".join(map(str, revisions[first : first + MOST_REVISIONS]))
            answer = await self._ask_ledger({"revisions": words})
            found.update({int(n): told for n, told in answer.items()})
        return found

    async def decision(self, namespace: str, pod: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._ask_ledger({"decision": f"{namespace}/{pod}"})
        return found

    async def listed(self, kind: Kind, namespace: str, revision: int) -> Sequence[Obj]:
        query = {"resourceVersion": str(revision), "resourceVersionMatch": "Exact"}
        page = await self._transport.call(Call("list", kind, namespace, query=query))
        return page.get("items") or []

    async def close(self) -> None:
        await self._transport.close()
        await self._http.close()

    async def _ask_ledger(self, query: dict[str, str]) -> Any:
        return await self._get(f"{PATH}?{urlencode(query)}")

    async def _get(self, path: str) -> Any:
        reply = await self._http.request("GET", path, timeout=30)
        if reply.status != 200:
            raise decode_error(reply.status, reply.body)
        return orjson.loads(reply.body)


def ask_story(what: str, namespace: str, path: Path | None, output: str) -> int:
    """Prints a story; the exit code."""

    async def main(asker: Asker, target: Target) -> int:
        if asker.kinds is KINDS:
            await asker.discover()  # its children may be of any kind
        story = await read_story(asker, target)
        if story is None:
            print(NO_LEDGER)
            return 1
        print(json.dumps(story.as_json(), indent=2) if output == "json" else story or NOTHING)
        return 0 if story else 1

    return _ask(what, namespace, path, main)


def ask_why(what: str, namespace: str, path: Path | None, output: str, scheduler: str = "") -> int:
    """Prints why; the exit code. `scheduler`: the URL of a kube-scheduler that runs alone, to be asked about a pod."""

    async def main(asker: Asker, target: Target) -> int:
        entries = await asker.ledger(target.namespace)
        told = await why(asker, target, entries or ())
        decision = await decision_about(asker, target, scheduler, path or _default_kubeconfig())
        if decision is not None and (scheduler or decision.get("node") is not None):
            told = [*told, *decided(decision)]
        if output == "json":
            answer = {"object": str(target), "namespace": target.namespace, "why": told}
            print(json.dumps(answer | ({"decision": decision} if decision else {}), indent=2))
        else:
            print("\n".join([*told, *([NO_LEDGER] if entries is None else [])]))
        return 0

    return _ask(what, namespace, path, main)


def _ask(
    what: str, namespace: str, path: Path | None, main: Callable[[Asker, Target], Awaitable[int]]
) -> int:
    async def run() -> int:
        access = kubeconfig.load(path or _default_kubeconfig())
        asker = Asker(access)
        try:
            target = await asker.target(what, namespace or access.namespace)
            if not target.name:
                raise SystemExit(f"pyber: {what}: name an object: KIND/NAME")
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

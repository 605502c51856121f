"""The ledger over HTTP, at `/debug/pybernetes/ledger`: what `pyber story` and `pyber why` read of a running cluster.

RBAC sees a `get` of that path, so that administrators may and others may be let. Query: `namespace`, `since` (Unix
seconds); or `revisions=12,13`: what these writes changed, as far as the store still remembers; or
`decision=NAMESPACE/POD`: what the scheduler beside this server decided about a pod, node by node (null: not known).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from pybernetes.api.meta import Obj
from pybernetes.store.types import StoreError
from pybernetes.wire.http.messages import Response

from .context import RequestContext
from .differences import differences
from .ledger import Admitted, Entry
from .services import Services

PATH = "/debug/pybernetes/ledger"
MOST_REVISIONS, MOST_CHANGES = 500, 12


async def serve(ctx: RequestContext) -> Response:
    """The entries as JSON, or what some revisions changed."""
    services, query = ctx.services, ctx.query
    if pod := query.get("decision"):
        namespace, _, name = pod.partition("/")
        answer: Any = services.decision(namespace, name) if services.decision is not None else None
    elif wanted := query.get("revisions"):
        revisions = [int(word) for word in wanted.split(",")[:MOST_REVISIONS] if word.isdigit()]
        answer = {str(n): await changes_at(services, n) for n in revisions}
    else:
        namespace, since = query.get("namespace", ""), float(query.get("since") or 0)
        answer = [
            _tree(entry)
            for entry in services.ledger
            if entry.time >= since and (not namespace or entry.namespace in ("", namespace))
        ]
    return Response(200, (("Content-Type", "application/json"),), orjson.dumps(answer))


async def changes_at(services: Services, revision: int) -> list[str]:
    """What the write of a revision changed, in words; [] where that is not known (any more)."""
    entry = services.ledger.at_revision(revision)
    return await changes_of(services, entry) if entry is not None else []


async def changes_of(services: Services, entry: Entry) -> list[str]:
    cache = next(
        (
            r.cache
            for r in services.registry
            if (r.kind.group, r.kind.plural) == (entry.group, entry.resource)
        ),
        None,
    )
    if cache is None or not entry.revision:
        return []
    key = cache.key(entry.namespace, entry.name)
    try:
        after = (await services.store.range(key, revision=entry.revision)).kvs
        before = (await services.store.range(key, revision=entry.revision - 1)).kvs
    except StoreError:
        return []
    if not after or not before:
        return []
    return [*differences(orjson.loads(before[0].value), orjson.loads(after[0].value))][:MOST_CHANGES]


def _tree(entry: Entry) -> Obj:
    return {
        **entry._asdict(),
        "reaction": asdict(entry.reaction) if entry.reaction is not None else None,
        "admitted": entry.admitted.told() if entry.admitted is not None else None,
    }


def entry_of(tree: Obj) -> Entry:
    """The entry that `serve` has written."""
    from pybernetes.client.interface import Reaction

    reaction, admitted = tree.get("reaction"), tree.get("admitted")
    fields = {
        **tree,
        "reaction": Reaction(**reaction) if reaction else None,
        "verdicts": tuple(tree.get("verdicts") or ()),
        "admitted": Admitted(told=admitted) if admitted else None,
    }
    return Entry(**fields)

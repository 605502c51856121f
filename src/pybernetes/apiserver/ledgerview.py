"""The ledger over HTTP, at `/debug/pybernetes/ledger`: what `pyber story` and `pyber why` read of a running cluster.

RBAC sees a `get` of that path, so that administrators may and others may be let. Query: `namespace`, `since` (Unix
seconds); or `revisions=12,13`: what these writes changed, as far as the store still remembers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from pybernetes.api.meta import Obj
from pybernetes.store.types import StoreError
from pybernetes.wire.http.messages import Response

from .context import RequestContext
from .ledger import Entry
from .services import Services

PATH = "/debug/pybernetes/ledger"
MOST_REVISIONS, MOST_CHANGES = 500, 12
NOT_TOLD = ("managedFields", "resourceVersion", "generation", "lastHeartbeatTime", "lastUpdateTime")


async def serve(ctx: RequestContext) -> Response:
    """The entries as JSON, or what some revisions changed."""
    services, query = ctx.services, ctx.query
    if wanted := query.get("revisions"):
        revisions = [int(word) for word in wanted.split(",")[:MOST_REVISIONS] if word.isdigit()]
        answer: Any = {str(n): await changes_at(services, n) for n in revisions}
    else:
        namespace, since = query.get("namespace", ""), float(query.get("since") or 0)
        answer = [
            asdict(entry)
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


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """`status.phase: Pending → Running`, one for each leaf that differs; conditions by their type."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            if name not in NOT_TOLD:
                yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif _are_conditions(before) and _are_conditions(after):
        old = {entry["type"]: entry for entry in before or ()}
        for entry in after or ():
            was, now = old.get(entry["type"], {}).get("status", "none"), entry["status"]
            if was != now:
                yield f"condition {entry['type']}: {was} → {now}"
    elif before != after:
        yield f"{path}: {_short(before)} → {_short(after)}"


def _are_conditions(tree: Any) -> bool:
    return tree is None or (
        isinstance(tree, list)
        and all(isinstance(e, Mapping) and {"type", "status"} <= e.keys() for e in tree)
    )


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"


def entry_of(tree: Obj) -> Entry:
    """The entry that `serve` has written."""
    from pybernetes.client.interface import Reaction

    reaction = tree.get("reaction")
    fields = {**tree, "reaction": Reaction(**reaction) if reaction else None}
    return Entry(**{**fields, "verdicts": tuple(tree.get("verdicts") or ())})

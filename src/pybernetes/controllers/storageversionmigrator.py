"""storage-version-migrator-controller: every object of a resource is written again, so that it is stored as of today.

The objects are gone through in pages; where it has come to is only remembered in the process, so a new one begins again,
which costs time and nothing else: what is stored as of today already is not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.errors import Expired, MethodNotAllowed, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.api.storagemigration.storageversionmigration import FAILED, RUNNING, SUCCEEDED
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Batch, Patch, Plan, Steps, Update
from pybernetes.controllers import kindlookup
from pybernetes.lang.timestamps import rfc3339

PAGE = 500
REASONS = {kind: f"StorageVersionMigration{kind}" for kind in (SUCCEEDED, FAILED)}
IN_PROGRESS = "StorageVersionMigrationInProgress"


@dataclass(frozen=True, slots=True)
class Seen:
    """A migration, the kind it is about (None: there is none), and the next page of its objects. `memory` is the token
    of that page."""

    migration: Obj
    kind: Kind | None
    memory: str | None = None
    page: Sequence[Obj] = ()
    next_page: str = ""
    revision: str = ""
    problem: str = field(default="")


def observe(key: str, caches: Caches) -> Seen | None:
    migration = caches.get(kinds.STORAGEVERSIONMIGRATION, key)
    if migration is None or is_deleting(migration):
        return None
    resource = dig(migration, "spec", "resource") or {}
    kind = kindlookup.by_group_resource(resource.get("group", ""), resource.get("resource", ""), caches)
    return Seen(migration, kind)


async def ask(seen: Seen, client: Client) -> Seen:
    """The page that is due. A token that has become too old begins from the start."""
    if seen.kind is None or _is(seen.migration, SUCCEEDED) or _is(seen.migration, FAILED):
        return seen
    if "list" not in seen.kind.verbs or "patch" not in seen.kind.verbs:
        return replace(seen, problem="resource does not support listing and patching")
    try:
        found = await client.list(seen.kind, limit=PAGE, continue_token=seen.memory or "")
    except Expired:
        found = await client.list(seen.kind, limit=PAGE)
    except (NotFound, MethodNotAllowed) as error:
        return replace(seen, problem=str(error))
    return replace(seen, page=found.items, next_page=found.continue_token, revision=found.resource_version)


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    migration, steps = seen.migration, Steps()
    if _is(migration, SUCCEEDED) or _is(migration, FAILED):
        return Plan.nothing("over")
    if seen.kind is None:
        return _end(steps, migration, FAILED, "resource does not exist, so it cannot be migrated", now)
    if seen.problem:
        return _end(steps, migration, FAILED, seen.problem, now)
    if not _is(migration, RUNNING):
        status = {**(migration.get("status") or {}), "resourceVersion": seen.revision}
        status["conditions"] = _conditions(migration, RUNNING, IN_PROGRESS, "", now)
        steps.add(_update(migration, status, "it begins"))
        steps.look_again(0.0)
        return steps.plan("beginning")
    steps.add(Batch(tuple(_rewrite(seen.kind, obj) for obj in seen.page)))
    if not seen.next_page:
        return _end(steps, migration, SUCCEEDED, "", now)
    steps.memory = seen.next_page
    steps.look_again(0.0)
    return steps.plan(f"{len(seen.page)} objects")


def _rewrite(kind: Kind, obj: Obj) -> Patch:
    """Changes nothing, so the server writes only what it would store differently now. One that is gone needs nothing."""
    metadata = {"uid": uid_of(obj)}
    return Patch(kind, namespace_of(obj), name_of(obj), {"metadata": metadata}, "to be stored as of today")


def _end(steps: Steps, migration: Obj, kind: str, message: str, now: float) -> Plan:
    conditions = _conditions(migration, kind, REASONS[kind], message, now)
    status: dict[str, Any] = {**(migration.get("status") or {}), "conditions": conditions}
    steps.add(_update(migration, status, message or kind))
    return steps.plan(message or kind)


def _update(migration: Obj, status: Mapping[str, Any], why: str) -> Update:
    return Update(kinds.STORAGEVERSIONMIGRATION, {**migration, "status": status}, why, "status")


def _conditions(migration: Obj, kind: str, reason: str, message: str, now: float) -> list[dict[str, Any]]:
    """The conditions with one that has become true; with the end it does not run any more."""

    def condition(name: str, status: str) -> dict[str, Any]:
        return {
            "type": name,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": rfc3339(now),
        }

    rest = [
        each for each in dig(migration, "status", "conditions") or () if each["type"] not in (kind, RUNNING)
    ]
    if kind == RUNNING:
        return [*rest, condition(RUNNING, "True")]
    return [*rest, condition(RUNNING, "False"), condition(kind, "True")]


def _is(migration: Obj, kind: str) -> bool:
    conditions = dig(migration, "status", "conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


CONTROLLER = ControllerDef(
    "storage-version-migrator-controller",
    watches=(itself(kinds.STORAGEVERSIONMIGRATION),),
    observe=observe,
    plan=plan,
    account="storage-version-migrator-controller",
    workers=1,
    reads=(kinds.CUSTOMRESOURCEDEFINITION,),
    ask=ask,
    remembers=True,
)

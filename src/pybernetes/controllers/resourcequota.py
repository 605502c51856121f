"""resourcequota-controller: recounts what quotas are used for. Admission counts what comes; this counts again what is
there when something has gone, when a quota is new or changed, and every five minutes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of
from pybernetes.api.podspec.resized import STATUSES
from pybernetes.api.quota import amounts, scopes
from pybernetes.api.quota.usage import concerns, usage_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Plan, Update
from pybernetes.controllers.pods import is_finished
from pybernetes.lang.quantity import Quantity

log = logging.getLogger("controller")

RESYNC_SECONDS = 300.0
ASKED_SECONDS = 10.0
"""How often objects of kinds that are in no cache are counted again."""
PAUSE_SECONDS = 1.0
"""Between two counts of one quota: when thousands of objects go, they are not all counted again for each."""
PAGE = 500
NEEDED = {"create", "delete", "list", "watch"}
"""Verbs of a kind whose objects are counted."""
ALWAYS = ("pods", "services", "persistentvolumeclaims")
"""Kinds of which an object may come to take less while it stays; of pods only those changes come here that matter."""


def counted_kinds() -> tuple[Kind, ...]:
    """Every stored kind that lives in namespaces, once each; Events are not counted, as upstream."""
    found: dict[str, Kind] = {}
    for kind in kinds.KINDS:
        if kind.namespaced and {"list", "watch", "delete"} <= {*kind.verbs} and kind.kind != "Event":
            found.setdefault(kind.storage_prefix or kind.group_resource, kind)
    return tuple(found.values())


COUNTED = counted_kinds()


@dataclass(frozen=True, slots=True)
class Seen:
    """A quota, the objects of its namespace by the kinds it is about, and resources (`widgets.example.org`) whose
    objects have to be asked for. `memory` is when it was counted last."""

    quota: Obj
    objects: Mapping[Kind, Sequence[Obj]]
    asked: tuple[str, ...] = ()
    memory: float | None = field(default=None)


def observe(key: str, caches: Caches) -> Seen | None:
    quota = caches.get(kinds.RESOURCEQUOTA, key)
    if quota is None:
        return None
    hard, namespace = hard_of(quota), namespace_of(quota)
    about = [kind for kind in COUNTED if any(concerns(kind, resource) for resource in hard)]
    return Seen(quota, {kind: caches.list(kind, namespace) for kind in about}, _foreign(hard, about))


def _foreign(hard: Mapping[str, str], about: Sequence[Kind]) -> tuple[str, ...]:
    """Resources that are counted by name and not built in."""
    known = {kind.group_resource for kind in (*kinds.KINDS, *about)}
    names = {resource.removeprefix("count/") for resource in hard if resource.startswith("count/")} - known
    return tuple(sorted(names))


async def with_foreign(seen: Seen, client: Client) -> Seen:
    """Adds the objects of kinds that are in no cache: of CustomResourceDefinitions and of other API servers. One that
    cannot be asked now is left out. Raises ApiError, ConnectionError."""
    if not seen.asked:
        return seen
    objects, served = dict(seen.objects), (await client.discover()).preferred()
    for name in seen.asked:
        plural, _, group = name.partition(".")
        kind = served.get((group, plural))
        if kind is None or not kind.namespaced or not {*kind.verbs} >= NEEDED:
            continue
        try:
            objects[kind] = await _listed(kind, namespace_of(seen.quota), client)
        except ApiError as error:
            log.info("resourcequota-controller: %s cannot be counted: %s", name, error)
    return replace(seen, objects=objects)


async def _listed(kind: Kind, namespace: str, client: Client) -> list[Obj]:
    items: list[Obj] = []
    token = ""
    while True:
        page = await client.list(kind, namespace, limit=PAGE, continue_token=token)
        items += page.items
        token = page.continue_token
        if not token:
            return items


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    quota = seen.quota
    before = quota.get("status") or {}
    hard = hard_of(quota)
    unchanged = before.get("hard") == hard
    if unchanged and seen.memory is not None and 0 <= now - seen.memory < PAUSE_SECONDS:
        left = PAUSE_SECONDS - (now - seen.memory)
        return Plan((), left, "counted a moment ago", seen.memory)
    used = {**_last_known(quota), **count(quota, seen.objects, now)}
    after = ASKED_SECONDS if seen.asked else RESYNC_SECONDS
    if unchanged and _same(used, amounts.read(before.get("used"))):
        return Plan((), after, "as it was", now)
    status = {"hard": hard, "used": amounts.written(used)}
    update = Update(kinds.RESOURCEQUOTA, {**quota, "status": status}, "counted again", "status")
    return Plan((update,), after, f"{name_of(quota)} is used for {amounts.shown(used)}", now)


def hard_of(quota: Obj) -> dict[str, str]:
    return dict((quota.get("spec") or {}).get("hard") or {})


def _last_known(quota: Obj) -> dict[str, Quantity]:
    """What the status says of resources that are limited still: it holds for what cannot be counted now."""
    used, hard = amounts.read((quota.get("status") or {}).get("used")), hard_of(quota)
    return {name: each for name, each in used.items() if name in hard}


def count(quota: Obj, objects: Mapping[Kind, Sequence[Obj]], now: float) -> dict[str, Quantity]:
    """How much of each limited resource the objects take; nothing for a resource that nobody counts."""
    hard, limits = hard_of(quota), scopes.selectors(quota.get("spec") or {})
    used: dict[str, Quantity] = {}
    for kind, found in objects.items():
        names = [resource for resource in hard if concerns(kind, resource)]
        taken = amounts.total(
            usage_of(kind, obj, now)
            for obj in found
            if all(scopes.matches(kind, limit, obj) for limit in limits)
        )
        used.update({name: taken.get(name, amounts.NOTHING) for name in names})
    return used


def _same(one: amounts.Amounts, other: amounts.Amounts) -> bool:
    return {name: each.nano for name, each in one.items()} == {
        name: each.nano for name, each in other.items()
    }


def _freed(kind: Kind, obj: Obj, caches: Caches) -> Iterable[str]:
    """The quotas of the namespace of an object that takes less than before: it is gone, or a pod that has ended."""
    quotas = caches.list(kinds.RESOURCEQUOTA, namespace_of(obj))
    if not quotas:
        return ()
    concerned = kind.plural in ALWAYS or caches.get(kind, key_of(obj)) is None
    return [key_of(q) for q in quotas if any(concerns(kind, r) for r in hard_of(q))] if concerned else ()


def pod_frees(old: Obj | None, new: Obj | None) -> bool:
    """Whether a pod takes less than before: it is gone, has ended, begins to go, or has been made smaller."""
    if new is None or old is None:
        return new is None
    if is_finished(new) != is_finished(old) or is_deleting(new) != is_deleting(old):
        return True
    return _sizes(new) != _sizes(old)


def _sizes(pod: Obj) -> list[Any]:
    """What the containers ask for and have: all that decides how much a pod takes while it stays."""
    spec, status = pod["spec"], pod.get("status") or {}
    asked = [
        each.get("resources") for field in STATUSES for each in spec.get(field) or () if "resources" in each
    ]
    has = [
        (each["resources"], each.get("allocatedResources"))
        for field in STATUSES.values()
        for each in status.get(field) or ()
        if "resources" in each
    ]
    return [spec.get("resources"), asked, has]


CONTROLLER = ControllerDef(
    "resourcequota-controller",
    watches=(
        itself(kinds.RESOURCEQUOTA),
        *(
            Watch(kind, partial(_freed, kind), matters=pod_frees if kind is kinds.POD else None)
            for kind in COUNTED
        ),
    ),
    observe=observe,
    plan=plan,
    account="resourcequota-controller",
    ask=with_foreign,
    remembers=True,
)

"""namespace-controller: empties a namespace that is being deleted, then lets it go.

What is in it is known from caches as far as the kinds are built in; which others there are (of CustomResourceDefinitions
and of aggregated API servers) is discovered, and their objects are asked for. Pods go first: while one is left, nothing
else is deleted that it may still need. While discovery or a kind fails, all else is removed, and the namespace stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, MethodNotAllowed, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of
from pybernetes.client.discovery import NOTHING, Discovered
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import DeleteCollections, ExpectEmpty, Plan, Steps, Update
from pybernetes.controllers import namespaceconditions as conditions
from pybernetes.controllers.pods import is_finished
from pybernetes.lang import timestamps

FINALIZER = "kubernetes"
LOOK_AGAIN = (
    5.0  # seconds, while finalizers or grace periods of others hold objects, or something cannot be asked
)
PAGE = 500


def emptied_kinds() -> tuple[Kind, ...]:
    """Every stored kind of namespaces, once each: two versions of one kind are one object."""
    found: dict[str, Kind] = {}
    for kind in kinds.KINDS:
        if kind.namespaced and "deletecollection" in kind.verbs:
            found.setdefault(kind.storage_prefix or kind.group_resource, kind)
    return tuple(found.values())


EMPTIED = emptied_kinds()
FOLLOWED = tuple(kind for kind in EMPTIED if kind is not kinds.EVENT)
"""Kinds whose objects are cached. Events are too many for that, and nothing holds them: they go last, unseen."""
_BUILT_IN = frozenset(kinds.KINDS)


@dataclass(frozen=True, slots=True)
class Seen:
    """A namespace that is being deleted, and how many objects of each kind (and with which finalizers) are left: only
    the pods, as long as there are any."""

    namespace: Obj
    left: Mapping[Kind, int]
    finalizers: Mapping[str, int]
    overdue: float | None = None
    """Unix time from which it is odd that pods are left: nothing but their grace periods holds them."""
    discovered: Discovered = NOTHING
    problem: str = ""
    """Why nothing could be discovered."""
    failures: tuple[str, ...] = ()
    """Of kinds that could not be asked for."""


def observe(key: str, caches: Caches) -> Seen | None:
    namespace = caches.get(kinds.NAMESPACE, key)
    if namespace is None or not is_deleting(namespace):
        return None
    finalizers: dict[str, int] = {}
    pods = caches.list(kinds.POD, key)
    if pods:
        _count(pods, finalizers)
        overdue = None if finalizers else _overdue(namespace, pods)
        return Seen(namespace, {kinds.POD: len(pods)}, finalizers, overdue)
    left: dict[Kind, int] = {}
    for kind in FOLLOWED:
        objects = caches.list(kind, key)
        if objects:
            left[kind] = len(objects)
        _count(objects, finalizers)
    return Seen(namespace, left, finalizers)


def _count(objects: Iterable[Obj], finalizers: dict[str, int]) -> None:
    for obj in objects:
        for finalizer in obj["metadata"].get("finalizers") or ():
            finalizers[finalizer] = finalizers.get(finalizer, 0) + 1


def _overdue(namespace: Obj, pods: Sequence[Obj]) -> float | None:
    """When the longest grace period of the pods has passed since the namespace's deletion; None while one of them has
    not been told to go."""
    if not all(map(is_deleting, pods)):
        return None
    running = (pod["spec"] for pod in pods if not is_finished(pod))
    grace = max((spec.get("terminationGracePeriodSeconds") or 0 for spec in running), default=0)
    return timestamps.parse(namespace["metadata"]["deletionTimestamp"]) + float(grace)


async def ask(seen: Seen, client: Client) -> Seen:
    """Adds what is served and the objects of kinds that are not built in. Raises ConnectionError."""
    try:
        found = await client.discover()
    except ApiError as error:
        return replace(seen, problem=error.message)
    if kinds.POD in seen.left:
        return replace(seen, discovered=found)
    left, finalizers, failures = {**seen.left}, {**seen.finalizers}, []
    for kind in foreign_kinds(found):
        try:
            count = await _counted(kind, name_of(seen.namespace), client, finalizers)
        except ApiError as error:
            failures.append(error.message)
        else:
            if count:
                left[kind] = count
    return replace(seen, left=left, finalizers=finalizers, discovered=found, failures=tuple(failures))


async def _counted(kind: Kind, namespace: str, client: Client, finalizers: dict[str, int]) -> int:
    """How many objects there are; their finalizers are counted too. A kind that has just gone has none."""
    count, token = 0, ""
    while True:
        try:
            page = await client.list(kind, namespace, limit=PAGE, continue_token=token)
        except (NotFound, MethodNotAllowed):
            return count
        count += len(page.items)
        _count(page.items, finalizers)
        token = page.continue_token
        if not token:
            return count


def foreign_kinds(found: Discovered) -> list[Kind]:
    """The kinds of namespaces that are not built in and whose objects can be found and deleted."""
    return [
        kind
        for kind in found.preferred().values()
        if kind.namespaced and kind not in _BUILT_IN and {"delete", "list"} <= {*kind.verbs}
    ]


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    namespace = seen.namespace
    if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
        return Plan.nothing("finalized by us already")
    steps = Steps()
    status = _status(seen, now)
    if seen.left:
        steps.add(_emptying(seen, tuple(seen.left), now))
    if status != namespace.get("status"):
        steps.add(_told(seen, status, "what remains changed"))
    steps.look_again(LOOK_AGAIN)
    if seen.left:
        return steps.plan(f"{sum(seen.left.values())} objects left")
    unknown = (seen.problem, *seen.discovered.stale, *seen.discovered.malformed, *seen.failures)
    if any(unknown):
        return steps.plan(f"empty as far as is known; what is not: {', '.join(filter(None, unknown))}")
    if steps.steps:
        steps.look_again(0.0)
        return steps.plan("empty: reporting it first")
    rest = [f for f in namespace["spec"]["finalizers"] if f != FINALIZER]
    final = {**namespace, "spec": {**namespace["spec"], "finalizers": rest}}
    # What the caches have not seen yet must not outlive its namespace: before the last step the server itself is asked.
    served = seen.discovered.preferred()
    emptied = [kind for kind in EMPTIED if (kind.group, kind.plural) in served]
    last = Steps()
    last.add(_emptying(seen, (kinds.EVENT,), now))
    last.add(*(ExpectEmpty(kind, name_of(namespace)) for kind in emptied))
    last.add(Update(kinds.NAMESPACE, final, "nothing is left in it", "finalize"))
    return last.plan("empty")


def _emptying(seen: Seen, emptied: tuple[Kind, ...], now: float) -> DeleteCollections:
    """Deletes what is there; what the server refuses to delete is told."""

    def refused(failures: Sequence[ApiError]) -> Update:
        told = _status(seen, now, tuple(failure.message for failure in failures))
        return _told(seen, told, "not all can be deleted")

    return DeleteCollections(emptied, name_of(seen.namespace), "the namespace is being deleted", refused)


def _told(seen: Seen, status: Obj, why: str) -> Update:
    return Update(kinds.NAMESPACE, {**seen.namespace, "status": status}, why, "status")


def _status(seen: Seen, now: float, refused: tuple[str, ...] = ()) -> dict[str, Any]:
    failures = (*seen.failures, *refused)
    if seen.overdue is not None and now >= seen.overdue:
        name = name_of(seen.namespace)
        failures += (f"unexpected items still remain in namespace: {name} for gvr: /v1, Resource=pods",)
    rows = (
        conditions.discovery(seen.discovered, seen.problem),
        conditions.parsing(seen.discovered),
        conditions.deletion(failures),
        conditions.content(seen.left),
        conditions.finalizers(seen.finalizers),
    )
    before = seen.namespace.get("status") or {}
    return {**before, "phase": "Terminating", "conditions": conditions.merged(seen.namespace, rows, now)}


def _namespace_if_deleting(obj: Obj, caches: Caches) -> tuple[str, ...]:
    """The namespace of an object, if it is being deleted: only then do changes inside it matter."""
    namespace = caches.get(kinds.NAMESPACE, namespace_of(obj))
    return (namespace_of(obj),) if namespace is not None and is_deleting(namespace) else ()


def _all_deleting(_service: Obj, caches: Caches) -> list[str]:
    """Every namespace that is being deleted: there may be other kinds now, or one can be asked again."""
    return [name_of(each) for each in caches.list(kinds.NAMESPACE) if is_deleting(each)]


CONTROLLER = ControllerDef(
    "namespace-controller",
    watches=(
        itself(kinds.NAMESPACE),
        *(Watch(kind, _namespace_if_deleting) for kind in FOLLOWED),
        Watch(kinds.APISERVICE, _all_deleting),
    ),
    observe=observe,
    plan=plan,
    ask=ask,
    account="namespace-controller",
    workers=10,
)

"""namespace-controller: empties a namespace that is being deleted, then lets it go.

What remains is told in the conditions of its status, objects of custom kinds included. While an aggregated API cannot be
asked, nobody knows what it has there: all else is removed, and the namespace stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.apiextensions.served import served_kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.features import gated_kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, namespace_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import those
from pybernetes.control.plan import DeleteCollections, ExpectEmpty, Plan, Steps, Update
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import rfc3339

FINALIZER = "kubernetes"
LOOK_AGAIN = 5.0  # seconds, while finalizers or grace periods of others hold objects
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


@dataclass(frozen=True, slots=True)
class Seen:
    """A namespace that is being deleted, and how many objects of each kind (and with which finalizers) are left."""

    namespace: Obj
    left: Mapping[Kind, int]
    finalizers: Mapping[str, int]
    custom: tuple[Kind, ...] = ()
    """Kinds of CustomResourceDefinitions: their objects are not cached, but asked for."""
    unavailable: tuple[str, ...] = ()
    """Aggregated APIs (group/version) that do not answer."""


def observe(key: str, caches: Caches) -> Seen | None:
    namespace = caches.get(kinds.NAMESPACE, key)
    if namespace is None or not is_deleting(namespace):
        return None
    left: dict[Kind, int] = {}
    finalizers: dict[str, int] = {}
    for kind in FOLLOWED:
        objects = caches.list(kind, key)
        if objects:
            left[kind] = len(objects)
        _count(objects, finalizers)
    return Seen(namespace, left, finalizers, _custom_kinds(caches), _unavailable(caches))


def _count(objects: Iterable[Obj], finalizers: dict[str, int]) -> None:
    for obj in objects:
        for finalizer in obj["metadata"].get("finalizers") or ():
            finalizers[finalizer] = finalizers.get(finalizer, 0) + 1


async def ask(seen: Seen, client: Client) -> Seen:
    """Adds the objects of custom kinds. A kind that has just gone has none."""
    name = seen.namespace["metadata"]["name"]
    left, finalizers = {**seen.left}, {**seen.finalizers}
    for kind in seen.custom:
        count, token = 0, ""
        while True:
            try:
                page = await client.list(kind, name, limit=PAGE, continue_token=token)
            except NotFound:
                break
            count += len(page.items)
            _count(page.items, finalizers)
            token = page.continue_token
            if not token:
                break
        if count:
            left[kind] = count
    return replace(seen, left=left, finalizers=finalizers)


def _custom_kinds(caches: Caches) -> tuple[Kind, ...]:
    served = (served_kinds(crd) for crd in caches.list(kinds.CUSTOMRESOURCEDEFINITION))
    return tuple(found[0] for found in served if found and found[0].namespaced)


def _is_silent(service: Obj) -> bool:
    return (
        bool(service["spec"].get("service"))
        and (condition(service, "Available") or {}).get("status") == "False"
    )


def _unavailable(caches: Caches) -> tuple[str, ...]:
    silent = those(caches.list(kinds.APISERVICE), _is_silent)
    return tuple(sorted(f"{each['spec'].get('group', '')}/{each['spec']['version']}" for each in silent))


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    namespace = seen.namespace
    if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
        return Plan.nothing("finalized by us already")
    steps = Steps()
    name = namespace["metadata"]["name"]
    conditions = _conditions(seen, now)
    status = {**(namespace.get("status") or {}), "phase": "Terminating", "conditions": conditions}
    if seen.left:
        steps.add(_emptying(seen, tuple(seen.left), now))
    if status != namespace.get("status"):
        steps.add(Update(kinds.NAMESPACE, {**namespace, "status": status}, "what remains changed", "status"))
    if seen.left:
        steps.look_again(LOOK_AGAIN)
        return steps.plan(f"{sum(seen.left.values())} objects left")
    if seen.unavailable:
        steps.look_again(LOOK_AGAIN)
        return steps.plan(f"empty as far as is known: {', '.join(seen.unavailable)} cannot be asked")
    if steps.steps:
        steps.look_again(0.0)
        return steps.plan("empty: reporting it first")
    rest = [f for f in namespace["spec"]["finalizers"] if f != FINALIZER]
    final = {**namespace, "spec": {**namespace["spec"], "finalizers": rest}}
    # What the caches have not seen yet must not outlive its namespace: before the last step the server itself is asked.
    unseen = (*seen.custom, *gated_kinds(settings.features))
    steps.add(_emptying(seen, (kinds.EVENT, *unseen), now))
    steps.add(*(ExpectEmpty(kind, name) for kind in (*EMPTIED, *unseen)))
    steps.add(Update(kinds.NAMESPACE, final, "nothing is left in it", "finalize"))
    return steps.plan("empty")


def _emptying(seen: Seen, emptied: tuple[Kind, ...], now: float) -> DeleteCollections:
    """Deletes what is there; what the server refuses to delete is told."""
    name = seen.namespace["metadata"]["name"]

    def refused(failures: Sequence[ApiError]) -> Update:
        texts = ", ".join(sorted(failure.message for failure in failures))
        told = f"Failed to delete all resource types, {len(failures)} remaining: {texts}"
        conditions = _conditions(seen, now, told)
        status = {**(seen.namespace.get("status") or {}), "phase": "Terminating", "conditions": conditions}
        return Update(
            kinds.NAMESPACE, {**seen.namespace, "status": status}, "not all can be deleted", "status"
        )

    return DeleteCollections(emptied, name, "the namespace is being deleted", refused)


def _conditions(seen: Seen, now: float, failure: str = "") -> list[dict[str, Any]]:
    """Upstream's five conditions, with what remains in words, and what cannot be deleted."""
    counts = sorted((f"{kind.plural}.{kind.group}", count) for kind, count in seen.left.items())
    content = ", ".join(f"{name} has {count} resource instances" for name, count in counts)
    holders = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(seen.finalizers.items())
    )
    silent = ", ".join(f"{name}: stale GroupVersion discovery: {name}" for name in seen.unavailable)
    rows = (
        ("NamespaceDeletionDiscoveryFailure", True, "DiscoveryFailed", f"Discovery failed for some groups, {len(seen.unavailable)} failing: unable to retrieve the complete list of server APIs: {silent}")
        if silent
        else ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", True, "ContentDeletionFailed", failure)
        if failure
        else ("NamespaceDeletionContentFailure", False, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ("NamespaceContentRemaining", True, "SomeResourcesRemain", f"Some resources are remaining: {content}")
        if content
        else ("NamespaceContentRemaining", False, "ContentRemoved", "All content successfully removed"),
        ("NamespaceFinalizersRemaining", True, "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {holders}")
        if holders
        else ("NamespaceFinalizersRemaining", False, "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
    )  # fmt: skip
    old = {c["type"]: c for c in (seen.namespace.get("status") or {}).get("conditions") or ()}
    result: list[dict[str, Any]] = []
    for condition_type, is_true, reason, message in rows:
        status = "True" if is_true else "False"
        before = old.get(condition_type)
        same = before is not None and before["status"] == status
        since = before["lastTransitionTime"] if before is not None and same else rfc3339(now)
        entry = {"type": condition_type, "status": status, "lastTransitionTime": since}
        result.append({**entry, "reason": reason, "message": message})
    return result


def _namespace_if_deleting(obj: Obj, caches: Caches) -> tuple[str, ...]:
    """The namespace of an object, if it is being deleted: only then do changes inside it matter."""
    namespace = caches.get(kinds.NAMESPACE, namespace_of(obj))
    return (namespace_of(obj),) if namespace is not None and is_deleting(namespace) else ()


def _nothing(_obj: Obj, _caches: Caches) -> tuple[str, ...]:
    """Read, but no reason to look at a namespace."""
    return ()


CONTROLLER = ControllerDef(
    "namespace-controller",
    watches=(
        itself(kinds.NAMESPACE),
        *(Watch(kind, _namespace_if_deleting) for kind in FOLLOWED),
        Watch(kinds.CUSTOMRESOURCEDEFINITION, _nothing),
    ),
    observe=observe,
    plan=plan,
    ask=ask,
    reads=(kinds.APISERVICE,),
    account="namespace-controller",
    workers=10,
)

"""What the status of a namespace that is being deleted tells of it: upstream's five conditions, in its words. Pure.

Source: upstream's `pkg/controller/namespace/deletion` (the conditions' reasons and messages).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.discovery import Discovered
from pybernetes.lang.timestamps import rfc3339

Row = tuple[str, bool, str, str]
"""Type, whether it is true, reason, message."""


def discovery(found: Discovered, problem: str) -> Row:
    """Whether it is known what may be in the namespace; `problem`: discovery has failed as a whole, and why."""
    name, failed = "NamespaceDeletionDiscoveryFailure", "DiscoveryFailed"
    if problem:
        return name, True, failed, problem
    if found.stale:
        count = f"Discovery failed for some groups, {len(found.stale)} failing"
        return name, True, failed, f"{count}: {found.failure()}"
    return name, False, "ResourcesDiscovered", "All resources successfully discovered"


def parsing(found: Discovered) -> Row:
    """Whether every group and version has a name that can be one."""
    name = "NamespaceDeletionGroupVersionParsingFailure"
    if found.malformed:
        told = f"unexpected GroupVersion string: {found.malformed[0]}"
        return name, True, "GroupVersionParsingFailed", told
    return name, False, "ParsedGroupVersions", "All legacy kube types successfully parsed"


def deletion(failures: Sequence[str]) -> Row:
    """Whether what is there could be deleted; `failures` are the reasons why not."""
    name = "NamespaceDeletionContentFailure"
    if failures:
        told = ", ".join(sorted(failures))
        message = f"Failed to delete all resource types, {len(failures)} remaining: {told}"
        return name, True, "ContentDeletionFailed", message
    return name, False, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"


def content(left: Mapping[Kind, int]) -> Row:
    """What is still there."""
    name = "NamespaceContentRemaining"
    if left:
        told = ", ".join(
            sorted(
                f"{kind.plural}.{kind.group} has {count} resource instances" for kind, count in left.items()
            )
        )
        return name, True, "SomeResourcesRemain", f"Some resources are remaining: {told}"
    return name, False, "ContentRemoved", "All content successfully removed"


def finalizers(counts: Mapping[str, int]) -> Row:
    """Which finalizers hold what is still there."""
    name = "NamespaceFinalizersRemaining"
    if counts:
        told = ", ".join(
            sorted(f"{finalizer} in {count} resource instances" for finalizer, count in counts.items())
        )
        message = f"Some content in the namespace has finalizers remaining: {told}"
        return name, True, "SomeFinalizersRemain", message
    return name, False, "ContentHasNoFinalizers", "All content-preserving finalizers finished"


def merged(namespace: Obj, rows: Iterable[Row], now: float) -> list[dict[str, Any]]:
    """The rows as conditions; one whose status is as before keeps its time, and conditions of others stay."""
    old = {c["type"]: c for c in (namespace.get("status") or {}).get("conditions") or ()}
    for condition_type, is_true, reason, message in rows:
        status, before = "True" if is_true else "False", old.get(condition_type)
        same = before is not None and before["status"] == status
        since = before["lastTransitionTime"] if before is not None and same else rfc3339(now)
        entry = {"type": condition_type, "status": status, "lastTransitionTime": since}
        old[condition_type] = {**entry, "reason": reason, "message": message}
    return [*old.values()]

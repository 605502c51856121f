"""What each step of admission changed, for the ledger (`pyber story`).

Plugins change the object in place, so that a change shows in its encoding; what it says is worked out when somebody
asks (`ledger.Admitted`). Only kinds that built-in plugins change are looked at (`CHANGED`), at about a microsecond per
plugin; webhooks and policies, which may change anything, tell their changes themselves (`note`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from .plugin import Admission

CHANGED = frozenset(
    {
        ("", "pods"),
        ("", "nodes"),
        ("", "namespaces"),
        ("", "persistentvolumes"),
        ("", "persistentvolumeclaims"),
        ("networking.k8s.io", "ingresses"),
        ("storage.k8s.io", "volumeattributesclasses"),
    }
)
SUBRESOURCES = ("", "binding", "ephemeralcontainers")
CHANGES_NOTHING = (
    "NamespaceLifecycle",
    "NodeRestriction",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "RBACEscalation",
)
"""Plugins among those that change objects that only refuse, or note their changes themselves."""


class Trace:
    """Notes, after each plugin of one request, what it changed."""

    __slots__ = ("_admission", "_seen")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._seen = orjson.dumps(admission.new)

    def after(self, plugin: str) -> bool:
        """Whether it changed anything."""
        now = orjson.dumps(self._admission.new)
        if now != self._seen:
            self._admission.ctx.admitted.append((plugin, self._seen, now))
            self._seen = now
            return True
        return False


def trace_of(admission: Admission) -> Trace | None:
    """None where no built-in plugin changes such an object."""
    kind = admission.kind
    if (
        admission.new is None
        or admission.subresource not in SUBRESOURCES
        or (kind.group, kind.plural) not in CHANGED
    ):
        return None
    return Trace(admission)


def note(admission: Admission, who: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Keeps what `who` made of the object."""
    admission.ctx.admitted.append((who, orjson.dumps(before), orjson.dumps(after)))

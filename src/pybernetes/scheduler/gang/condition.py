"""The condition of a PodGroup that tells whether it was scheduled (PodGroupInitiallyScheduled)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.api.errors import NotFound
from pybernetes.api.kinds import PODGROUP
from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.lang.timestamps import rfc3339

if TYPE_CHECKING:
    from pybernetes.client.interface import Client

TYPE = "PodGroupInitiallyScheduled"
SCHEDULED, UNSCHEDULABLE, ERROR = "Scheduled", "Unschedulable", "SchedulerError"


def condition_patch(group: Obj, reason: str, message: str, now: float) -> dict[str, Any] | None:
    """The status patch; None where the group says so already, or was scheduled before: pods that come later do not
    change that. `now` is Unix time."""
    conditions = (group.get("status") or {}).get("conditions") or ()
    before: Obj = next((each for each in conditions if each["type"] == TYPE), {})
    status = "True" if reason == SCHEDULED else "False"
    told = (before.get("status"), before.get("reason"), before.get("message", ""))
    if before.get("status") == "True" or told == (status, reason, message):
        return None
    condition: dict[str, Any] = {"type": TYPE, "status": status, "reason": reason, "message": message}
    condition["lastTransitionTime"] = (
        before["lastTransitionTime"] if before.get("status") == status else rfc3339(now)
    )
    if "generation" in group["metadata"]:
        condition["observedGeneration"] = group["metadata"]["generation"]
    return {"metadata": {"uid": uid_of(group)}, "status": {"conditions": [condition]}}


async def tell(client: Client, group: Obj, reason: str, message: str, now: float) -> None:
    """Writes it where it says something new. Raises ApiError."""
    patch = condition_patch(group, reason, message, now)
    if patch is None:
        return
    try:
        await client.patch(
            PODGROUP,
            name_of(group),
            namespace_of(group),
            patch,
            patch_type="strategic",
            subresource="status",
        )
    except NotFound:
        return

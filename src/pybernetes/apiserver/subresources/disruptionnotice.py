"""What is written on a pod before an eviction deletes it: the condition DisruptionTarget, by which others (a Job's failure
policy, say) tell a disruption from a failure."""

from __future__ import annotations

from dataclasses import replace

from pybernetes.api.errors import Conflict
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import timestamps

from ..context import RequestContext
from ..verbs.delete import DeleteOptions
from ..verbs.objects import private
from ..version import Version


async def announce(ctx: RequestContext, options: DeleteOptions) -> DeleteOptions:
    """Writes the condition; the options for what the pod is now, where they ask for a version. Raises NotFound,
    Conflict."""
    assert ctx.resource is not None
    now = timestamps.rfc3339(ctx.env.now())

    def update(current: Version) -> MutableObj | None:
        pod = current.tree()
        _check_preconditions(pod, options)
        return disrupted(pod, now)

    outcome = await ctx.services.storage.update(
        ctx.resource.stored(), ctx.kind, ctx.namespace, ctx.info.name, update
    )
    if not options.resource_version:
        return options
    return replace(options, resource_version=str(outcome.version.revision))


def disrupted(pod: Obj, now: str) -> MutableObj | None:
    """The pod with the condition DisruptionTarget; None where it has it."""
    status = pod.get("status") or {}
    conditions = list(status.get("conditions") or ())
    mine = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    if generation := pod["metadata"].get("generation"):
        mine["observedGeneration"] = generation
    before = next((c for c in conditions if c["type"] == mine["type"]), None)
    if before is not None and before.get("status") == "True":
        mine["lastTransitionTime"] = before.get("lastTransitionTime") or now
        if all(before.get(field) == mine[field] for field in mine):
            return None
    others = [c for c in conditions if c["type"] != mine["type"]]
    return {**private(pod), "status": {**status, "conditions": [*others, mine]}}


def _check_preconditions(pod: Obj, options: DeleteOptions) -> None:
    metadata = pod["metadata"]
    name = metadata["name"]
    why = ""
    if options.uid and options.uid != metadata.get("uid"):
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({metadata.get('uid')}). The object might have been deleted and then recreated"
        )
    elif options.resource_version and options.resource_version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({metadata['resourceVersion']}). The object might have been modified"
        )
    if why:
        raise Conflict(f'Operation cannot be fulfilled on Pod "{name}": {why}', kind="Pod", name=name)

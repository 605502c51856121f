"""ttl-after-finished-controller: deletes a finished Job when its `ttlSecondsAfterFinished` have passed."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Delete, Plan
from pybernetes.controllers.job.ending import is_true
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import parse


def observe(key: str, caches: Caches) -> Obj | None:
    return caches.get(kinds.JOB, key)


def plan(job: Obj, now: float, _settings: Settings) -> Plan:
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    ended = next((condition(job, kind) for kind in ("Complete", "Failed") if is_true(job, kind)), None)
    if ttl is None or ended is None or is_deleting(job):
        return Plan.nothing("does not expire")
    left = parse(ended["lastTransitionTime"]) + float(ttl) - now
    if left > 0:
        return Plan.nothing("not expired", after=left)
    # The version guards against a TTL that was changed a moment ago.
    delete = Delete(
        kinds.JOB,
        namespace_of(job),
        name_of(job),
        uid_of(job),
        "its time after finishing has passed",
        propagation="Foreground",
        resource_version=resource_version_of(job),
    )
    return Plan((delete,), None, "expired")


CONTROLLER = ControllerDef(
    "ttl-after-finished-controller",
    watches=(itself(kinds.JOB),),
    observe=observe,
    plan=plan,
    account="ttl-after-finished-controller",
)

"""ResourceQuota: a new object must fit into what its namespace's quotas leave.

It comes after every other plugin, so that nothing is taken from a quota for an object that is refused anyway. The taking
itself waits for the store: `quotas.py`.
"""

from __future__ import annotations

from pybernetes.api.errors import ApiError
from pybernetes.api.kinds import POD, RESOURCEQUOTA
from pybernetes.api.meta import Obj
from pybernetes.api.quota import amounts
from pybernetes.api.quota.scopes import applies
from pybernetes.api.quota.usage import concerns, missing_constraints, usage_of

from .plugin import Admission, Plugin
from .questions import Question, answer
from .quotas import Demand, Excess

UPDATED = ("persistentvolumeclaims", "services", "resourceclaims")
"""Resources of which an update may want more, beside a pod's resize."""


def _counted(admission: Admission) -> bool:
    kind = admission.kind
    if not kind.namespaced or "get" not in kind.verbs or admission.new is None:
        return False
    if admission.operation == "CREATE":
        return not admission.subresource
    if admission.operation != "UPDATE":
        return False
    if kind is POD:
        return admission.subresource == "resize"
    return not admission.subresource and kind.plural in UPDATED


def _validate(admission: Admission) -> None:
    if not _counted(admission):
        return
    cache = admission.cache(RESOURCEQUOTA)
    versions = cache.in_namespace(admission.namespace) if cache.entries else ()
    if not versions:
        return
    wanted = _wanted(admission, [version.tree() for version in versions])
    if not wanted:
        return
    demand = Demand(admission.kind, admission.namespace, wanted)
    ctx = admission.ctx
    if ctx.dry_run:
        refused: Excess | ApiError | None = ctx.services.quotas.check(demand)
    else:
        refused = answer(ctx, _question(admission, demand))
    if isinstance(refused, ApiError):
        raise refused
    if refused is not None:
        raise admission.forbidden(str(refused))


def _question(admission: Admission, demand: Demand) -> Question:
    ctx, quotas = admission.ctx, admission.ctx.services.quotas

    async def ask() -> Excess | ApiError | None:
        refused = await quotas.take(demand)
        if refused is None:
            ctx.give_back.append(lambda: quotas.give_back(demand))
        return refused

    shown = tuple((name, amounts.shown(wanted)) for name, wanted in demand.wanted.items())
    name = admission.name or ctx.info.name
    return Question(("ResourceQuota", demand.kind, demand.namespace, name, shown), ask, drawn=False)


def _wanted(admission: Admission, quotas: list[Obj]) -> dict[str, amounts.Amounts]:
    """What is wanted of each quota that counts the object. Raises Forbidden where the object must say more of itself."""
    kind, new, old = admission.kind, admission.object, admission.old
    now = admission.ctx.services.env.now()
    usage: amounts.Amounts = usage_of(kind, new, now)
    if old is not None:
        usage = amounts.subtract(usage, usage_of(kind, old, now))
    found: dict[str, amounts.Amounts] = {}
    for quota in quotas:
        if not applies(quota, kind, new):
            continue
        name, hard = quota["metadata"]["name"], (quota.get("spec") or {}).get("hard") or {}
        if kind is POD and old is None and (missing := missing_constraints(new, set(hard))):
            lines = "; ".join(f"{resource} for: {','.join(names)}" for resource, names in missing.items())
            raise admission.forbidden(f"failed quota: {name}: must specify {lines}")
        mine = [resource for resource in hard if concerns(kind, resource)]
        more = {r: amount for r, amount in amounts.masked(usage, mine).items() if amount.nano > 0}
        if more:
            found[name] = more
    return found


RESOURCE_QUOTA = Plugin("ResourceQuota", validate=_validate)

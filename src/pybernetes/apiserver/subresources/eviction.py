"""eviction: a deletion that asks first whether the pod's PodDisruptionBudget has room, and says so on the pod.

The budget's controller says how many may go (`status.disruptionsAllowed`); an eviction takes one of them and notes the pod
in `status.disruptedPods`, so that the controller counts it as gone before it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from pybernetes.api.errors import (
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    InternalError,
    Timeout,
    TooManyRequests,
)
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import labelselector, timestamps

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..registry import Resource
from ..replies import Reply, TreeReply
from ..storage import not_found
from ..verbs.body import body_tree, check_object
from ..verbs.delete import DeleteOptions, delete_object, options_from_tree
from ..verbs.objects import private
from ..version import Version
from .disruptionnotice import announce

GROUP = "policy"
EVICTION = Kind(GROUP, "v1", "Eviction", "evictions", True, schema="io.k8s.api.policy.v1.Eviction")
MOST_DISRUPTED = 2000
"""Evictions that the controller may have yet to see."""
ATTEMPTS, PAUSE = 20, 0.5
"""How often, and after how many seconds, a deletion that lost against another write is tried again."""
VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
CAUSE = "DisruptionBudget"


async def create_eviction(ctx: RequestContext) -> Reply:
    """`POST pods/x/eviction`: 201 and a Status. Raises NotFound, Conflict, BadRequest, TooManyRequests (the budget)."""
    eviction = _eviction(ctx)
    name = eviction["metadata"].get("name", "")
    if name and name != ctx.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = options_from_tree(eviction.get("deleteOptions") or {}, ctx.query)
    options = replace(options, dry_run=options.dry_run or ctx.dry_run)
    tree = {**eviction, "metadata": {**eviction["metadata"], "name": ctx.info.name}}
    admission = Admission(ctx, ctx.kind, "CREATE", tree, None, subresource="eviction", name=ctx.info.name)
    admit_mutating(admission)
    admit_validating(admission)
    await ctx.services.cacher.fresh()
    if not await _without_budget(ctx, options):
        await _with_budget(ctx, options)
    return TreeReply(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )


def _eviction(ctx: RequestContext) -> MutableObj:
    """The body, its types checked; that of policy/v1beta1, which older clients send, is the same. Raises
    BadRequest."""
    tree, duplicates = body_tree(ctx)
    if isinstance(tree, dict) and tree.get("apiVersion") == "policy/v1beta1":
        tree = {**tree, "apiVersion": EVICTION.api_version}
    return check_object(ctx, EVICTION, tree, duplicates)


def needs_no_budget(pod: Obj) -> bool:
    """Pods that have ended, have not begun or are going already disrupt nothing."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or "deletionTimestamp" in pod["metadata"]


def _pod(ctx: RequestContext) -> Obj:
    assert ctx.resource is not None
    version = ctx.resource.stored().get(ctx.namespace, ctx.info.name)
    if version is None:
        raise not_found(ctx.kind, ctx.info.name)
    return version.tree()


async def _without_budget(ctx: RequestContext, options: DeleteOptions) -> bool:
    """Deletes a pod that no budget protects now; False where one may. A pending pod is deleted only as it is: it may
    be starting."""
    for attempt in range(ATTEMPTS):
        pod = _pod(ctx)
        if not needs_no_budget(pod):
            return False
        pending = (pod.get("status") or {}).get("phase") == "Pending"
        asked = options
        if pending and "deletionTimestamp" not in pod["metadata"] and not options.resource_version:
            asked = replace(options, resource_version=pod["metadata"]["resourceVersion"])
        try:
            await _delete(ctx, asked)
        except Conflict:
            if options.resource_version or options.uid or attempt + 1 == ATTEMPTS:
                raise
            await asyncio.sleep(PAUSE)
            await ctx.services.cacher.fresh()
            continue
        return True
    raise AssertionError("the last attempt returns or raises")


async def _with_budget(ctx: RequestContext, options: DeleteOptions) -> None:
    """Takes from the pod's budget, if it has one, and deletes it."""
    pod = _pod(ctx)
    served = ctx.services.registry.find(GROUP, "v1", "poddisruptionbudgets")
    budgets = budgets_of(pod, served)
    if len(budgets) > 1:
        raise InternalError(SEVERAL)
    unchanged = False
    if budgets:
        assert served is not None
        budget = budgets[0].tree()
        if not is_ready(pod) and unready_may_go(budget):
            unchanged = True  # it counts as unhealthy: its going disrupts nothing while it stays so
        else:
            await _take(ctx, served, budgets[0], options.dry_run)
    asked = options
    if unchanged:
        asked = replace(
            options, resource_version=options.resource_version or pod["metadata"]["resourceVersion"]
        )
    try:
        await _delete(ctx, asked)
    except Conflict as error:
        if unchanged and not options.resource_version:
            raise still_processed(budgets[0].name) from error
        raise


async def _delete(ctx: RequestContext, options: DeleteOptions) -> None:
    """Says on the pod that it is disrupted (its Job's failure policy may ask), and deletes it."""
    if not options.dry_run:
        options = await announce(ctx, options)
    outcome = await delete_object(ctx, ctx.namespace, ctx.info.name, options)
    if outcome.changed:
        ctx.revision = outcome.revision or outcome.version.revision


async def _take(ctx: RequestContext, served: Resource, budget: Version, dry_run: bool) -> None:
    """One disruption off the budget. Raises TooManyRequests, Forbidden, Timeout."""
    now = timestamps.rfc3339(ctx.env.now())
    if dry_run:
        taken(budget.tree(), ctx.info.name, now)
        return
    storage = ctx.services.storage

    def update(current: Version) -> MutableObj:
        return taken(private(current.tree()), ctx.info.name, now)

    try:
        await storage.update(served.stored(), served.kind, budget.namespace, budget.name, update)
    except Conflict as error:
        raise Timeout(
            f'couldn\'t update PodDisruptionBudget "{budget.name}" due to conflicts', retry_after=10
        ) from error


def taken(budget: Obj, pod: str, now: str) -> MutableObj:
    """The budget with one disruption less, for this pod. Raises TooManyRequests, Forbidden."""
    name, status = budget["metadata"]["name"], budget.get("status") or {}
    if (status.get("observedGeneration") or 0) < budget["metadata"].get("generation", 0):
        raise still_processed(name)
    allowed = status.get("disruptionsAllowed") or 0
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    disrupted = status.get("disruptedPods") or {}
    if len(disrupted) > MOST_DISRUPTED:
        raise _forbidden(
            name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        )
    if allowed == 0:
        raise TooManyRequests(
            VIOLATES,
            causes=[
                Cause(
                    CAUSE,
                    f"The disruption budget {name} needs {status.get('desiredHealthy') or 0} healthy pods and has "
                    f"{status.get('currentHealthy') or 0} currently",
                )
            ],
        )
    status = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": {**disrupted, pod: now}}
    if allowed == 1:
        status["conditions"] = _insufficient(status.get("conditions") or (), budget, now)
    return {**budget, "status": status}


def _insufficient(conditions: Any, budget: Obj, now: str) -> list[Obj]:
    """The condition DisruptionAllowed, now False."""
    before = next((c for c in conditions if c.get("type") == "DisruptionAllowed"), None)
    since = before["lastTransitionTime"] if before is not None and before.get("status") == "False" else now
    mine = {
        "type": "DisruptionAllowed",
        "status": "False",
        "observedGeneration": (budget.get("status") or {}).get("observedGeneration", 0),
        "lastTransitionTime": since,
        "reason": "InsufficientPods",
        "message": "",
    }
    return [*(c for c in conditions if c.get("type") != "DisruptionAllowed"), mine]


def budgets_of(pod: Obj, served: Resource | None) -> list[Version]:
    """The budgets that select the pod. One with an empty selector selects nothing here."""
    if served is None:
        return []
    labels = pod["metadata"].get("labels") or {}
    found = []
    for version in served.stored().in_namespace(pod["metadata"]["namespace"]):
        selector = labelselector.from_label_selector((version.tree().get("spec") or {}).get("selector"))
        if not selector.everything and selector.matches(labels):
            found.append(version)
    return found


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def unready_may_go(budget: Obj) -> bool:
    """Whether a pod that is not ready may go without taking from the budget: always where the policy says so, else
    while enough others are healthy."""
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy") or 0
    return desired > 0 and (status.get("currentHealthy") or 0) >= desired


def still_processed(name: str) -> TooManyRequests:
    return TooManyRequests(
        VIOLATES,
        causes=[Cause(CAUSE, f"The disruption budget {name} is still being processed by the server.")],
        retry_after=10,
    )


def _forbidden(name: str, why: str) -> Forbidden:
    return Forbidden(
        f'poddisruptionbudget.policy "{name}" is forbidden: {why}',
        group=GROUP,
        kind="poddisruptionbudget",
        name=name,
    )

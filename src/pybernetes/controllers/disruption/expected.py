"""How many pods a PodDisruptionBudget is about, and how many of them have to be healthy. Pure, but for `ask`.

A budget by number counts the pods it selects; one by percentage, or by `maxUnavailable`, counts the replicas that the
owners of these pods want, so that a pod that is missing counts as unavailable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.errors import MethodNotAllowed, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.controllers import kindlookup
from pybernetes.lang.intorstr import IntOrStringError, scaled_value

SCALED = (kinds.REPLICATIONCONTROLLER, kinds.REPLICASET, kinds.DEPLOYMENT, kinds.STATEFULSET)
"""Kinds whose replicas are read from the caches; of all others the scale is asked for."""


class Uncountable(ValueError):
    """Why it cannot be said how many pods there should be: upstream's sentence."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An owner of a kind that is not in the caches. `kind` None: not even the kind is."""

    ref: Obj
    namespace: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Owners:
    """The top owners of the selected pods: wanted replicas by uid, those to be asked for, pods without an owner, and a
    pod whose owner was not found ("" for none)."""

    replicas: Mapping[str, int]
    foreign: tuple[Foreign, ...] = ()
    unmanaged: tuple[Obj, ...] = ()
    homeless: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    pods: int
    healthy: int
    """How many must be healthy."""


def by_scale(budget: Obj) -> bool:
    """Whether the budget counts the replicas that owners want."""
    spec = budget["spec"]
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def owners_of(pods: Sequence[Obj], caches: Caches) -> Owners:
    """Goes from the pods up to who decides how many there are."""
    replicas: dict[str, int] = {}
    foreign: dict[str, Foreign] = {}
    unmanaged: list[Obj] = []
    homeless = ""
    for pod in pods:
        ref = controller_ref_of(pod)
        if ref is None:
            unmanaged.append(pod)
            continue
        top = _cached(ref, namespace_of(pod), caches)
        if top is not None:
            replicas[uid_of(top)] = int(top["spec"].get("replicas", 1))
        elif _is_scaled(ref):
            homeless = homeless or name_of(pod)
        else:
            kind = kindlookup.find(ref["apiVersion"], ref["kind"], caches)
            foreign[ref["uid"]] = Foreign(ref, namespace_of(pod), kind)
    return Owners(replicas, tuple(foreign.values()), tuple(unmanaged), homeless)


def _is_scaled(ref: Obj) -> bool:
    return any((kind.group, kind.kind) == _group_kind(ref) for kind in SCALED)


def _group_kind(ref: Obj) -> tuple[str, str]:
    return ref["apiVersion"].rpartition("/")[0], ref["kind"]


def _cached(ref: Obj, namespace: str, caches: Caches) -> Obj | None:
    """The owner, or the Deployment above a ReplicaSet; None where it is of another kind or not there."""
    for kind in SCALED:
        if (kind.group, kind.kind) != _group_kind(ref):
            continue
        owner = caches.get(kind, f"{namespace}/{ref['name']}")
        if owner is None or uid_of(owner) != ref["uid"]:
            return None
        above = controller_ref_of(owner) if kind is kinds.REPLICASET else None
        if above is not None and _group_kind(above) == (kinds.DEPLOYMENT.group, kinds.DEPLOYMENT.kind):
            return _cached(above, namespace, caches)
        return owner
    return None


async def ask(owners: Owners, client: Client) -> Owners:
    """Adds the scales of owners that are in no cache. Raises ApiError, ConnectionError where the server cannot say."""
    replicas = dict(owners.replicas)
    problem, homeless = "", owners.homeless
    for each in owners.foreign:
        ref = each.ref
        kind = each.kind or await kindlookup.discovered(ref["apiVersion"], ref["kind"], client)
        if kind is None or (kind.scale is None and "scale" not in kind.subresources):
            name = kind.group_resource if kind is not None else f"{ref['kind']} of {ref['apiVersion']}"
            problem = problem or f"{name} does not implement the scale subresource"
            continue
        try:
            scale = await client.get(kind, ref["name"], each.namespace, subresource="scale")
        except (NotFound, MethodNotAllowed):
            homeless = homeless or ref["name"]
            continue
        if uid_of(scale) == ref["uid"]:
            replicas[ref["uid"]] = int(scale["spec"].get("replicas") or 0)
    return Owners(replicas, (), owners.unmanaged, homeless, problem)


def expected(budget: Obj, pods: Sequence[Obj], owners: Owners) -> Expected:
    """Raises Uncountable."""
    spec = budget["spec"]
    if by_scale(budget):
        if owners.problem:
            raise Uncountable(owners.problem)
        if owners.homeless:
            raise Uncountable(f'found no controllers for pod "{owners.homeless}"')
    count = sum(owners.replicas.values())
    try:
        if spec.get("maxUnavailable") is not None:
            return Expected(count, max(0, count - scaled_value(spec["maxUnavailable"], count, round_up=True)))
        if isinstance(spec.get("minAvailable"), str):
            return Expected(count, scaled_value(spec["minAvailable"], count, round_up=True))
    except IntOrStringError as error:
        raise Uncountable(str(error)) from error
    if spec.get("minAvailable") is not None:
        return Expected(len(pods), int(spec["minAvailable"]))
    return Expected(0, 0)

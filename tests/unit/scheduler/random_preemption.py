"""Random clusters whose pods have priorities, with budgets and pods that wait for room; and the comparison."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from pybernetes.scheduler.decide import decide
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.plugins import default_preemption
from pybernetes.scheduler.podfacts import FactsCache

from .comparing import profile, verdicts, world_of
from .random_clusters import APPS, Case, Maker
from .reference_nodes import Tree, named_nodes
from .reference_preemption import Nominated, choices, refused

PRIORITIES = (0, 0, 5, 10, 10)


@dataclass
class Crowd:
    case: Case
    nominated: list[tuple[Tree, str]] = field(default_factory=list)
    budgets: list[Tree] = field(default_factory=list)


def crowd(seed: int) -> Crowd:
    maker, rng = Maker(seed), random.Random(seed)
    case = maker.case()
    names = [node["metadata"]["name"] for node in case.cluster.nodes]
    for number, pod in enumerate(case.cluster.placed):
        pod["metadata"]["name"] = f"placed{number}"
        pod["spec"]["priority"] = rng.choice(PRIORITIES)
        at = f"2026-01-01T00:{rng.randrange(60):02}:{number:02}Z"
        pod["status"] = {**(pod.get("status") or {}), "startTime": at}
    asked = case.pod
    asked["spec"]["priority"] = rng.choice((5, 10, 20, 20))
    asked["spec"].pop("nodeName", None)
    if rng.random() < 0.8:
        container = asked["spec"]["containers"][0]
        requests = (container.get("resources") or {}).get("requests") or {}
        wanted = {**requests, "cpu": rng.choice(("1", "3", "15", "30"))}
        container["resources"] = {**(container.get("resources") or {}), "requests": wanted}
        asked["spec"].pop("resources", None)
    if rng.random() < 0.7:
        _tighten(case, rng)
    found = Crowd(case)
    for number in range(rng.choice((0, 0, 1, 2, 3))):
        waiting = maker.pod()
        waiting["metadata"].update(name=f"nominated{number}", uid=f"nominated{number}")
        waiting["spec"]["priority"] = rng.choice((0, 5, 10, 20, 30))
        waiting["spec"].pop("nodeName", None)
        found.nominated.append((waiting, rng.choice(names)))
    for number in range(rng.choice((0, 1, 2))):
        selector = {"matchLabels": {"app": rng.choice(APPS)}}
        status = {"disruptionsAllowed": rng.choice((0, 0, 1, 2))}
        if rng.random() < 0.3:
            status["disruptedPods"] = {f"placed{rng.randrange(5)}": "2026-01-01T00:00:00Z"}
        metadata = {
            "name": f"budget{number}",
            "namespace": rng.choice(("default", "prod")),
            "uid": f"b{number}",
        }
        found.budgets.append({"metadata": metadata, "spec": {"selector": selector}, "status": status})
    return found


def _tighten(case: Case, rng: random.Random) -> None:
    """Nodes are small, and pods are large; half of those asked about want nothing but resources."""
    if rng.random() < 0.5:
        for field_ in ("affinity", "topologySpreadConstraints", "nodeSelector"):
            case.pod["spec"].pop(field_, None)
    for node in case.cluster.nodes:
        node["status"]["allocatable"]["cpu"] = rng.choice(("2", "3", "4"))
        node["spec"] = {}
    for pod, sizes in (
        (case.pod, ("2", "3", "4")),
        *((each, ("500m", "1", "2")) for each in case.cluster.placed),
    ):
        pod["spec"].pop("resources", None)
        pod["spec"].pop("overhead", None)
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": rng.choice(sizes)}}


def preemption_differences(seed: int) -> list[str]:
    """What the engine says otherwise than the reference, in words; about who may go where, and who has to leave."""
    given = crowd(seed)
    case = given.case
    if named_nodes(case.pod) == set():
        return []
    cache = FactsCache()
    world = world_of(case.cluster, cache)
    nominations = Nominations()
    for pod, node in given.nominated:
        nominations.add(pod["metadata"]["uid"], node, cache.of(pod))
    world = replace(
        world,
        nominations=nominations,
        placed={each["metadata"]["uid"]: each for each in case.cluster.placed},
        budgets=tuple(given.budgets),
        pod=case.pod,
    )
    rules = profile(case.arguments, default_preemption.PLUGIN)
    decision = decide(cache.of(case.pod), world, random.Random(seed), profile=rules)
    found = []
    whys = refused(case.pod, case.cluster, case.arguments, given.nominated)
    told = verdicts(decision, world.table)
    for name in sorted({*told, *whys}):
        plugin, refusals = whys.get(name, ("", []))
        if told.get(name, ("", [])) != (plugin, sorted(refusals)):
            found.append(f"{name}: refused by {told.get(name)}, expected {(plugin, sorted(refusals))}")
    if found or decision.node is not None:
        return found
    return _victims(decision.candidate, given, case)


def _victims(candidate: object, given: Crowd, case: Case) -> list[str]:
    nominated: Nominated = given.nominated
    every = choices(case.pod, case.cluster, case.arguments, nominated, given.budgets)
    told = None
    if candidate is not None:
        victims = frozenset(victim.uid for victim in candidate.victims)  # type: ignore[attr-defined]
        told = (candidate.node, victims, candidate.violations)  # type: ignore[attr-defined]
    if not every:
        return [] if told is None else [f"preempts {told}, expected nothing"]
    best = min(each.key for each in every)
    wanted = [(each.node, each.victims, each.violations) for each in every if each.key == best]
    return [] if told in wanted else [f"preempts {told}, expected one of {wanted}"]

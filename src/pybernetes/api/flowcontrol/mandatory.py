"""The objects of priority and fairness that a server cannot be without, and how such objects are written down.

`exempt` is never limited: administrators get through whatever happens. `catch-all` takes what no other schema matches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..meta import MutableObj, Obj

EXEMPT, CATCH_ALL = "exempt", "catch-all"
ANY = ("*",)


def users(*names: str) -> list[MutableObj]:
    return [{"kind": "User", "user": {"name": name}} for name in names]


def groups(*names: str) -> list[MutableObj]:
    return [{"kind": "Group", "group": {"name": name}} for name in names]


def service_accounts(namespace: str, *names: str) -> list[MutableObj]:
    return [
        {"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": namespace}} for name in names
    ]


def resources(
    verbs: Sequence[str],
    api_groups: Sequence[str],
    names: Sequence[str],
    *,
    cluster: bool = False,
    namespaces: Sequence[str] = ANY,
) -> MutableObj:
    """A rule for resources; `cluster`: also for those that are in no namespace."""
    rule: MutableObj = {"verbs": list(verbs), "apiGroups": list(api_groups), "resources": list(names)}
    if cluster:
        rule["clusterScope"] = True
    rule["namespaces"] = list(namespaces)
    return rule


def paths(verbs: Sequence[str], urls: Sequence[str]) -> MutableObj:
    """A rule for requests that are for no resource."""
    return {"verbs": list(verbs), "nonResourceURLs": list(urls)}


def everything(subjects: Sequence[MutableObj]) -> MutableObj:
    """All requests of the subjects."""
    return {
        "subjects": list(subjects),
        "resourceRules": [resources(ANY, ANY, ANY, cluster=True)],
        "nonResourceRules": [paths(ANY, ANY)],
    }


def schema(level: str, precedence: int, by: str, *rules: MutableObj) -> MutableObj:
    """The spec of a FlowSchema; `by` is how flows are told apart, "" for not at all."""
    spec: MutableObj = {
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
    }
    if by:
        spec["distinguisherMethod"] = {"type": by}
    return {**spec, "rules": list(rules)}


def limited(shares: int, lendable: int, queuing: tuple[int, int, int] | None) -> MutableObj:
    """The spec of a priority level; `queuing` is (queues, hand size, length of a queue), None to refuse instead."""
    response: MutableObj = {"type": "Reject"}
    if queuing is not None:
        queues, hand, length = queuing
        response = {
            "type": "Queue",
            "queuing": {"queues": queues, "handSize": hand, "queueLengthLimit": length},
        }
    return {
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": shares,
            "limitResponse": response,
            "lendablePercent": lendable,
        },
    }


EVERYBODY: tuple[Any, ...] = tuple(groups("system:unauthenticated", "system:authenticated"))

MANDATORY_SCHEMAS: Mapping[str, Obj] = {
    EXEMPT: schema(EXEMPT, 1, "", everything(groups("system:masters"))),
    CATCH_ALL: schema(CATCH_ALL, 10000, "ByUser", everything(EVERYBODY)),
}
MANDATORY_LEVELS: Mapping[str, Obj] = {
    EXEMPT: {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}},
    CATCH_ALL: limited(5, 0, None),
}
"""Specs by name, with their defaults filled in."""

"""NodeAffinity: `spec.nodeSelector` and `spec.affinity.nodeAffinity`, required and preferred."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from pybernetes.api.meta import Obj, labels_of, name_of
from pybernetes.lang import nodeselector

from ..framework import Change, Only, Plugin, Rejection, World, on
from ..kept import by_nodes
from ..nodetable import Ints, Mask, NodeTable
from ..podfacts import PodFacts
from .normalize import by_highest

REASON = "node(s) didn't match Pod's node affinity/selector"
ENFORCED = "node(s) didn't match scheduler-enforced node affinity"
CONFLICT = "pod affinity terms conflict"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    if not pod.node_selector and pod.required_nodes is None:
        return ()
    return (Rejection(REASON, ~matches(pod, world.table)),)


def named(pod: PodFacts, world: World) -> str | Only:  # noqa: ARG001
    """Where every required term names nodes, no others need to be asked about."""
    names = named_nodes(pod)
    if names is None:
        return ""
    return Only(frozenset(names)) if names else CONFLICT


def named_nodes(pod: PodFacts) -> set[str] | None:
    """The names to which every required term is limited (a DaemonSet's pods), None where one is not."""
    if not pod.required_nodes:
        return None
    found: set[str] = set()
    for term in pod.required_nodes:
        names = [
            set(field.get("values") or ())
            for field in term.get("matchFields") or ()
            if field["key"] == "metadata.name" and field["operator"] == "In"
        ]
        if not names:
            return None
        found |= set.intersection(*names)
    return found


def matches(pod: PodFacts, table: NodeTable) -> Mask:
    """The nodes that the pod's selector and required affinity allow."""
    allowed = np.ones(table.size, np.bool_)
    for key, value in pod.node_selector.items():
        allowed &= expression(table, key, "In", [value])
    if pod.required_nodes is not None:
        allowed &= matches_terms(pod.required_nodes, table)
    return allowed


def matches_terms(terms: tuple[Obj, ...], table: NodeTable) -> Mask:
    """The nodes that satisfy any of the terms of a NodeSelector."""
    any_term = np.zeros(table.size, np.bool_)
    for term in terms:
        any_term |= _term(table, term)
    return any_term


def _term(table: NodeTable, term: Obj) -> Mask:
    """The nodes that satisfy all of a term; an empty one matches none."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return np.zeros(table.size, np.bool_)
    matching = np.ones(table.size, np.bool_)
    for each in expressions:
        matching &= expression(table, each["key"], each["operator"], each.get("values") or [])
    for each in fields:
        named = _has_name(table, set(each.get("values") or ()))
        matching &= ~named if each["operator"] == "NotIn" else named
    return matching


def _has_name(table: NodeTable, names: set[str]) -> Mask:
    found = np.zeros(table.size, np.bool_)
    for name in names:
        row = table.rows.get(name)
        if row is not None:
            found[row] = True
    return found


def expression(table: NodeTable, key: str, operator: str, values: list[str]) -> Mask:
    """Decided once per different value of the label; the last verdict is for nodes without it."""
    column = table.label(key)
    verdicts = [_holds(value, operator, values) for value in [*column.values, None]]
    return np.array(verdicts, np.bool_)[column.codes[: table.size]]


def _holds(value: str | None, operator: str, values: list[str]) -> bool:
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    have, want = _integer(value or ""), _integer(values[0])
    if have is None or want is None:
        return False
    return have > want if operator == "Gt" else have < want


_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


def _integer(text: str) -> int | None:
    """Where it is a number of 64 bits."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def make(added: Obj | None = None) -> Plugin:
    """`added`: the argument addedAffinity (a NodeAffinity), which every pod of the profile must meet too."""
    required = (added or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = None if required is None else tuple(required.get("nodeSelectorTerms") or ())
    preferred = tuple((added or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ())

    def enforced(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        found = fits(pod, world)
        if terms is None:
            return found
        refused = ~matches_terms(terms, world.table)
        return (
            Rejection(ENFORCED, refused),
            *(Rejection(each.reason, each.nodes & ~refused, each.resolvable) for each in found),
        )

    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        """The weights of the preferred terms that a node satisfies; an empty term is satisfied by none."""
        wishes = (*preferred, *pod.preferred_nodes)
        if not wishes:
            return None
        return by_highest(by_nodes(world.table, score, pod, lambda: _weights(wishes, world.table)), feasible)

    def may_help(pod: PodFacts, change: Change) -> bool:
        """A node that matches, and did not before."""
        return _one(pod, terms, change.new) and not (change.old and _one(pod, terms, change.old))

    return Plugin(
        "NodeAffinity",
        pre_filter=named,
        filter=enforced,
        score=score,
        weight=2,
        static=True,
        after_same=lambda _pod, _world: "nothing",
        unblocked_by=(on("Node", "add", "labels", hint=may_help),),
    )


def _weights(wishes: tuple[Obj, ...], table: NodeTable) -> Ints:
    """The sum of the weights of the terms that each node satisfies."""
    total = np.zeros(table.size, np.int64)
    for each in wishes:
        total += _term(table, each["preference"]) * np.int64(each["weight"])
    return total


def _one(pod: PodFacts, terms: tuple[Obj, ...] | None, node: Obj | None) -> bool:
    """Whether one node object matches; asked for queueing only."""
    if node is None:
        return True
    labels, name = labels_of(node), name_of(node)
    return (
        all(labels.get(key) == value for key, value in pod.node_selector.items())
        and _any(pod.required_nodes, labels, name)
        and _any(terms, labels, name)
    )


def _any(terms: tuple[Obj, ...] | None, labels: Mapping[str, str], name: str) -> bool:
    return terms is None or nodeselector.matches({"nodeSelectorTerms": terms}, labels, name)


PLUGIN = make()

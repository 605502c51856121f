"""Plugins that look at one node at a time: simple to write, slow where there are thousands of nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from pybernetes.api.meta import Obj

from .framework import MAX_SCORE, Filter, Rejection, Score, World
from .nodetable import Ints, Mask
from .podfacts import PodFacts

log = logging.getLogger("scheduler")

MANY = 500
"""Nodes from which on a function that is called for each of them is warned about."""


def per_node_filter(refuse: Callable[[Obj, Obj], str]) -> Filter:
    """A Filter from a function (pod, node) to the reason for which the node is refused; "" where it is not."""
    warn = _Warning(refuse)

    def fits(_pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        warn.at(world)
        assert world.pod is not None
        found: dict[str, Mask] = {}
        for name, node in world.nodes.items():
            if reason := refuse(world.pod, node):
                mask = found.setdefault(reason, np.zeros(world.table.size, np.bool_))
                mask[world.table.rows[name]] = True
        return tuple(Rejection(reason, nodes) for reason, nodes in found.items())

    return fits


def per_node_score(score: Callable[[Obj, Obj], int]) -> Score:
    """A Score from a function (pod, node) to 0 … 100, asked for feasible nodes only. A
    score outside of that makes the decision fail with an error that names the plugin and the node."""
    warn = _Warning(score)

    def scored(_pod: PodFacts, world: World, feasible: Mask) -> Ints:
        warn.at(world)
        assert world.pod is not None
        found = np.zeros(world.table.size, np.int64)
        for name, node in world.nodes.items():
            row = world.table.rows[name]
            if feasible[row]:
                value = score(world.pod, node)
                if not 0 <= value <= MAX_SCORE:
                    raise ValueError(f"score {value} of node {name} is not between 0 and {MAX_SCORE}")
                found[row] = value
        return found

    return scored


class _Warning:
    """Said once per function."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._name = getattr(function, "__qualname__", repr(function))
        self._said = False

    def at(self, world: World) -> None:
        if not self._said and len(world.nodes) >= MANY:
            self._said = True
            text = "%s is called for each of %d nodes: a function over the columns of the node table is far faster"
            log.warning(text, self._name, len(world.nodes))

"""What a plugin is: a named pair of functions over all nodes at once, and the changes that may unblock its pods.

The names are those of upstream's scheduling framework; its extension points PreFilter and PreScore are the first lines
of the functions here, because a function sees all nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pybernetes.lang.labelselector import Selector

if TYPE_CHECKING:
    from .nodetable import Ints, Mask, NodeTable
    from .podfacts import PodFacts

MAX_SCORE = 100

Resource = Literal["Node", "AssignedPod"]
Action = Literal["add", "delete", "labels", "taints", "allocatable", "unschedulable", "requests"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened in the cluster that may let waiting pods go."""

    resource: Resource
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Trigger:
    """Any of `actions` on `resource` is worth another try."""

    resource: Resource
    actions: frozenset[Action]

    def fires(self, change: Change) -> bool:
        return change.resource == self.resource and not self.actions.isdisjoint(change.actions)


def on(resource: Resource, *actions: Action) -> Trigger:
    return Trigger(resource, frozenset(actions))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Nodes that a filter refuses for one reason. `resolvable`: the nodes on which other pods' leaving could help."""

    reason: str
    nodes: Mask
    resolvable: Mask | bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Everything a decision reads; the table is the scheduler's own and does not change while one is made."""

    table: NodeTable
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default_selector: Callable[[PodFacts], Selector | None] = lambda _facts: None
    """The pods that belong together with this one by its Services and its controller; None: there are none."""


Filter = Callable[["PodFacts", World], tuple[Rejection, ...]]
"""Every reason for which a node is refused; a node may have several. No rejection: all pass."""

Score = Callable[["PodFacts", World, "Mask"], "Ints | None"]
"""0 to 100 for each feasible row (what stands in other rows does not count); None where the plugin has no say."""


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    filter: Filter | None = None
    score: Score | None = None
    weight: int = 1
    unblocked_by: tuple[Trigger, ...] = ()
    static: bool = False
    """Whether the filter reads nothing but node objects, so that its mask may be kept while they stand."""

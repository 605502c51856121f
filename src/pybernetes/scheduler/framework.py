"""What a plugin is: a named set of functions, one per extension point of upstream's scheduling framework.

Filter and Score see all nodes at once. Reserve, Permit and the points around binding see one pod on one node
(`Attempt`). All of them are plain functions but PreBind, Bind and PostBind, which may wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pybernetes.api.meta import Obj
from pybernetes.lang.labelselector import Selector

if TYPE_CHECKING:
    from pybernetes.client.interface import Client
    from pybernetes.clock import Env

    from .columns import Columns
    from .dynamicresources.view import DeviceView
    from .gang.view import GroupView
    from .nodetable import Ints, Mask, NodeTable
    from .nominations import Nominations
    from .podfacts import PodFacts
    from .preemption.candidate import Candidate, Victim
    from .volumes.view import VolumeView
    from .waiting import WaitingPods

MAX_SCORE = 100

Resource = Literal[
    "Node",
    "AssignedPod",
    "UnscheduledPod",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "StorageClass",
    "CSINode",
    "CSIDriver",
    "CSIStorageCapacity",
    "VolumeAttachment",
    "PodDisruptionBudget",
    "ResourceClaim",
    "ResourceSlice",
    "DeviceClass",
    "DeviceTaintRule",
    "PodGroup",
]
Action = Literal[
    "add", "update", "delete", "labels", "taints", "allocatable", "unschedulable", "requests", "annotations"
]


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened in the cluster that may let waiting pods go: `old` and `new` are the object's versions."""

    resource: Resource
    actions: frozenset[Action]
    old: Obj | None = None
    new: Obj | None = None

    @property
    def name(self) -> str:
        """As metrics name it: `NodeAdd`, `AssignedPodDelete`."""
        action = "Add" if "add" in self.actions else "Delete" if "delete" in self.actions else "Update"
        return f"{self.resource}{action}"


Hint = Callable[["PodFacts", Change], bool]
"""Whether a change could help a pod that the plugin refused (upstream's QueueingHintFn)."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Any of `actions` on `resource` is worth another try, where `hint` (if there is one) agrees."""

    resource: Resource
    actions: frozenset[Action]
    hint: Hint | None = None

    def fires(self, change: Change, pod: PodFacts | None = None) -> bool:
        if change.resource != self.resource or self.actions.isdisjoint(change.actions):
            return False
        return self.hint is None or pod is None or self.hint(pod, change)


def on(resource: Resource, *actions: Action, hint: Hint | None = None) -> Trigger:
    return Trigger(resource, frozenset(actions), hint)


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
    nodes: Mapping[str, Obj] = field(default_factory=dict)
    """The node objects by name, for plugins that ask node by node."""
    placed: Mapping[str, Obj] = field(default_factory=dict)
    """The pods that are counted on nodes, by uid."""
    budgets: Sequence[Obj] = ()
    """The PodDisruptionBudgets."""
    volumes: VolumeView | None = None
    nominations: Nominations | None = None
    pod: Obj | None = None
    """The pod of this decision, for plugins that read more than `PodFacts` holds."""
    now: float = 0.0
    """Unix time."""
    state: dict[str, Any] = field(default_factory=dict)
    """What plugins keep from one extension point to the next within one attempt (upstream's CycleState)."""
    devices: DeviceView | None = None
    groups: GroupView | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known when the filters left no node."""

    resolvable: Mask
    """The nodes on which other pods' leaving might help."""
    refusal: Callable[[int], tuple[str, ...]]
    """Why a row is refused, asked of every filter over the table as it is now; empty where it is not."""
    simple: bool
    """Whether resources are all that other pods' leaving can change for this pod."""
    offset: int = 0
    """A random number: where a search that does not look at all nodes begins."""
    by_numbers: Callable[[Columns], tuple[Rejection, ...]] = lambda _columns: ()
    """What the filters that read nothing but numbers say over others than the table's."""


@dataclass(frozen=True, slots=True)
class PostFilterResult:
    """A node to nominate and the pods to remove there, or why there is none."""

    candidate: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    """All that were found, where the profile's extenders have a say."""
    message: str = ""
    clear: bool = False
    """Whether an earlier nomination is void."""
    then: Callable[[Client], Awaitable[None]] | None = None
    """What is to be written for the pod to find a node later. Raises ApiError."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What Permit answers. A pod that waits is let go by `WaitingPods.allow`, or rejected after `seconds`."""

    verdict: Literal["allow", "wait", "reject"] = "allow"
    reason: str = ""
    seconds: float = 0.0


ALLOW = Permission()


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What PlacementFeasible answers about a group: it can be scheduled, may be once more of its pods have a node, or
    cannot be whatever becomes of the rest."""

    verdict: Literal["yes", "wait", "no"] = "yes"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GroupFailure:
    """What is known when a group could not be scheduled. `attempt`: where its pods would go as the table is now, by uid,
    or why they cannot; `simple`: whether what others have on nodes where none of its pods goes is no matter to it."""

    group: Obj | None
    pods: tuple[tuple[Obj, PodFacts], ...]
    attempt: Callable[[], dict[str, str] | str]
    simple: bool = False


@dataclass(frozen=True, slots=True)
class GroupPreemption:
    """The pods to remove, and the nodes to nominate the group's pods for (by uid); none, and why, where nothing can be
    done."""

    victims: tuple[Victim, ...] = ()
    nodes: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(slots=True)
class Attempt:
    """One pod on its way to one node, from Reserve to PostBind. `state` is the plugins' own."""

    pod: Obj
    facts: PodFacts
    node: str
    world: World
    client: Client | None = None
    env: Env | None = None
    state: dict[str, Any] = field(default_factory=dict)
    waiting: WaitingPods | None = None
    """The pods that wait at Permit, which any plugin may let go or refuse."""


class Refused(Exception):
    """A plugin's PreBind or Bind does not let the pod go to its node; the message says why."""


Filter = Callable[["PodFacts", World], tuple[Rejection, ...]]
"""Every reason for which a node is refused; a node may have several. No rejection: all pass."""

Score = Callable[["PodFacts", World, "Mask"], "Ints | None"]
"""0 to 100 for each feasible row (what stands in other rows does not count); None where the plugin has no say."""

PreScore = Callable[["PodFacts", World, "Mask"], None]
"""Prepares what Score functions read, in `World.state`; asked where more than one node is feasible."""

Normalize = Callable[["PodFacts", World, "Ints", "Mask"], "Ints"]
"""From what Score gave (any whole numbers, per row) to 0 … 100 for each feasible row."""

PreEnqueue = Callable[["PodFacts", Obj], str]
"""(what is known of a pod, the pod) to why it may not be tried yet; "" where it may."""


@dataclass(frozen=True, slots=True)
class Only:
    """A PreFilter's answer: no nodes but these can take the pod."""

    nodes: frozenset[str]


PreFilter = Callable[["PodFacts", World], str | Only]
"""Why no node at all can take the pod, or which ones may; "" where any may."""

PostFilter = Callable[["PodFacts", World, Failure], PostFilterResult]

QueueSort = Callable[["PodFacts", int], tuple[Any, ...]]
"""The sort key of a pod in the queue: what is smaller goes first. The number counts arrivals."""


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    name: str
    filter: Filter | None = None
    score: Score | None = None
    weight: int = 1
    unblocked_by: tuple[Trigger, ...] = ()
    static: bool = False
    """Whether the filter reads nothing but node objects, so that its mask may be kept while they stand."""
    filter_numbers: Callable[[PodFacts, Columns], tuple[Rejection, ...]] | None = None
    """The filter over other numbers than the table's, where it reads nothing but numbers."""
    pre_enqueue: PreEnqueue | None = None
    waits_for: Callable[[PodFacts, World], str] | None = None
    """PreEnqueue of a plugin that looks at more than the pod."""
    queue_sort: QueueSort | None = None
    pre_filter: PreFilter | None = None
    post_filter: PostFilter | None = None
    reserve: Callable[[Attempt], str] | None = None
    """Takes what the pod needs before it is bound; the reason where it cannot, "" where it did."""
    unreserve: Callable[[Attempt], None] | None = None
    give_back: Callable[[Attempt], Awaitable[None]] | None = None
    """What is to be written after `unreserve`, where the pod was not bound. Raises ApiError."""
    permit: Callable[[Attempt], Permission] | None = None
    pre_bind: Callable[[Attempt], Awaitable[None]] | None = None
    """Raises Refused or ApiError."""
    bind: Callable[[Attempt], Awaitable[bool]] | None = None
    """Whether it bound the pod; False leaves it to the next. Raises Refused or ApiError."""
    post_bind: Callable[[Attempt], Awaitable[None]] | None = None
    pre_score: PreScore | None = None
    normalize: Normalize | None = None
    """Asked of what `score` gave (upstream's ScoreExtensions)."""
    placement_feasible: Callable[[Obj | None, int, int], Feasibility] | None = None
    """Whether a group can be scheduled, from the PodGroup, how many of its pods have a node and how many are still to be
    decided on."""
    group_post_filter: Callable[[World, GroupFailure], GroupPreemption] | None = None
    """Makes room for a group that found none (PodGroupPostFilter)."""
    minds_others: Callable[[PodFacts, World], bool] | None = None
    """Whether the filter of one of upstream's plugins says otherwise of such a pod once other pods leave, but for what
    `filter_numbers` reads."""
    after_same: Callable[[PodFacts, World], Literal["nothing", "its row"] | None] | None = None
    """What changes in the answers about such a pod once another of the same facts is counted on a row: nothing, or what
    is said of that row. None (also where there is no function): anything may."""
    fits_row: Callable[[PodFacts, World, int], bool] | None = None
    """Whether a row still passes the filter, for a plugin of which `after_same` says "its row"."""
    pre_bind_pre_flight: Callable[[Attempt], bool] | None = None
    """Whether `pre_bind` has anything to do for this pod; without it, it is taken to have."""

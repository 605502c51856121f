"""Devices as a ResourceSlice offers them, and the pools that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj
from pybernetes.lang import nodeselector, quantity

DeviceId = tuple[str, str, str]
"""(driver, pool, device)."""

PoolId = tuple[str, str]
"""(driver, pool)."""

Counters = Mapping[str, Mapping[str, int]]
"""Counter sets by name; amounts in units of 10^-9."""

Attribute = tuple[str, str | int | bool]
"""(its type, its value): values of different types are never the same."""

ATTRIBUTE_TYPES = ("string", "int", "bool", "version")


class AllocationError(Exception):
    """Devices cannot be looked for at all: a claim, a class or a slice is wrong. The message says which, and why."""


class FailedOnNode(Exception):
    """Why one node cannot be looked at; others may."""


@dataclass(frozen=True, slots=True)
class NodeRule:
    """Which nodes reach a device: one by its name, all, or those that a NodeSelector matches."""

    name: str = ""
    everywhere: bool = False
    selector: Obj | None = None

    def allows(self, node: str, labels: Mapping[str, str]) -> bool:
        if self.name:
            return self.name == node
        return self.everywhere or (
            self.selector is not None and nodeselector.matches(self.selector, labels, node)
        )


def node_rule(tree: Obj) -> NodeRule:
    """Of the spec of a slice, or of a device in one that selects nodes per device."""
    return NodeRule(str(tree.get("nodeName") or ""), bool(tree.get("allNodes")), tree.get("nodeSelector"))


@dataclass(slots=True, eq=False)
class Device:
    """`tree` is the device as its slice has it. `taints` are its own and those of DeviceTaintRules."""

    id: DeviceId
    tree: Obj
    rule: NodeRule
    taints: tuple[Obj, ...] = ()
    capacity: Mapping[str, int] = field(default_factory=dict)
    """Units of 10^-9 by name, as the slice spells it."""
    consumes: tuple[tuple[str, Mapping[str, int]], ...] = ()
    """(counter set, amounts) that it takes while it is allocated."""
    shareable: bool = False
    """Whether several claims may have it at a time."""
    matched: dict[str, bool] = field(default_factory=dict)
    """What selectors said of it, by their expression."""

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of a fully qualified name; the driver's own may be spelled without its domain."""
        attributes: Mapping[str, Mapping[str, str | int | bool]] = self.tree.get("attributes") or {}
        found = attributes.get(name)
        if found is None:
            domain, _, identifier = name.partition("/")
            found = attributes.get(identifier) if domain == self.id[0] else None
        for kind in ATTRIBUTE_TYPES:
            if found is not None and found.get(kind) is not None:
                return kind, found[kind]
        return None


@dataclass(slots=True, eq=False)
class Pool:
    """The slices of the newest generation of a pool, all nodes together."""

    id: PoolId
    devices: tuple[Device, ...]
    rules: tuple[NodeRule, ...]
    """Of each slice; a slice that selects nodes per device has one rule per device."""
    counters: Counters
    incomplete: bool
    """Whether slices are still missing."""
    invalid: bool
    """Whether two devices have the same name."""
    conditional: bool
    """Whether a device must be made ready after its allocation: such pools are tried last."""
    nodes: frozenset[str] | None
    """The nodes that reach it, where every rule names one."""
    seen: dict[str, tuple[Device, ...] | None] = field(default_factory=dict)
    """The devices that a node reaches, by its name; None where the pool is not the node's at all."""
    seen_at: int = -1
    """The version of the nodes for which `seen` holds."""

    def for_node(self, node: str, labels: Mapping[str, str]) -> tuple[Device, ...] | None:
        if not any(rule.allows(node, labels) for rule in self.rules):
            return None
        found = tuple(device for device in self.devices if device.rule.allows(node, labels))
        return self.devices if len(found) == len(self.devices) else found


def nano(value: object) -> int:
    """A quantity in units of 10^-9. Raises AllocationError."""
    try:
        return quantity.parse(value).nano  # type: ignore[arg-type]
    except quantity.QuantityError as error:
        raise AllocationError(f"quantity {value!r}: {error}") from error

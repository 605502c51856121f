"""What claims ask for: their requests, read once, with the classes that these name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api.meta import Obj, key_of

from .devices import AllocationError, nano

MOST_RESULTS = 32
"""Devices that one claim can have."""

ClassOf = Callable[[str], Obj | None]


@dataclass(frozen=True, slots=True)
class Selector:
    """A CEL expression; `origin` is how an error names it."""

    origin: str
    expression: str


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A request, or one of the alternatives of one. `name` is as results name it: `request` or `request/alternative`;
    `names` are those by which a constraint or a configuration may mean it."""

    name: str
    names: frozenset[str]
    tree: Obj
    device_class: Obj
    selectors: tuple[Selector, ...]
    all: bool
    count: int
    admin: bool
    tolerations: tuple[Obj, ...] = ()
    capacity: Mapping[str, int] = field(default_factory=dict)
    """Units of 10^-9 by name."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """Devices of these requests (empty: of all) must have the same value of an attribute, or all different ones."""

    kind: Literal["match", "distinct"]
    attribute: str
    requests: frozenset[str]

    def concerns(self, request: Request) -> bool:
        return not self.requests or not self.requests.isdisjoint(request.names)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One claim. Each of `requests` is the alternatives of a request, in order of preference; `ranked` tells whether it
    is written as alternatives."""

    key: str
    tree: Obj
    requests: tuple[tuple[Request, ...], ...]
    ranked: tuple[bool, ...]
    constraints: tuple[Constraint, ...]


def read(claim: Obj, class_of: ClassOf) -> Asked:
    """Raises AllocationError where the claim asks for something that cannot be understood."""
    devices = (claim.get("spec") or {}).get("devices") or {}
    key = key_of(claim)
    requests: list[tuple[Request, ...]] = []
    ranked: list[bool] = []
    for each in devices.get("requests") or ():
        alternatives = each.get("firstAvailable") or ()
        ranked.append(bool(alternatives))
        if alternatives:
            name = each["name"]
            requests.append(
                tuple(
                    _request(key, f"{name}/{a['name']}", (name, f"{name}/{a['name']}"), a, class_of)
                    for a in alternatives
                )
            )
        else:
            requests.append(
                (_request(key, each["name"], (each["name"],), each.get("exactly") or {}, class_of),)
            )
    constraints = tuple(_constraint(key, i, c) for i, c in enumerate(devices.get("constraints") or ()))
    return Asked(key, claim, tuple(requests), tuple(ranked), constraints)


def missing_class(claim: Obj, class_of: ClassOf) -> str:
    """Why an unallocated claim cannot be served by any node: a class that does not exist; "" where there is none."""
    for each in ((claim.get("spec") or {}).get("devices") or {}).get("requests") or ():
        alternatives = each.get("firstAvailable") or ()
        named = [(f"{each['name']}/{a['name']}", a) for a in alternatives] or [
            (each["name"], each.get("exactly") or {})
        ]
        for name, request in named:
            wanted = request.get("deviceClassName") or ""
            if class_of(wanted) is None:
                return f"request {name}: device class {wanted} does not exist"
    return ""


def _request(claim: str, name: str, names: tuple[str, ...], tree: Obj, class_of: ClassOf) -> Request:
    where = f"claim {claim}, request {name.rpartition('/')[2]}"
    class_name = tree.get("deviceClassName") or ""
    if not class_name:
        raise AllocationError(f"{where}: missing device class name (unsupported request type?)")
    device_class = class_of(class_name)
    if device_class is None:
        raise AllocationError(
            f"{where}: could not retrieve device class {class_name}: "
            f'deviceclass.resource.k8s.io "{class_name}" not found'
        )
    mode = tree.get("allocationMode") or "ExactCount"
    if mode not in ("ExactCount", "All"):
        raise AllocationError(f"{where}: unsupported count mode {mode}")
    own = _selectors(f"claim {claim}", tree.get("selectors") or (), where)
    of_class = (device_class.get("spec") or {}).get("selectors") or ()
    return Request(
        name=name,
        names=frozenset(names),
        tree=tree,
        device_class=device_class,
        selectors=(*_selectors(f"class {class_name}", of_class, f"class {class_name}"), *own),
        all=mode == "All",
        count=int(tree.get("count") or 1),
        admin=bool(tree.get("adminAccess")),
        tolerations=tuple(tree.get("tolerations") or ()),
        capacity={
            name: nano(value) for name, value in ((tree.get("capacity") or {}).get("requests") or {}).items()
        },
    )


def _selectors(origin: str, trees: tuple[Obj, ...] | list[Obj], where: str) -> tuple[Selector, ...]:
    found = []
    for index, tree in enumerate(trees):
        if tree.get("cel") is None:
            problem = "CEL expression empty (unsupported selector type?)"
            raise AllocationError(f"{where}, selector #{index}: {problem}")
        found.append(Selector(f"{origin}: selector #{index}", tree["cel"]["expression"]))
    return tuple(found)


def _constraint(claim: str, index: int, tree: Obj) -> Constraint:
    requests = frozenset(tree.get("requests") or ())
    if tree.get("matchAttribute") is not None:
        return Constraint("match", tree["matchAttribute"], requests)
    if tree.get("distinctAttribute") is not None:
        return Constraint("distinct", tree["distinctAttribute"], requests)
    raise AllocationError(
        f"claim {claim}, constraint #{index}: empty constraint (unsupported constraint type?)"
    )

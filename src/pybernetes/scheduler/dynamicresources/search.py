"""Devices for all claims of a pod on one node, or none: a search that tries every possibility and takes the first. Pure.

Claims are served in order, requests of a claim in order, alternatives in order of preference, devices in the order of the
pools. What has been chosen counts as taken while the rest is looked for, and is given back where that fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import capacity, selectors, taints
from .asked import MOST_RESULTS, Asked, Constraint, Request
from .counters import Counters
from .devices import AllocationError, Attribute, Device, DeviceId, FailedOnNode, Pool
from .inuse import InUse

MOST_STEPS = 100_000
"""Devices that are tried for one node; a search that is not done by then is given up."""
TIMED_OUT = "timed out trying to allocate devices"
INVALID = "invalid resource pools were encountered"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A device for a request; `taken` is what a share takes of it, None where the claim has it whole."""

    request: Request
    device: Device
    taken: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """A pool and those of its devices that the node reaches."""

    pool: Pool
    devices: tuple[Device, ...]


class _TooMany(Exception):
    """The claim would have more devices than one can have, whatever is tried below here."""


@dataclass(slots=True)
class _State:
    constraint: Constraint
    values: list[Attribute] = field(default_factory=list)

    def admits(self, value: Attribute | None) -> bool:
        if value is None:
            return False
        if self.constraint.kind == "match":
            return not self.values or self.values[0] == value
        return value not in self.values


class _Lazy:
    """Devices that are found one after another, as far as they are asked for: what need not be looked at is not."""

    __slots__ = ("_found", "_more")

    def __init__(self, devices: Iterator[Device]) -> None:
        self._found: list[Device] = []
        self._more = devices

    def at(self, index: int) -> Device | None:
        while index >= len(self._found):
            device = next(self._more, None)
            if device is None:
                return None
            self._found.append(device)
        return self._found[index]


def allocate(asked: Sequence[Asked], reach: Sequence[Reach], in_use: InUse) -> list[list[Chosen]] | None:
    """The devices of each claim, None where there are not enough. Raises AllocationError where a claim or a class is
    wrong, FailedOnNode where the node's pools are, or where it takes too long."""
    search = _Search(asked, reach, in_use)
    if search.claim(0):
        return search.chosen
    if any(each.pool.invalid for each in reach):
        raise FailedOnNode(INVALID)
    return None


class _Search:
    def __init__(self, asked: Sequence[Asked], reach: Sequence[Reach], in_use: InUse) -> None:
        self.chosen: list[list[Chosen]] = [[] for _ in asked]
        self._asked = asked
        self._in_use = in_use
        self._reach = reach
        usable = [each for each in reach if not each.pool.incomplete and not each.pool.invalid]
        self._candidates = [device for each in usable for device in each.devices]
        self._pool_of = {device.id: each.pool for each in reach for device in each.devices}
        self._whole: dict[DeviceId, list[int]] = {}
        """By which claims devices are being taken."""
        self._amounts: dict[DeviceId, list[Mapping[str, int]]] = {}
        self._counters = Counters(in_use)
        self._states = [[_State(constraint) for constraint in each.constraints] for each in asked]
        self._fitting: dict[Request, _Lazy] = {}
        self._every: dict[Request, list[Device]] = {}
        self._steps = 0
        for each in asked:
            self._check(each)

    def _check(self, asked: Asked) -> None:
        """Learns how many devices "all" are."""
        least = 0
        for alternatives in asked.requests:
            counts = []
            for request in alternatives:
                if request.all:
                    self._every[request] = self._all_devices(asked, request)
                counts.append(self._count(request))
            least += min(counts)
        if least > MOST_RESULTS:
            problem = f"number of requested devices {least} exceeds the claim limit of {MOST_RESULTS}"
            raise AllocationError(f"claim {asked.key}: {problem}")

    def _count(self, request: Request) -> int:
        return len(self._every[request]) if request.all else request.count

    def _all_devices(self, asked: Asked, request: Request) -> list[Device]:
        where = f"claim {asked.key}, request {request.name.rpartition('/')[2]}"
        for each in self._reach:
            if each.pool.incomplete or each.pool.invalid:
                state = "being updated" if each.pool.incomplete else "invalid"
                name = "/".join(each.pool.id)
                raise AllocationError(
                    f"{where}: asks for all devices, but resource pool {name} is currently {state}"
                )
        return [device for each in self._reach for device in each.devices if self._suits(device, request)]

    def _suits(self, device: Device, request: Request) -> bool:
        """What does not depend on what else is being allocated."""
        if not selectors.matches(device, request):
            return False
        taken = capacity.consumed(device, request.capacity)
        return taken is not None and capacity.fits(device, taken, self._in_use.amounts(device.id))

    # Claim by claim, request by request, device by device.

    def claim(self, c: int) -> bool:
        if c == len(self._asked):
            return True
        try:
            return self._request(c, 0)
        except _TooMany:
            return False

    def _request(self, c: int, r: int) -> bool:
        asked = self._asked[c]
        if r == len(asked.requests):
            return self.claim(c + 1)
        if not asked.ranked[r]:
            return self._devices(c, r, asked.requests[r][0], 0, 0)
        too_many = 0
        for request in asked.requests[r]:
            try:
                if self._devices(c, r, request, 0, 0):
                    return True
            except _TooMany:
                too_many += 1
        if too_many == len(asked.requests[r]):
            raise _TooMany
        return False

    def _devices(self, c: int, r: int, request: Request, number: int, start: int) -> bool:
        """Finds the `number`-th device of a request and all that follow, from the `start`-th candidate on: what order
        the devices of one request have does not matter."""
        count = self._count(request)
        if request.all and not count:
            return False
        if number == count:
            return self._request(c, r + 1)
        if len(self.chosen[c]) + count - number > MOST_RESULTS:
            raise _TooMany
        if request.all:
            return self._try(c, r, request, number, self._every[request][number], start, must=True)
        fitting = self._fitting.get(request)
        if fitting is None:
            free = (d for d in self._candidates if request.admin or not self._in_use.held(d.id))
            fitting = self._fitting[request] = _Lazy(d for d in free if self._suits(d, request))
        index = start
        while (device := fitting.at(index)) is not None:
            index += 1
            if self._try(c, r, request, number, device, index):
                return True
        return False

    def _try(
        self,
        c: int,
        r: int,
        request: Request,
        number: int,
        device: Device,
        next_start: int,
        must: bool = False,
    ) -> bool:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise FailedOnNode(TIMED_OUT)
        chosen = self._take(c, request, device, must)
        if chosen is None:
            return False
        done = False
        try:
            done = self._devices(c, r, request, number + 1, next_start)
        finally:
            if not done:
                self._give_back(c, chosen)
        return done

    # One device.

    def _take(self, c: int, request: Request, device: Device, must: bool) -> Chosen | None:
        whole = self._whole.get(device.id, ())
        if c in whole if request.admin else bool(whole) or self._in_use.held(device.id):
            return None
        taken: Mapping[str, int] | None = None
        if device.shareable and not request.admin:
            taken = capacity.consumed(device, request.capacity) or {}
            if not capacity.fits(device, taken, self._used(device)):
                return None
        if taints.prevents(device, request):
            return None
        counting = self._counts(device, request)
        if counting and not self._counters.fits(self._pool_of[device.id], device):
            return None
        if not self._constrain(c, request, device, must):
            return None
        if counting:
            self._counters.take(self._pool_of[device.id], device)
        if taken is None:
            self._whole.setdefault(device.id, []).append(c)
        else:
            self._amounts.setdefault(device.id, []).append(taken)
        chosen = Chosen(request, device, taken)
        self.chosen[c].append(chosen)
        return chosen

    def _give_back(self, c: int, chosen: Chosen) -> None:
        device, request = chosen.device, chosen.request
        self.chosen[c].pop()
        if chosen.taken is None:
            self._whole[device.id].pop()
        else:
            self._amounts[device.id].pop()
        if self._counts(device, request):
            self._counters.give_back(self._pool_of[device.id], device)
        for state in self._states[c]:
            if state.constraint.concerns(request):
                state.values.pop()

    def _constrain(self, c: int, request: Request, device: Device, must: bool) -> bool:
        concerned = [state for state in self._states[c] if state.constraint.concerns(request)]
        values = [device.attribute(state.constraint.attribute) for state in concerned]
        for state, value in zip(concerned, values, strict=True):
            if not state.admits(value):
                if must:
                    name = "/".join(device.id)
                    raise AllocationError(
                        f"claim {self._asked[c].key}, request {request.name.rpartition('/')[2]}: cannot add device "
                        f"{name} because a claim constraint would not be satisfied"
                    )
                return False
        for state, value in zip(concerned, values, strict=True):
            assert value is not None
            state.values.append(value)
        return True

    def _used(self, device: Device) -> dict[str, int]:
        used = dict(self._in_use.amounts(device.id))
        for each in self._amounts.get(device.id, ()):
            for name, amount in each.items():
                used[name] = used.get(name, 0) + amount
        return used

    def _counts(self, device: Device, request: Request) -> bool:
        """Whether allocating the device takes from counters: the first share of a shared one does."""
        if not device.consumes or request.admin:
            return False
        return not (device.shareable and (self._in_use.shared(device.id) or self._amounts.get(device.id)))

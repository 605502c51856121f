"""What allocated claims hold: devices, and parts of the capacity of those that are shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybernetes.api.meta import Obj

from .devices import DeviceId, nano

Results = Iterable[Obj]
"""`allocation.devices.results`."""


class InUse:
    def __init__(self) -> None:
        self._held: dict[DeviceId, int] = {}
        self._shares: dict[DeviceId, int] = {}
        self._amounts: dict[DeviceId, dict[str, int]] = {}

    def held(self, device: DeviceId) -> bool:
        """Whether some claim has the device for itself."""
        return device in self._held

    def shared(self, device: DeviceId) -> bool:
        """Whether some claim has a share of the device."""
        return device in self._shares

    def amounts(self, device: DeviceId) -> Mapping[str, int]:
        """What the shares of a device take of its capacities, in units of 10^-9."""
        return self._amounts.get(device, {})

    def add(self, results: Results) -> None:
        self._count(results, 1)

    def remove(self, results: Results) -> None:
        self._count(results, -1)

    def _count(self, results: Results, sign: int) -> None:
        """Devices that are accessed for administration are nobody's."""
        for each in results:
            if each.get("adminAccess"):
                continue
            device = device_of(each)
            table = self._shares if each.get("shareID") else self._held
            table[device] = table.get(device, 0) + sign
            if table[device] <= 0:
                del table[device]
            amounts = self._amounts.setdefault(device, {})
            for name, value in (each.get("consumedCapacity") or {}).items():
                amounts[name] = amounts.get(name, 0) + sign * nano(value)
            if device not in self._shares:
                self._amounts.pop(device, None)


def device_of(result: Obj) -> DeviceId:
    return result["driver"], result["pool"], result["device"]


def results_of(claim: Obj | None) -> tuple[Obj, ...]:
    """The devices of an allocated claim."""
    allocation = ((claim or {}).get("status") or {}).get("allocation") or {}
    return tuple((allocation.get("devices") or {}).get("results") or ())

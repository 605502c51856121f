"""What is left of the counters that the devices of a pool share, while devices are being looked for."""

from __future__ import annotations

from .devices import Device, Pool, PoolId
from .inuse import InUse

Left = dict[str, dict[str, int]]
"""By counter set and counter, in units of 10^-9."""


class Counters:
    def __init__(self, in_use: InUse) -> None:
        self._in_use = in_use
        self._left: dict[PoolId, Left] = {}

    def fits(self, pool: Pool, device: Device) -> bool:
        """Whether as much is left as the device takes."""
        left = self._of(pool)
        return all(
            amount <= left.get(name, {}).get(counter, 0)
            for name, amounts in device.consumes
            for counter, amount in amounts.items()
        )

    def take(self, pool: Pool, device: Device) -> None:
        _add(self._of(pool), device, -1)

    def give_back(self, pool: Pool, device: Device) -> None:
        _add(self._of(pool), device, 1)

    def _of(self, pool: Pool) -> Left:
        """Devices of the whole pool count, also those that only other nodes reach."""
        left = self._left.get(pool.id)
        if left is None:
            left = self._left[pool.id] = {name: dict(each) for name, each in pool.counters.items()}
            for device in pool.devices:
                if self._in_use.held(device.id) or self._in_use.shared(device.id):
                    _add(left, device, -1)
        return left


def _add(left: Left, device: Device, sign: int) -> None:
    for name, amounts in device.consumes:
        counters = left.get(name)
        for counter, amount in amounts.items():
            if counters is not None and counter in counters:
                counters[counter] += sign * amount

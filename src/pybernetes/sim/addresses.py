"""The addresses of a node's pods."""

from __future__ import annotations

import ipaddress

from pybernetes.kubelet.runtime import CRIError


class Addresses:
    """Addresses of a pod range, handed out in turn and not again before all others."""

    def __init__(self, pod_cidr: str) -> None:
        network = ipaddress.ip_network(pod_cidr)
        self._first = int(network.network_address) + 2  # .1 is the gateway
        self._count = network.num_addresses - 3
        self._next = 0
        self._used: set[int] = set()

    def take(self) -> str:
        """A free address. Raises CRIError where there is none."""
        for _ in range(self._count):
            number = self._first + self._next
            self._next = (self._next + 1) % self._count
            if number not in self._used:
                self._used.add(number)
                return str(ipaddress.ip_address(number))
        raise CRIError("no IP addresses available in range set")

    def adopt(self, other: Addresses) -> None:
        """The same are taken as from `other`, of the same range."""
        self._next, self._used = other._next, set(other._used)

    def give_back(self, ip: str) -> None:
        self._used.discard(int(ipaddress.ip_address(ip)))

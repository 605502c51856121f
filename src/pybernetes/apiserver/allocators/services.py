"""Cluster addresses and node ports for Services: given when asked for, kept over updates, free when the Service goes."""

from __future__ import annotations

import random

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import SERVICE
from pybernetes.api.meta import MutableObj, Obj, key_of, uid_of

from ..version import UNREADABLE
from ..window import Change
from .networks import Addresses, log
from .nodeports import NodePorts, held_ports
from .pool import Pool
from .reservation import NOTHING_RESERVED, Reservation

__all__ = ["NOTHING_RESERVED", "Reservation", "ServiceAllocator"]


class ServiceAllocator:
    """Both, for one API server. The `follow…` functions keep them in step with what is stored."""

    def __init__(self, service_cidr: str, node_ports: tuple[int, int], rng: random.Random) -> None:
        """`service_cidr` is one network, or two of different families with a comma. Raises ValueError."""
        self._addresses = Addresses(service_cidr, rng)
        self._ports = NodePorts(*node_ports, rng)
        self.follow_addresses = self._addresses.follow_address
        self.follow_networks = self._addresses.follow_network

    @property
    def default_cidrs(self) -> tuple[str, ...]:
        """The networks of the ServiceCIDR `kubernetes`."""
        return self._addresses.ranges

    @property
    def first_address(self) -> str:
        """The address of the `kubernetes` Service."""
        return self._addresses.first_address

    def follow(self, change: Change) -> None:
        """Takes note of a stored change (also of other API servers' ones)."""
        new = change.new.tree() if change.new is not None else None
        if change.old is not None:
            old = change.old.tree()
            owner, kept = owner_of(old), self._numbers(new) if new is not None else set()
            for pool, number in self._numbers(old) - kept:
                pool.release(number, owner)
        if new is not None:
            self._claim(new)

    def reserve(self, kind: Kind, tree: MutableObj, old: Obj | None) -> Reservation:
        """Fills in addresses and ports of a Service about to be stored. Raises Invalid, InternalError.

        Numbers that the change gives up are released when it is seen in the cache.
        """
        if kind is not SERVICE:
            return NOTHING_RESERVED
        reservation = Reservation(owner_of(tree))
        try:
            self._addresses.reserve(tree, old, reservation)
            self._ports.reserve(tree, old, reservation)
        except BaseException:
            reservation.release()
            raise
        return reservation

    def _claim(self, tree: Obj) -> None:
        owner = owner_of(tree)
        for pool, number in self._numbers(tree):
            if pool.owner(number) is None:
                pool.take(number, owner)

    def _numbers(self, tree: Obj) -> set[tuple[Pool, int]]:
        """What a stored Service holds. One that cannot be read (it was stored by other means) holds nothing."""
        try:
            spec = tree.get("spec") or {}
            ports = ((self._ports.pool, number) for number in held_ports(spec))
            return {*self._addresses.held(spec), *ports}
        except UNREADABLE as error:
            log.warning("Service %s cannot be read and holds nothing: %s", key_of(tree), error)
            return set()


def owner_of(tree: Obj) -> str:
    """Who holds a Service's numbers: the object, not its name (it may be deleted and made anew)."""
    return uid_of(tree)

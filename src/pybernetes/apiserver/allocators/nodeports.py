"""Node ports for Services: one number per port of the Service (its protocols share it), one for health checks."""

from __future__ import annotations

import random
from collections.abc import Iterator

from pybernetes.api.core.service_validation import PORTED, needs_health_check
from pybernetes.api.errors import InternalError
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj

from .families import refuse
from .pool import Exhausted, Pool, Taken
from .reservation import Reservation

SMALLEST_BAND, LARGEST_BAND, BANDS = 16, 128, 32


class NodePorts:
    """The numbers between two, both included. The lower ones are left to who chooses (upstream's static band)."""

    def __init__(self, first: int, last: int, rng: random.Random) -> None:
        size = last - first + 1
        band = min(max(size // BANDS, SMALLEST_BAND), LARGEST_BAND) if size > SMALLEST_BAND else 0
        self.pool = Pool(first, last, dynamic_from=first + band)
        self._rng = rng

    def reserve(self, tree: MutableObj, old: Obj | None, reservation: Reservation) -> None:
        """Fills in the numbers of a Service about to be stored. Raises Invalid, InternalError."""
        spec, before = tree["spec"], (old or {}).get("spec") or {}
        if spec.get("type") in PORTED:
            if old is None:
                self._new(tree, reservation)
            else:
                self._changed(tree, before, reservation)
        if needs_health_check(spec) and not needs_health_check(before):
            self._health_check(spec, reservation)

    def _new(self, tree: MutableObj, reservation: Reservation) -> None:
        spec = tree["spec"]
        ports, allocate = spec.get("ports") or (), _allocates(spec)
        known: dict[int, int] = {}
        for index, port in enumerate(ports):
            if not port.get("nodePort") and not allocate:
                continue
            served = port.get("port", 0)
            if served not in known:
                chosen = next(
                    (p["nodePort"] for p in ports if p.get("port", 0) == served and p.get("nodePort")), 0
                )
                if chosen:
                    self._take(tree, index, chosen, reservation)
                known[served] = port["nodePort"] = chosen or self._any("nodePort", reservation)
            elif not port.get("nodePort"):
                port["nodePort"] = known[served]
            elif port["nodePort"] != known[served]:
                self._take(tree, index, port["nodePort"], reservation)

    def _changed(self, tree: MutableObj, before: Obj, reservation: Reservation) -> None:
        spec = tree["spec"]
        allocate = _allocates(spec)
        had = {port.get("nodePort") for port in before.get("ports") or ()}
        for index, port in enumerate(spec.get("ports") or ()):
            if port.get("nodePort"):
                if port["nodePort"] not in had:
                    self._take(tree, index, port["nodePort"], reservation)
            elif allocate:
                port["nodePort"] = self._any("nodePort", reservation)

    def _health_check(self, spec: MutableObj, reservation: Reservation) -> None:
        wanted = spec.get("healthCheckNodePort")
        if not wanted:
            spec["healthCheckNodePort"] = self._any("HealthCheck NodePort 0", reservation)
            return
        why = self._refusal(wanted, reservation)
        if why:
            raise InternalError(
                "Internal error occurred: failed to allocate requested HealthCheck NodePort "
                f"{wanted}: provided port is {why}"
            )

    def _any(self, what: str, reservation: Reservation) -> int:
        try:
            number = self.pool.take_any(reservation.owner, self._rng)
        except Exhausted as error:
            raise InternalError(
                f"Internal error occurred: failed to allocate a {what}: range is full"
            ) from error
        reservation.taken.append((self.pool, number))
        return number

    def _take(self, tree: Obj, index: int, number: int, reservation: Reservation) -> None:
        why = self._refusal(number, reservation)
        if why:
            errors = FieldErrors()
            errors.at("spec", "ports", index).invalid(number, f"provided port is {why}", "nodePort")
            refuse(tree, errors)

    def _refusal(self, number: int, reservation: Reservation) -> str:
        """Takes a number; why that cannot be, or ""."""
        if number not in self.pool:
            last = self.pool.last
            return f"not in the valid range. The range of valid ports is {self.pool.first}-{last}"
        try:
            if self.pool.take(number, reservation.owner):
                reservation.taken.append((self.pool, number))
        except Taken:
            return "already allocated"
        return ""


def held_ports(spec: Obj) -> Iterator[int]:
    """The numbers that a stored Service holds."""
    for port in spec.get("ports") or ():
        if port.get("nodePort"):
            yield int(port["nodePort"])
    if spec.get("healthCheckNodePort"):
        yield int(spec["healthCheckNodePort"])


def _allocates(spec: Obj) -> bool:
    return not (spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False)

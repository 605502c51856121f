"""Cluster addresses and node ports for Services: given when asked for, kept over updates, free when the Service goes."""

from __future__ import annotations

import ipaddress
import logging
import random
from dataclasses import dataclass, field

from pybernetes.api.errors import Cause, InternalError, Invalid
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import SERVICE
from pybernetes.api.meta import MutableObj, Obj, is_deleting, key_of, name_of, uid_of

from ..window import Change
from .pool import Exhausted, Pool, Taken

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PORTED = ("NodePort", "LoadBalancer")
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What reading an object of a wrong shape raises."""
log = logging.getLogger("allocators")


@dataclass(slots=True)
class Reservation:
    """What one request has newly taken: kept if its write succeeds, else released."""

    owner: str = ""
    taken: list[tuple[Pool, int]] = field(default_factory=list)

    def release(self) -> None:
        for pool, number in self.taken:
            pool.release(number, self.owner)
        self.taken.clear()


NOTHING_RESERVED = Reservation()


class ServiceAllocator:
    """Addresses from the network of the server's flag and from those of the ServiceCIDRs, and node ports. The
    `follow…` functions keep all in step with what is stored."""

    def __init__(self, service_cidr: str, node_ports: tuple[int, int], rng: random.Random) -> None:
        self._network = ipaddress.ip_network(service_cidr)
        self._owners: dict[int, str] = {}
        self._addresses = _pool(self._network, self._owners)
        self._further: dict[str, tuple[tuple[Network, Pool], ...]] = {}
        """By the name of the ServiceCIDR: the networks that are ready beside that of the flag."""
        self._ports = Pool(*node_ports)
        self._rng = rng

    @property
    def default_cidrs(self) -> tuple[str, ...]:
        """The networks of the ServiceCIDR `kubernetes`."""
        return (str(self._network),)

    @property
    def family(self) -> str:
        return f"IPv{self._network.version}"

    @property
    def first_address(self) -> str:
        """The address of the `kubernetes` Service."""
        return str(self._network[1])

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

    def follow_addresses(self, change: Change) -> None:
        """Takes note of IPAddresses: also of those that users made for something else than a Service."""
        for version, gone in ((change.old, True), (change.new, False)):
            if version is None:
                continue
            try:
                number = int(ipaddress.ip_address(version.name))
            except ValueError:
                continue
            owner = f"ipaddress {version.uid}"
            if gone and change.new is None and self._owners.get(number) == owner:
                del self._owners[number]
            elif not gone:
                self._owners.setdefault(number, owner)

    def follow_networks(self, change: Change) -> None:
        """Takes note of ServiceCIDRs."""
        if change.new is None:
            if change.old is not None:
                self._further.pop(change.old.name, None)
            return
        tree = change.new.tree()
        try:
            networks = self._networks_of(tree)
        except UNREADABLE as error:
            log.warning("ServiceCIDR %s cannot be read and gives no addresses: %s", name_of(tree), error)
            networks = ()
        self._further[name_of(tree)] = tuple((each, _pool(each, self._owners)) for each in networks)

    def _networks_of(self, cidr: Obj) -> tuple[Network, ...]:
        """The networks that a ServiceCIDR adds."""
        if not is_ready(cidr):
            return ()
        texts = (cidr.get("spec") or {}).get("cidrs") or ()
        networks = (ipaddress.ip_network(text, strict=False) for text in texts)
        return tuple(
            each for each in networks if each.version == self._network.version and each != self._network
        )

    def _pools(self) -> list[tuple[Network, Pool]]:
        further = [pair for pairs in self._further.values() for pair in pairs]
        return [(self._network, self._addresses), *further]

    def reserve(self, kind: Kind, tree: MutableObj, old: Obj | None) -> Reservation:
        """Fills in addresses and ports of a Service about to be stored. Raises Invalid, InternalError.

        Numbers that the change gives up are released when it is seen in the cache.
        """
        if kind is not SERVICE:
            return NOTHING_RESERVED
        reservation = Reservation(owner_of(tree))
        try:
            self._addresses_of(tree, old, reservation)
            self._ports_of(tree, old, reservation)
        except BaseException:
            reservation.release()
            raise
        return reservation

    # ---- cluster addresses

    def _addresses_of(self, tree: MutableObj, old: Obj | None, reservation: Reservation) -> None:
        spec = tree["spec"]
        if spec.get("type") == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(name, None)
            return
        before = (old or {}).get("spec") or {}
        if not spec.get("clusterIP") and spec.get("clusterIPs"):
            spec["clusterIP"] = spec["clusterIPs"][0]
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        wanted = spec.get("clusterIP")
        if not wanted:
            spec["clusterIP"] = self._any_address(reservation)
        elif wanted != "None" and wanted != before.get("clusterIP"):
            self._this_address(tree, wanted, reservation)
        spec["clusterIPs"] = [spec["clusterIP"]]
        if not (spec["clusterIP"] == "None" and spec.get("ipFamilies")):
            spec["ipFamilies"] = [self.family]
        if spec.get("ipFamilyPolicy") == "RequireDualStack":
            raise _invalid(
                tree,
                "FieldValueInvalid",
                "spec.ipFamilyPolicy",
                'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
            )
        spec.setdefault("ipFamilyPolicy", "SingleStack")

    def _any_address(self, reservation: Reservation) -> str:
        for _network, pool in self._pools():
            try:
                number = pool.take_any(reservation.owner, self._rng)
            except Exhausted:
                continue
            reservation.taken.append((pool, number))
            return str(ipaddress.ip_address(number))
        raise InternalError("failed to allocate a serviceIP: range is full")

    def _this_address(self, tree: Obj, wanted: str, reservation: Reservation) -> None:
        """An address that the client chose."""
        field_name = "spec.clusterIPs"
        shown = f'Invalid value: ["{wanted}"]: failed to allocate IP {wanted}: '
        try:
            address = ipaddress.ip_address(wanted)
        except ValueError as error:
            detail = (
                f'Invalid value: "{wanted}": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
            )
            raise _invalid(tree, "FieldValueInvalid", "spec.clusterIPs[0]", detail) from error
        pairs = [(network, pool) for network, pool in self._pools() if address in network]
        if not pairs:
            why = "the provided network does not match the current range"
            raise _invalid(tree, "FieldValueInvalid", field_name, shown + why)
        network, pool = next((pair for pair in pairs if int(address) in pair[1]), pairs[0])
        if int(address) not in pool:
            why = f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {network}"
            raise _invalid(tree, "FieldValueInvalid", field_name, shown + why)
        try:
            if pool.take(int(address), reservation.owner):
                reservation.taken.append((pool, int(address)))
        except Taken as error:
            raise _invalid(
                tree, "FieldValueInvalid", field_name, shown + "provided IP is already allocated"
            ) from error

    # ---- node ports

    def _ports_of(self, tree: MutableObj, old: Obj | None, reservation: Reservation) -> None:
        spec = tree["spec"]
        wants_ports = spec.get("type") in PORTED and not (
            spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False
        )
        before = _node_ports_by_port(old) if old is not None else {}
        used: dict[tuple[int, str], None] = {}
        for index, port in enumerate(spec.get("ports") or ()):
            protocol = port.get("protocol", "TCP")
            number = port.get("nodePort")
            if not wants_ports and spec.get("type") not in PORTED:
                port.pop("nodePort", None)
                continue
            if not number and wants_ports:
                number = before.get((port.get("port"), protocol)) or self._any_port(
                    used, protocol, reservation
                )
                port["nodePort"] = number
            if not number:
                continue
            if (number, protocol) not in used:
                self._this_port(tree, index, number, reservation)
            used[number, protocol] = None
        if spec.get("externalTrafficPolicy") == "Local" and spec.get("type") == "LoadBalancer":
            self._health_check_port(tree, old, reservation)

    def _any_port(self, used: dict[tuple[int, str], None], protocol: str, reservation: Reservation) -> int:
        """A free port; a number that this Service uses for another protocol will do."""
        for number, other in used:
            if other != protocol and (number, protocol) not in used:
                return number
        try:
            number = self._ports.take_any(reservation.owner, self._rng)
        except Exhausted as error:
            raise InternalError("failed to allocate a nodePort: range is full") from error
        reservation.taken.append((self._ports, number))
        return number

    def _this_port(self, tree: Obj, index: int, number: int, reservation: Reservation) -> None:
        path = f"spec.ports[{index}].nodePort"
        if number not in self._ports:
            detail = (
                f"Invalid value: {number}: provided port is not in the valid range. "
                f"The range of valid ports is {self._ports.first}-{self._ports.last}"
            )
            raise _invalid(tree, "FieldValueInvalid", path, detail)
        try:
            if self._ports.take(number, reservation.owner):
                reservation.taken.append((self._ports, number))
        except Taken as error:
            detail = f"Invalid value: {number}: provided port is already allocated"
            raise _invalid(tree, "FieldValueInvalid", path, detail) from error

    def _health_check_port(self, tree: MutableObj, old: Obj | None, reservation: Reservation) -> None:
        spec = tree["spec"]
        before = ((old or {}).get("spec") or {}).get("healthCheckNodePort")
        if not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = before or self._any_port({}, "TCP", reservation)

    # ---- what a stored Service holds

    def _claim(self, tree: Obj) -> None:
        owner = owner_of(tree)
        for pool, number in self._numbers(tree):
            if pool.owner(number) is None:
                pool.take(number, owner)

    def _numbers(self, tree: Obj) -> set[tuple[Pool, int]]:
        """What a stored Service holds. One that cannot be read (it was stored by other means) holds nothing."""
        try:
            return self._held(tree)
        except UNREADABLE as error:
            log.warning("Service %s cannot be read and holds nothing: %s", key_of(tree), error)
            return set()

    def _held(self, tree: Obj) -> set[tuple[Pool, int]]:
        spec = tree.get("spec") or {}
        numbers: set[tuple[Pool, int]] = set()
        address = spec.get("clusterIP")
        if address and address != "None":
            numbers.add((self._addresses, int(ipaddress.ip_address(address))))
        for port in spec.get("ports") or ():
            if port.get("nodePort"):
                numbers.add((self._ports, int(port["nodePort"])))
        if spec.get("healthCheckNodePort"):
            numbers.add((self._ports, int(spec["healthCheckNodePort"])))
        return numbers


def owner_of(tree: Obj) -> str:
    """Who holds a Service's numbers: the object, not its name (it may be deleted and made anew)."""
    return uid_of(tree)


def is_ready(cidr: Obj) -> bool:
    """Whether addresses of a ServiceCIDR may be given out. One that nobody has judged may: there may be no
    controllers."""
    conditions = (cidr.get("status") or {}).get("conditions") or ()
    ready = next((each.get("status") for each in conditions if each.get("type") == "Ready"), "True")
    return ready == "True" and not is_deleting(cidr)


def _pool(network: Network, owners: dict[int, str]) -> Pool:
    base, size = int(network.network_address), network.num_addresses
    last = base + size - (2 if network.version == 4 else 1)
    # The lower part is left for addresses that users choose (upstream's static band).
    band = min(max(16, size // 16), 256)
    return Pool(base + 1, last, dynamic_from=base + 1 + band if size > 2 * band else None, owners=owners)


def _node_ports_by_port(old: Obj) -> dict[tuple[int, str], int]:
    ports = (old.get("spec") or {}).get("ports") or ()
    return {(p["port"], p.get("protocol", "TCP")): p["nodePort"] for p in ports if p.get("nodePort")}


def _invalid(tree: Obj, reason: str, path: str, message: str) -> Invalid:
    name = tree["metadata"].get("name", "")
    return Invalid(
        f'Service "{name}" is invalid: {path}: {message}',
        kind="Service",
        name=name,
        causes=[Cause(reason, message, path)],
    )

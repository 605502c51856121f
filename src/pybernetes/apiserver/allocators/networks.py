"""Cluster addresses: the networks of the server's flag and those of the ServiceCIDRs, by family."""

from __future__ import annotations

import ipaddress
import logging
import random
from collections.abc import Iterator, Sequence

from pybernetes.api.core.service_addresses import is_headless
from pybernetes.api.errors import InternalError
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj, is_deleting, name_of

from ..version import UNREADABLE
from ..window import Change
from .families import complete_families, refuse, stays_as_it_is
from .pool import Exhausted, Pool, Taken
from .reservation import Reservation

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SMALLEST_BAND, LARGEST_BAND, BANDS = 16, 256, 16
log = logging.getLogger("allocators")


def read_ranges(text: str) -> tuple[Network, ...]:
    """One network, or two of different families, the default first: the flag `--service-cluster-ip-range`. Raises
    ValueError."""
    networks = tuple(ipaddress.ip_network(each.strip()) for each in text.split(","))
    if len(networks) > 2:
        raise ValueError("must not hold more than two CIDRs")
    if len({network.version for network in networks}) < len(networks):
        raise ValueError("the two CIDRs must be of different IP family")
    return networks


class Addresses:
    """Who holds which address; owners are opaque."""

    def __init__(self, ranges: str, rng: random.Random) -> None:
        self._rng = rng
        self._networks = {f"IPv{each.version}": each for each in read_ranges(ranges)}
        self._owners: dict[str, dict[int, str]] = {family: {} for family in self._networks}
        self._first = {family: (each, self._pool(each)) for family, each in self._networks.items()}
        self._further: dict[str, tuple[tuple[Network, Pool], ...]] = {}
        """By the name of the ServiceCIDR: the networks that are ready beside those of the flag."""

    @property
    def families(self) -> tuple[str, ...]:
        """The default first."""
        return tuple(self._networks)

    @property
    def ranges(self) -> tuple[str, ...]:
        """Of the flag."""
        return tuple(str(network) for network in self._networks.values())

    @property
    def first_address(self) -> str:
        return str(next(iter(self._networks.values()))[1])

    def follow_address(self, change: Change) -> None:
        """Takes note of an IPAddress: also of one that users made for something else than a Service."""
        for version, gone in ((change.old, True), (change.new, False)):
            if version is None:
                continue
            try:
                address = ipaddress.ip_address(version.name)
            except ValueError:
                continue
            owners = self._owners.get(f"IPv{address.version}")
            owner = f"ipaddress {version.uid}"
            if owners is None:
                continue
            if gone and change.new is None and owners.get(int(address)) == owner:
                del owners[int(address)]
            elif not gone:
                owners.setdefault(int(address), owner)

    def follow_network(self, change: Change) -> None:
        """Takes note of a ServiceCIDR."""
        if change.new is None:
            if change.old is not None:
                self._further.pop(change.old.name, None)
            return
        tree = change.new.tree()
        try:
            networks = tuple(self._added_by(tree))
        except UNREADABLE as error:
            log.warning("ServiceCIDR %s cannot be read and gives no addresses: %s", name_of(tree), error)
            networks = ()
        self._further[name_of(tree)] = tuple((each, self._pool(each)) for each in networks)

    def reserve(self, tree: MutableObj, old: Obj | None, reservation: Reservation) -> None:
        """Fills in families and addresses of a Service about to be stored. Raises Invalid, InternalError."""
        spec, before = tree["spec"], (old or {}).get("spec") or {}
        if spec.get("type") == "ExternalName" or stays_as_it_is(spec, before):
            return
        complete_families(tree, old, self.families)
        if is_headless(spec) or (is_headless(before) and before.get("type") != "ExternalName"):
            return
        had = before.get("clusterIPs") or ()
        wanted = [*(spec.get("clusterIPs") or ())]
        given = []
        for index, family in enumerate(spec["ipFamilies"]):
            text = wanted[index] if index < len(wanted) else ""
            if index < len(had):
                text = text or had[index]  # another one is for the rules of updates to refuse
            elif not text:
                text = self._any(family, reservation)
            else:
                self._this(tree, family, text, reservation)
            given.append(text)
        spec["clusterIP"], spec["clusterIPs"] = given[0], given

    def held(self, spec: Obj) -> Iterator[tuple[Pool, int]]:
        """What a stored Service holds."""
        for text in spec.get("clusterIPs") or [spec.get("clusterIP")]:
            if text and text != "None":
                address = ipaddress.ip_address(text)
                pair = self._first.get(f"IPv{address.version}")
                if pair is not None:
                    yield pair[1], int(address)

    def _any(self, family: str, reservation: Reservation) -> str:
        for network, pool in self._pools(family):
            try:
                number = pool.take_any(reservation.owner, self._rng)
            except Exhausted:
                continue
            reservation.taken.append((pool, number))
            return str(type(network.network_address)(number))
        raise InternalError("Internal error occurred: failed to allocate a serviceIP: range is full")

    def _this(self, tree: Obj, family: str, wanted: str, reservation: Reservation) -> None:
        """An address that the client chose."""
        why = self._refusal(family, wanted, reservation)
        if why:
            errors = FieldErrors()
            given = tree["spec"].get("clusterIPs")
            errors.at("spec").invalid(given, f"failed to allocate IP {wanted}: {why}", "clusterIPs")
            refuse(tree, errors)

    def _refusal(self, family: str, wanted: str, reservation: Reservation) -> str:
        """Takes an address; why that cannot be, or ""."""
        address = ipaddress.ip_address(wanted)
        pairs = [(network, pool) for network, pool in self._pools(family) if address in network]
        if not pairs:
            return "the provided network does not match the current range"
        network, pool = next((pair for pair in pairs if int(address) in pair[1]), pairs[0])
        if int(address) not in pool:
            return (
                f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {network}"
            )
        try:
            if pool.take(int(address), reservation.owner):
                reservation.taken.append((pool, int(address)))
        except Taken:
            return "provided IP is already allocated"
        return ""

    def _added_by(self, cidr: Obj) -> Iterator[Network]:
        if not is_ready(cidr):
            return
        for text in (cidr.get("spec") or {}).get("cidrs") or ():
            network = ipaddress.ip_network(text, strict=False)
            mine = self._networks.get(f"IPv{network.version}")
            if mine is not None and network != mine:
                yield network

    def _pools(self, family: str) -> Sequence[tuple[Network, Pool]]:
        further = [pair for pairs in self._further.values() for pair in pairs]
        return [self._first[family], *(pair for pair in further if f"IPv{pair[0].version}" == family)]

    def _pool(self, network: Network) -> Pool:
        base, size = int(network.network_address), network.num_addresses
        last = base + size - (2 if network.version == 4 else 1)
        # The lower part is left for addresses that users choose (upstream's static band).
        band = min(max(SMALLEST_BAND, size // BANDS), LARGEST_BAND)
        dynamic = base + 1 + band if size > 2 * band else None
        return Pool(base + 1, last, dynamic_from=dynamic, owners=self._owners[f"IPv{network.version}"])


def is_ready(cidr: Obj) -> bool:
    """Whether addresses of a ServiceCIDR may be given out. One that nobody has judged may: there may be no
    controllers."""
    conditions = (cidr.get("status") or {}).get("conditions") or ()
    ready = next((each.get("status") for each in conditions if each.get("type") == "Ready"), "True")
    return ready == "True" and not is_deleting(cidr)

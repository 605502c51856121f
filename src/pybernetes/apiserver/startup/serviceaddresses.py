"""The ServiceCIDR `kubernetes`, and IPAddresses put right: made where a Service has none, gone with their Service.

The transaction of a Service keeps its IPAddresses; what is left to do here is what users delete, and data that was
written before there were IPAddresses.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.aio import upkeep
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.kinds import IPADDRESS, SERVICE, SERVICECIDR
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.client.interface import Call
from pybernetes.store.types import Compare, StoreError

from ..allocators.ipaddresses import AddressBook, cluster_addresses, is_ours, parent_of
from ..inprocess import InProcessTransport
from ..services import Services
from .bootstrap import ensure

log = logging.getLogger(__name__)

DEFAULT = "kubernetes"
INTERVAL = 60.0
"""Seconds between looks at whether all addresses are there."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What is wrong: addresses without an IPAddress, with their Service, and IPAddresses without a Service."""

    missing: tuple[tuple[str, Obj], ...]
    orphaned: tuple[Obj, ...]


def repairs(services: Iterable[Obj], addresses: Iterable[Obj]) -> Repair:
    """Compares the Services with the IPAddresses."""
    wanted = {text: service for service in services for text in cluster_addresses(service)}
    known = {name_of(address): address for address in addresses}
    missing = tuple((text, service) for text, service in wanted.items() if text not in known)
    orphaned = []
    for text, address in known.items():
        service = wanted.get(text)
        holder = ("", "") if service is None else (namespace_of(service), name_of(service))
        if is_ours(address) and parent_of(address) != holder:
            orphaned.append(address)
    return Repair(missing, tuple(orphaned))


async def publish(transport: InProcessTransport, services: Services) -> None:
    """Makes the default ServiceCIDR and repairs the addresses. Raises ApiError."""
    registry = services.registry
    if SERVICECIDR in registry.kinds:
        await _publish_default(transport, services)
    if IPADDRESS not in registry.kinds:
        return
    trees = (version.tree() for version in registry.cache(SERVICE).in_namespace(""))
    found = repairs(trees, (version.tree() for version in registry.cache(IPADDRESS).in_namespace("")))
    book = AddressBook(registry, services.env)
    for text, service in found.missing:
        put = book.put(text, service)
        await services.store.txn([Compare(put.key, "mod", "==", 0)], [put])
    for address in found.orphaned:
        identity = {"uid": address["metadata"]["uid"]}
        call = Call("delete", IPADDRESS, name=name_of(address), body={"preconditions": identity})
        try:
            await transport.call(call)
        except NotFound:
            continue


async def _publish_default(transport: InProcessTransport, services: Services) -> None:
    """The networks of the flag as an object; a second network that the flag has gained is added to it."""
    ranges = [*services.allocator.default_cidrs]
    cidr = new_object(SERVICECIDR, DEFAULT, spec={"cidrs": ranges})
    await ensure(transport, services.registry, SERVICECIDR, cidr)
    version = services.registry.cache(SERVICECIDR).get("", DEFAULT)
    known = [] if version is None else (version.tree().get("spec") or {}).get("cidrs") or []
    if known == ranges or not known:
        return
    if len(known) == 1 and ranges[:1] == known:
        change = {"spec": {"cidrs": ranges}}
        await transport.call(Call("patch", SERVICECIDR, name=DEFAULT, body=change, patch_type="merge"))
    else:
        text = ", ".join(known)
        log.warning("the ServiceCIDR %s has %s, the flag of this server %s", DEFAULT, text, ", ".join(ranges))


async def keep(transport: InProcessTransport, services: Services) -> None:
    """Publishes again at intervals, until cancelled."""
    while True:
        await upkeep.pause(INTERVAL)
        try:
            await publish(transport, services)
        except (ApiError, StoreError) as error:
            log.warning("the addresses of services could not be repaired: %s", error)

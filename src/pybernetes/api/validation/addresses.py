"""IP addresses and CIDRs in fields, with upstream's messages (`apimachinery/pkg/util/validation/ip.go`).

Fields that are older than strict parsing ("legacy") take text that is not in canonical form; newer ones and names do not.
Since v1.36 both refuse what programs read differently: leading zeros, IPv4 inside IPv6, bits behind the prefix. A legacy
value that an object already has stays good: `known` holds those.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import NamedTuple

from ..fielderrors import FieldErrors, show

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
BAD_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_LINK_LOCAL_MULTICAST = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))
BAD_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


class Block(NamedTuple):
    """A CIDR as it was written: the address before the slash and the length of the prefix."""

    address: Address
    prefix: int

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network((self.address, self.prefix), strict=False)

    def contains(self, other: Block) -> bool:
        """Whether `other` is a true part of this block."""
        mine, theirs = self.network, other.network
        return (
            mine.version == theirs.version and self.prefix < other.prefix and theirs.network_address in mine
        )

    def __str__(self) -> str:
        """The canonical text; a block of IPv4-mapped addresses is the IPv4 block."""
        network = self.network
        if isinstance(network, ipaddress.IPv6Network):
            mapped = network.network_address.ipv4_mapped
            if mapped is not None and self.prefix >= 96:
                return f"{mapped}/{self.prefix - 96}"
        return str(network)


def parse_address(text: str) -> Address | None:
    """An address, leading zeros of IPv4 octets ignored; None for anything else."""
    if "%" in text:
        return None
    try:
        if ":" in text:
            return ipaddress.IPv6Address(text)
        return ipaddress.IPv4Address(".".join(_without_zeros(octet) for octet in text.split(".")))
    except ValueError:
        return None


def parse_block(text: str) -> Block | None:
    """A CIDR as loosely as `parse_address`; None for anything else."""
    head, slash, tail = text.partition("/")
    address = parse_address(head) if slash else None
    if address is None or not (tail.isascii() and tail.isdecimal()) or int(tail) > address.max_prefixlen:
        return None
    return Block(address, int(tail))


def is_address(text: str) -> bool:
    return parse_address(text) is not None


def strict_address(text: str) -> list[str]:
    """What is wrong with an address that must be in canonical form: a name of an IPAddress, a new field."""
    address = parse_address(text)
    if address is None:
        return [BAD_ADDRESS]
    if faults := _address_faults(text, address):
        return faults
    return [] if text == str(address) else [f"must be in canonical form ({show(str(address))})"]


def strict_cidr(text: str) -> list[str]:
    """The same for a CIDR."""
    block = parse_block(text)
    if block is None:
        return [BAD_CIDR]
    if faults := _block_faults(text, block):
        return faults
    return [] if text == str(block) else [f"must be in canonical form ({show(str(block))})"]


def legacy_address(text: str, errors: FieldErrors, known: Collection[str] = ()) -> bool:
    """Records what is wrong with the address of an old field, unless the object had it before; whether it is good."""
    if text in known:
        return True
    address = parse_address(text)
    messages = [BAD_ADDRESS] if address is None else _address_faults(text, address)
    for message in messages:
        errors.invalid(text, message)
    return not messages


def endpoint_address(text: str, errors: FieldErrors, *, loopback: bool = True) -> None:
    """An address that nothing outside of one machine can mean, or that metadata services have, is no endpoint. Upstream
    refuses those of the loopback, too; here a cluster on one machine lives there, so they are (`loopback`)."""
    address = parse_address(text)
    if address is None:
        errors.invalid(text, "must be a valid IP address")
        return
    if address.is_unspecified:
        errors.invalid(text, f"may not be unspecified ({text})")
    if address.is_loopback and not loopback:
        errors.invalid(text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        errors.invalid(text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if any(address in each for each in _LINK_LOCAL_MULTICAST if each.version == address.version):
        errors.invalid(text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def legacy_cidr(text: str, errors: FieldErrors, known: Collection[str] = ()) -> bool:
    """The same for a CIDR."""
    if text in known:
        return True
    block = parse_block(text)
    messages = [BAD_CIDR] if block is None else _block_faults(text, block)
    for message in messages:
        errors.invalid(text, message)
    return not messages


def address_warnings(path: str, text: str) -> list[str]:
    """What is said about an address that is accepted but not in the best form."""
    address = parse_address(text)
    if address is None:
        return []
    if _address_faults(text, address):
        plain = str(_mapped(address) or address)
        return [
            f"{path}: non-standard IP address {show(text)} will be considered invalid in a future Kubernetes release: "
            f"use {show(plain)}"
        ]
    if address.version == 6 and str(address) != text:
        return [
            f"{path}: IPv6 address {show(text)} should be in RFC 5952 canonical format ({show(str(address))})"
        ]
    return []


def cidr_warnings(path: str, text: str) -> list[str]:
    """The same for a CIDR."""
    block = parse_block(text)
    if block is None:
        return []
    warnings = []
    if block.network.network_address != block.address:
        single = f"{_mapped(block.address) or block.address}/{block.address.max_prefixlen}"
        warnings.append(
            f"{path}: CIDR value {show(text)} is ambiguous in this context "
            f"(should be {show(str(block))} or {show(single)}?)"
        )
    if _misread(text, block) or _mapped(block.address):
        warnings.append(
            f"{path}: non-standard CIDR value {show(text)} will be considered invalid in a future Kubernetes release: "
            f"use {show(str(block))}"
        )
    if not warnings and block.address.version == 6 and str(block) != text:
        warnings.append(
            f"{path}: IPv6 CIDR value {show(text)} should be in RFC 5952 canonical format ({show(str(block))})"
        )
    return warnings


def _without_zeros(octet: str) -> str:
    return octet.lstrip("0") or "0" if octet.isascii() and octet.isdecimal() else octet


def _mapped(address: Address) -> ipaddress.IPv4Address | None:
    return address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None


def _address_faults(text: str, address: Address) -> list[str]:
    if _mapped(address):
        return ["must not be an IPv4-mapped IPv6 address"]
    if address.version == 4 and str(address) != text:
        return ["must not have leading 0s"]
    return []


def _misread(text: str, block: Block) -> bool:
    """Whether zeros lead in an octet or in the prefix length."""
    head, _, tail = text.partition("/")
    return tail != str(block.prefix) or (block.address.version == 4 and head != str(block.address))


def _block_faults(text: str, block: Block) -> list[str]:
    if _misread(text, block):
        return ["must not have leading 0s in IP or prefix length"]
    if _mapped(block.address):
        return ["must not have an IPv4-mapped IPv6 address"]
    if block.network.network_address != block.address:
        return ["must not have bits set beyond the prefix length"]
    return []

"""`ip('10.0.0.1')`, `cidr('10.0.0.0/8')`: strict, without leading zeros, zones or IPv4 inside IPv6."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, INT, STRING, opaque

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class IP:
    __slots__ = ("address",)
    CEL_TYPE: ClassVar[str] = "net.IP"

    def __init__(self, address: _Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IP) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)


class CIDR:
    """`address` may have bits beyond the prefix."""

    __slots__ = ("address", "prefix")
    CEL_TYPE: ClassVar[str] = "net.CIDR"

    def __init__(self, address: _Address, prefix: int) -> None:
        self.address = address
        self.prefix = prefix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CIDR) and (self.address, self.prefix) == (other.address, other.prefix)

    def __hash__(self) -> int:
        return hash((self.address, self.prefix))

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network((self.address, self.prefix), strict=False)


def _ip(text: str) -> IP:
    if "%" in text:
        raise CelError(f'IP Address "{text}" with zone value is not allowed')
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise CelError(
            f'IP Address "{text}" parse error during conversion from string: ParseAddr("{text}"): unable to parse IP'
        ) from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise CelError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return IP(address)


def _cidr(text: str) -> CIDR:
    wrong = CelError(
        f"network address parse error during conversion from string: netip.ParsePrefix(\"{text}\"): no '/'"
        if "/" not in text
        else f'network address parse error during conversion from string: netip.ParsePrefix("{text}"): '
        "bad bits after slash"
    )
    host, slash, bits = text.partition("/")
    if not slash or not bits.isdecimal() or (bits != "0" and bits.startswith("0")):
        raise wrong
    address = _ip(host).address
    if int(bits) > address.max_prefixlen:
        raise wrong
    return CIDR(address, int(bits))


def _is_ip(text: str) -> bool:
    try:
        _ip(text)
    except CelError:
        return False
    return True


def _is_cidr(text: str) -> bool:
    try:
        _cidr(text)
    except CelError:
        return False
    return True


def _canonical(text: str) -> bool:
    return str(_ip(text)) == text


def _global_unicast(ip: IP) -> bool:
    """As Go has it: private addresses count, the broadcast address does not."""
    address = ip.address
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not special and str(address) != "255.255.255.255"


def _multicast(ip: IP) -> bool:
    address = ip.address
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.ip_network("224.0.0.0/24")
    return address.is_multicast and address.packed[1] & 0x0F == 0x02


def _contains_ip(cidr: CIDR, ip: IP | str) -> bool:
    address = _ip(ip).address if isinstance(ip, str) else ip.address
    return address.version == cidr.address.version and address in cidr.network


def _contains_cidr(cidr: CIDR, other: CIDR | str) -> bool:
    inner = _cidr(other) if isinstance(other, str) else other
    return inner.prefix >= cidr.prefix and _contains_ip(cidr, IP(inner.network.network_address))


IP_TYPE = opaque("net.IP", IP)
CIDR_TYPE = opaque("net.CIDR", CIDR)
TYPES = (IP_TYPE, CIDR_TYPE)
OVERLOADS: tuple[Overload, ...] = (
    function("ip", STRING, to=IP_TYPE, run=_ip, heavy=True),
    function("isIP", STRING, to=BOOL, run=_is_ip, heavy=True),
    function("ip.isCanonical", STRING, to=BOOL, run=_canonical, heavy=True),
    function("string", IP_TYPE, to=STRING, run=str),
    method("family", IP_TYPE, to=INT, run=lambda ip: ip.address.version),
    method("isUnspecified", IP_TYPE, to=BOOL, run=lambda ip: ip.address.is_unspecified),
    method("isLoopback", IP_TYPE, to=BOOL, run=lambda ip: ip.address.is_loopback),
    method("isLinkLocalMulticast", IP_TYPE, to=BOOL, run=_multicast),
    method("isLinkLocalUnicast", IP_TYPE, to=BOOL, run=lambda ip: ip.address.is_link_local),
    method("isGlobalUnicast", IP_TYPE, to=BOOL, run=_global_unicast),
    function("cidr", STRING, to=CIDR_TYPE, run=_cidr, heavy=True),
    function("isCIDR", STRING, to=BOOL, run=_is_cidr, heavy=True),
    function("string", CIDR_TYPE, to=STRING, run=str),
    method("containsIP", CIDR_TYPE, STRING, to=BOOL, run=_contains_ip),
    method("containsIP", CIDR_TYPE, IP_TYPE, to=BOOL, run=_contains_ip),
    method("containsCIDR", CIDR_TYPE, STRING, to=BOOL, run=_contains_cidr),
    method("containsCIDR", CIDR_TYPE, CIDR_TYPE, to=BOOL, run=_contains_cidr),
    method("ip", CIDR_TYPE, to=IP_TYPE, run=lambda cidr: IP(cidr.address)),
    method("masked", CIDR_TYPE, to=CIDR_TYPE, run=lambda c: CIDR(c.network.network_address, c.prefix)),
    method("prefixLength", CIDR_TYPE, to=INT, run=lambda cidr: cidr.prefix),
)

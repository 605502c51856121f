"""The DNS wire format (RFC 1035), as much of it as an authoritative and forwarding server needs."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, ANY = 1, 2, 5, 6, 12, 16, 28, 33, 255
IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5

_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_HEADER = struct.Struct(">HHHHHH")
_POINTER_TO_QUESTION = b"\xc0\x0c"


class Malformed(ValueError):
    """The packet is not a query that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """The one question of a packet. `name` is lower case without the final dot."""

    id: int
    recursion_desired: bool
    name: str
    type: int
    cls: int
    question: bytes
    """The question section as received (clients compare the case of the name)."""
    udp_size: int = 512
    """What the client can take in one datagram (EDNS0), at least 512."""
    edns: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """`data` is an address (A, AAAA), a name (CNAME, PTR), text (TXT), or for SRV `(priority, weight, port, target)`,
    for SOA `(mname, rname, serial, refresh, retry, expire, minimum)`."""

    name: str
    type: int
    ttl: int
    data: str | tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    rcode: int
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()


def parse_query(packet: bytes) -> Query:
    """Raises Malformed for anything but a standard query with one question."""
    if len(packet) < 12:
        raise Malformed("shorter than a header")
    ident, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(packet)
    if flags & _QR or questions != 1 or answers or authorities:
        raise Malformed("not a query with one question")
    labels: list[str] = []
    at = 12
    try:
        while length := packet[at]:
            if length > 63:
                raise Malformed("compressed name in a question")
            labels.append(packet[at + 1 : at + 1 + length].decode("latin-1"))
            at += 1 + length
        qtype, qclass = struct.unpack_from(">HH", packet, at + 1)
    except (IndexError, struct.error) as error:
        raise Malformed("ends inside the question") from error
    end = at + 5
    size, edns = _edns_size(packet, end) if additionals else (512, False)
    name = ".".join(labels).lower()
    return Query(ident, bool(flags & _RD), name, qtype, qclass, packet[12:end], size, edns)


def _edns_size(packet: bytes, at: int) -> tuple[int, bool]:
    """The size in an OPT record, if the first additional record is one (name root, type 41)."""
    if len(packet) >= at + 11 and packet[at] == 0 and struct.unpack_from(">H", packet, at + 1)[0] == 41:
        return max(512, struct.unpack_from(">H", packet, at + 3)[0]), True
    return 512, False


def pack(query: Query, answer: Answer, *, authoritative: bool = True, limit: int | None = None) -> bytes:
    """The response packet. Beyond `limit` bytes it is sent without records and marked truncated: the client then
    asks again over TCP (`limit` None)."""
    flags = _QR | (_AA if authoritative else 0) | _RA | (_RD if query.recursion_desired else 0) | answer.rcode
    sections = (answer.answers, answer.authority, answer.additional)
    body = b"".join(_pack_record(record, query.name) for section in sections for record in section)
    opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00" if query.edns else b""
    counts = [len(section) for section in sections]
    if limit is not None and 12 + len(query.question) + len(body) + len(opt) > limit:
        flags, body, counts = flags | _TC, b"", [0, 0, 0]
    header = _HEADER.pack(query.id, flags, 1, counts[0], counts[1], counts[2] + bool(opt))
    return header + query.question + body + opt


def error_reply(packet: bytes, rcode: int) -> bytes:
    """An answer without records to a packet that may not be readable beyond its id."""
    ident = packet[:2].ljust(2, b"\x00")
    return ident + struct.pack(">HHHHH", _QR | _RA | rcode, 0, 0, 0, 0)


def pack_name(name: str) -> bytes:
    return (
        b"".join(bytes((len(label),)) + label.encode("latin-1") for label in name.split(".") if label)
        + b"\x00"
    )


def _pack_record(record: Record, question: str) -> bytes:
    owner = _POINTER_TO_QUESTION if record.name == question else pack_name(record.name)
    data = _pack_data(record)
    return owner + struct.pack(">HHIH", record.type, IN, record.ttl, len(data)) + data


def _pack_data(record: Record) -> bytes:
    data = record.data
    if record.type in (A, AAAA):
        return ipaddress.ip_address(str(data)).packed
    if record.type in (CNAME, PTR, NS):
        return pack_name(str(data))
    if record.type == TXT:
        text = str(data).encode()
        return bytes((len(text),)) + text
    assert isinstance(data, tuple)
    if record.type == SRV:
        return struct.pack(">HHH", *(int(n) for n in data[:3])) + pack_name(str(data[3]))
    return pack_name(str(data[0])) + pack_name(str(data[1])) + _numbers(data[2:])


def _numbers(values: Sequence[str | int]) -> bytes:
    return struct.pack(f">{len(values)}I", *(int(value) for value in values))

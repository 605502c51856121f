"""The wire format, byte by byte."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.dns import message as m


def query(name: str, qtype: int = m.A, ident: int = 7) -> bytes:
    return (
        struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + m.pack_name(name) + struct.pack(">HH", qtype, 1)
    )


def test_a_query_is_read_in_lower_case_and_answered_in_its_own() -> None:
    packet = query("Web.Default.svc.cluster.local")
    parsed = m.parse_query(packet)
    assert parsed.name == "web.default.svc.cluster.local"
    reply = m.pack(parsed, m.Answer(m.NOERROR, (m.Record(parsed.name, m.A, 30, "10.96.0.9"),)))
    assert reply[:12] == struct.pack(">HHHHHH", 7, 0x8580, 1, 1, 0, 0)
    assert reply[12 : len(packet)] == packet[12:]
    assert reply[len(packet) :] == b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 30, 4) + bytes([10, 96, 0, 9])


def test_what_does_not_fit_is_truncated_for_udp_only() -> None:
    parsed = m.parse_query(query("db.default.svc.cluster.local"))
    records = tuple(m.Record(parsed.name, m.A, 30, f"10.0.0.{i}") for i in range(100))
    short = m.pack(parsed, m.Answer(m.NOERROR, records), limit=512)
    assert len(short) <= 512
    assert struct.unpack(">HHHHHH", short[:12])[1:4] == (0x8580 | 0x0200, 1, 0)
    assert struct.unpack(">HHHHHH", m.pack(parsed, m.Answer(m.NOERROR, records))[:12])[3] == 100


def test_edns_raises_the_limit_and_is_answered() -> None:
    opt = b"\x00" + struct.pack(">HHIH", 41, 1232, 0, 0)
    packet = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 1) + query("a.b")[12:] + opt
    parsed = m.parse_query(packet)
    assert parsed.udp_size == 1232
    assert m.pack(parsed, m.Answer(m.NXDOMAIN))[-11:-8] == b"\x00\x00\x29"


@pytest.mark.parametrize(
    "packet", [b"", b"\x00" * 12, query("a.b")[:-3], query("a.b")[:2] + b"\x80\x00" + query("a")[4:]]
)
def test_malformed_packets_say_so(packet: bytes) -> None:
    with pytest.raises(m.Malformed):
        m.parse_query(packet)


@given(st.binary(max_size=80))
def test_no_packet_breaks_the_parser(packet: bytes) -> None:
    try:
        parsed = m.parse_query(packet)
    except m.Malformed:
        return
    assert packet[12:].startswith(parsed.question)

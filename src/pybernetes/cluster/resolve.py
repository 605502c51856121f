"""Names as a pod would resolve them, answered from the zone without a packet."""

from __future__ import annotations

from pybernetes.dns import message
from pybernetes.dns.zone import View, answer

TYPES = {
    "A": message.A,
    "AAAA": message.AAAA,
    "SRV": message.SRV,
    "PTR": message.PTR,
    "CNAME": message.CNAME,
    "TXT": message.TXT,
}


def resolve(view: View, name: str, record: str, namespace: str, domain: str) -> list[str]:
    """The data of the records found first along the search path; [] where there are none. Raises KeyError for a type
    of record that is not known."""
    qtype = TYPES[record.upper()]
    name = name.lower()
    absolute = name.rstrip(".")
    searched = (
        [absolute]
        if name.endswith(".")
        else [
            *(f"{absolute}.{suffix}" for suffix in (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)),
            absolute,
        ]
    )
    for candidate in searched:
        found = answer(view, domain, candidate, qtype, 1)
        if found is not None and found.answers:
            return [_text(each.data) for each in found.answers]
    return []


def _text(data: str | tuple[str | int, ...]) -> str:
    return data if isinstance(data, str) else " ".join(str(part) for part in data)

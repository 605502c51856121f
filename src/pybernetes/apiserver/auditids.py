"""The names of requests, in the audit log and in the answers' `Audit-Id`."""

from __future__ import annotations

from random import Random

RUN = 1 << 16
"""Names between two draws."""
_VERSION_4 = 0x4000_8000_0000_0000_0000
_FREE = (1 << 128) - 1 & ~0xF000_C000_0000_0000_FFFF


class AuditIds:
    """Version 4 UUIDs whose last four digits count: every request has one, and most are never looked at."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._prefix = ""
        self._next = RUN

    def __call__(self) -> str:
        number = self._next
        if number == RUN:
            number = 0
            text = f"{self._rng.getrandbits(128) & _FREE | _VERSION_4:032x}"
            self._prefix = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:28]}"
        self._next = number + 1
        return f"{self._prefix}{number:04x}"

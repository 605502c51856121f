"""Time, randomness and identity as values that are passed in, never taken from the machine.

The event loop's clock is the clock: code that waits uses `asyncio.sleep`, `asyncio.timeout` and `loop.call_later`,
which run on virtual time under the virtual loop (`pybernetes.sim`). What a loop cannot tell is the date, a random
number or a fresh id: these come from `Env`.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Upstream's alphabet for generated names: no vowels and no digits that look like letters.
NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


_VARIABLE = ~(0xF << 76 | 0x3 << 62)
_VERSION_4 = 0x4 << 76 | 0x2 << 62
"""The bits of an RFC 4122 UUID that are random, and the version and variant in the others."""


@dataclass(frozen=True, slots=True)
class Env:
    """The outside world of one cluster or one process.

    `now` gives Unix time in seconds; `rng` is the only source of randomness (seeded in the simulated world).
    Secrets (keys, tokens) are not made here: they come from `cryptography`.
    """

    now: Callable[[], float]
    rng: random.Random = field(default_factory=random.SystemRandom)

    @staticmethod
    def real() -> Env:
        """The machine's own clock; randomness begins at the machine's entropy."""
        return Env(now=time.time, rng=random.Random(os.urandom(32)))  # noqa: TID251  (this is where the real clock enters)

    def uid(self) -> str:
        """A fresh `metadata.uid` (an RFC 4122 version 4 UUID drawn from `rng`)."""
        text = f"{self.rng.getrandbits(128) & _VARIABLE | _VERSION_4:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def name_suffix(self, length: int = 5) -> str:
        """The random part of a name made from `metadata.generateName`."""
        return "".join(self.rng.choices(NAME_ALPHABET, k=length))

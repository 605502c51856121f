"""What every unit test may use: an `Env` whose clock and randomness are fixed."""

from __future__ import annotations

import random

import pytest

from pybernetes.clock import Env

EPOCH = 1_790_000_000.0


@pytest.fixture
def env() -> Env:
    """A standing clock and seeded randomness."""
    return Env(now=lambda: EPOCH, rng=random.Random(7))

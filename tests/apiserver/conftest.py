"""Whole API servers inside the test process; their clock and randomness are those of the unit tests."""

from tests.unit.conftest import env

__all__ = ["env"]

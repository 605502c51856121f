"""Which nodes can serve a pod's ResourceClaims: the filter agrees with trying everything on each node."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from .random_devices import device_differences


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**40))
def test_each_nodes_verdict_is_what_trying_everything_finds(seed: int) -> None:
    assert device_differences(seed) == []

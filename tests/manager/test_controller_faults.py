"""Every controller, with watches that lose, repeat, mix up and delay events, and a crash after each of its writes: what
it leaves in the end is what an undisturbed run leaves.

Here each watch of a run has something else go wrong. `FAULT_SEEDS=20 pytest tests/manager/test_controller_faults.py`
tries so many seeds, and each kind of trouble alone for all watches.
"""

from __future__ import annotations

import functools
import os

import pytest
from faultscenarios import SCENARIOS
from faultworld import FAULTS, Fault, Scenario, run_scenario

from pybernetes.controllers.table import CONTROLLERS, GARBAGE_COLLECTOR

SEEDS = range(int(os.environ.get("FAULT_SEEDS", "1")))
TRIED: tuple[Fault, ...] = FAULTS if "FAULT_SEEDS" in os.environ else ("mixed", "crashed")
BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}


@functools.cache
def undisturbed(name: str, seed: int) -> tuple[str, ...]:
    left, world = run_scenario(BY_NAME[name], "none", seed)
    assert world.writes > 0, "a scenario in which nothing happens shows nothing"
    return tuple(left)


def test_every_controller_has_a_scenario() -> None:
    names = {controller.name for controller in CONTROLLERS} | {GARBAGE_COLLECTOR}
    assert {scenario.controller for scenario in SCENARIOS} == names


@pytest.mark.parametrize("fault", TRIED)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_end_is_the_same(name: str, fault: Fault) -> None:
    scenario: Scenario = BY_NAME[name]
    for seed in SEEDS:
        expected = undisturbed(name, seed)
        left, world = run_scenario(scenario, fault, seed)
        missing = sorted(set(expected) - set(left))
        surplus = sorted(set(left) - set(expected))
        text = "\n".join([f"seed {seed}", *(f"- {e}" for e in missing), *(f"+ {e}" for e in surplus)])
        assert left == [*expected], text
        if fault == "crashed":
            assert world.crashes > 0

"""Counting a probe's answers against its thresholds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pybernetes.api.meta import Obj

ProbeKind = Literal["startup", "liveness", "readiness"]
FIELDS: tuple[tuple[ProbeKind, str], ...] = (
    ("startup", "startupProbe"),
    ("liveness", "livenessProbe"),
    ("readiness", "readinessProbe"),
)
# Before their first answer: alive, but neither ready nor started.
INITIAL: dict[ProbeKind, bool | None] = {"startup": None, "liveness": True, "readiness": False}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and counts, with the API's defaults."""

    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int

    @staticmethod
    def of(probe: Obj) -> Timing:
        return Timing(
            probe.get("initialDelaySeconds", 0),
            probe.get("periodSeconds", 10),
            probe.get("timeoutSeconds", 1),
            probe.get("successThreshold", 1),
            probe.get("failureThreshold", 3),
        )


@dataclass(frozen=True, slots=True)
class ProbeState:
    """`result` changes only when `run` equal answers reach a threshold."""

    result: bool | None
    last: bool | None = None
    run: int = 0


def initial(kind: ProbeKind) -> ProbeState:
    return ProbeState(INITIAL[kind])


def counted(state: ProbeState, answer: bool, timing: Timing) -> ProbeState:
    """The state after one more answer."""
    run = state.run + 1 if answer == state.last else 1
    state = replace(state, last=answer, run=run)
    threshold = timing.success_threshold if answer else timing.failure_threshold
    return replace(state, result=answer) if run >= threshold else state

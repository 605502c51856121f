"""What the metrics APIs answered, as values that the rest computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class Incalculable(ValueError):
    """Why no number of replicas follows from a metric: upstream's sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A pod's value in thousandths, measured over `window` seconds up to `at` (Unix seconds)."""

    milli: int
    at: float = 0.0
    window: float = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer about one metric of a HorizontalPodAutoscaler: a sample per pod, or one value (in thousandths), or why
    there is none."""

    pods: Mapping[str, Sample] = field(default_factory=dict)
    value: int = 0
    error: str = ""

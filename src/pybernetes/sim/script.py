"""What a hollow container does: a `Run`, from a table of rules (`behaviour.py`) or from its pod's annotations.

`hollow.pybernetes.io/<container>` (`hollow.pybernetes.io/script` for all of the pod) holds space-separated words:

`exit=1` the code to end with; `after=5s` when, default at once; `fail=0.3` the share of starts that end with 1 instead;
`message=…` its termination message; `log=…` a line of its log; `oom` killed for its memory; `stubborn` ignores its stop
signal; `start-error` cannot be started; `start=5s` takes so long to be started; `ready=10s` its probes fail until then;
`unready=1h..2h` and in this span (`unready=1h`: from then on); `cpu=250m`, `memory=64Mi` what it uses
(`cpu=100m,900m@10m,100m@1h`: 900m from the age of ten minutes on, 100m again from that of an hour on).

Times are on the loop's clock, from the start of the container; `after=5s..20s` is drawn anew at each start. Without any
word it runs until it is stopped, and then ends with 0.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pybernetes.lang import quantity
from pybernetes.lang.durations import parse_go_duration

if TYPE_CHECKING:
    from .program import Container

PREFIX = "hollow.pybernetes.io"
FLAGS = ("oom", "stubborn", "start-error")
NEVER = float("inf")

Span = float | tuple[float, float]
"""Seconds, or (least, most) of which a number is drawn."""
Usage = float | Sequence[tuple[float, float]]
"""An amount, or amounts each from an age of the container (in seconds) on: `((0, 0.1), (600, 0.9))`."""
Program = Callable[["Container"], Awaitable[Any]]
"""A coroutine function that is the container's process."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a container does once it is started: ends after `seconds` with `exit_code`; None runs for ever.

    `start` is how long starting takes; probes of the pod fail for the first `ready` seconds, and between the two of
    `unready`; `fail` is the share of runs that end with code 1; `cpu` (cores) and `memory` (bytes) is what it uses;
    a `program` runs in its place and ends when it does.
    """

    seconds: Span | None = None
    exit_code: int = 0
    reason: str = ""
    log: str = ""
    message: str = ""
    stubborn: bool = False
    start_error: bool = False
    start: Span = 0.0
    ready: Span = 0.0
    unready: tuple[float, float] | None = None
    fail: float = 0.0
    cpu: Usage = 0.0
    memory: Usage = 0
    program: Program | None = None

    def drawn(self, rng: random.Random) -> Run:
        """The same with every span decided."""
        if not self.fail and not any(
            isinstance(span, tuple) for span in (self.seconds, self.start, self.ready)
        ):
            return self
        seconds = None if self.seconds is None else draw(self.seconds, rng)
        code = 1 if self.fail and rng.random() < self.fail else self.exit_code
        return replace(
            self, seconds=seconds, exit_code=code, start=draw(self.start, rng), ready=draw(self.ready, rng)
        )

    def is_healthy(self, age: float) -> bool:
        """Whether probes succeed `age` seconds after the start. Of a drawn run."""
        if age < most(self.ready):
            return False
        return self.unready is None or not self.unready[0] <= age < self.unready[1]


FOREVER = Run()


def used(usage: Usage, age: float) -> float:
    """What is used at an age."""
    if not isinstance(usage, Sequence):
        return usage
    return next((amount for since, amount in reversed(usage) if age >= since), 0.0)


def changes(usage: Usage) -> list[float]:
    """The ages at which it becomes another."""
    return [since for since, _ in usage if since > 0] if isinstance(usage, Sequence) else []


def used_until(usage: Usage, age: float) -> float:
    """What has been used in all up to an age: for CPU, in seconds of a core."""
    if not isinstance(usage, Sequence):
        return usage * age
    ends = [since for since, _ in usage[1:]] + [NEVER]
    return sum(
        amount * max(0.0, min(end, age) - since)
        for (since, amount), end in zip(usage, ends, strict=True)
        if since < age
    )


def draw(span: Span, rng: random.Random) -> float:
    """A number of a span."""
    return rng.uniform(*span) if isinstance(span, tuple) else span


def most(span: Span) -> float:
    return span[1] if isinstance(span, tuple) else span


def run_of(annotations: Mapping[str, str], container: str) -> Run:
    """Raises ValueError for a word that is none."""
    text = annotations.get(f"{PREFIX}/{container}") or annotations.get(f"{PREFIX}/script")
    if not text:
        return FOREVER
    found: dict[str, Any] = {}
    flags = set()
    for word in text.split():
        name, has_value, value = word.partition("=")
        if has_value and name in _WORDS:
            field, read = _WORDS[name]
            found[field] = read(value)
        elif name in FLAGS and not has_value:
            flags.add(name)
        else:
            raise ValueError(f"a hollow container cannot {word!r}")
    if "oom" in flags:
        found.update(exit_code=137, reason="OOMKilled")
    if ("exit_code" in found or "fail" in found) and "seconds" not in found:
        found["seconds"] = 0.0
    return Run(stubborn="stubborn" in flags, start_error="start-error" in flags, **found)


def _span(text: str) -> Span:
    least, has_most, greatest = text.partition("..")
    return (parse_go_duration(least), parse_go_duration(greatest)) if has_most else parse_go_duration(least)


def _window(text: str) -> tuple[float, float]:
    first, has_last, last = text.partition("..")
    return parse_go_duration(first), parse_go_duration(last) if has_last else NEVER


def _usage(read: Callable[[str], float]) -> Callable[[str], Usage]:
    """`250m`, or `100m,900m@10m,100m@1h`: 900m from the age of ten minutes on."""

    def usage(text: str) -> Usage:
        first, *later = text.split(",")
        if not later and "@" not in first:
            return read(first)
        steps = [(0.0, read(first))] if "@" not in first else [_step(first)]
        steps += [_step(each) for each in later]
        if steps != sorted(steps, key=lambda step: step[0]):
            raise ValueError(f"the times of {text!r} do not go forward")
        return tuple(steps)

    def _step(text: str) -> tuple[float, float]:
        amount, has_time, since = text.partition("@")
        if not has_time:
            raise ValueError(f"{text!r}: from when on? AMOUNT@AGE")
        return parse_go_duration(since), read(amount)

    return usage


_WORDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "exit": ("exit_code", int),
    "after": ("seconds", _span),
    "fail": ("fail", float),
    "message": ("message", str),
    "log": ("log", str),
    "start": ("start", _span),
    "ready": ("ready", _span),
    "unready": ("unready", _window),
    "cpu": ("cpu", _usage(lambda text: quantity.milli(text) / 1000)),
    "memory": ("memory", _usage(quantity.units)),
}
"""Words with a value: the field, and how the value is read."""

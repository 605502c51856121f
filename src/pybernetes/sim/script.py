"""What a hollow container does: by its pod's annotations, on the loop's clock.

`hollow.pybernetes.io/<container>` (`hollow.pybernetes.io/script` for all of the pod) holds space-separated words:
`exit=1` (the code to end with), `after=5s` (when, default at once), `message=…` (its termination message), `log=…`
(a line of its log), `oom` (killed for its memory), `stubborn` (ignores its stop signal), `start-error` (cannot be
started). Without any it runs until it is stopped, and then ends with 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.lang.durations import parse_go_duration

PREFIX = "hollow.pybernetes.io"


@dataclass(frozen=True, slots=True)
class Run:
    """What a container does once it is started: ends after `seconds` with `exit_code`; None runs for ever."""

    seconds: float | None = None
    exit_code: int = 0
    reason: str = ""
    log: str = ""
    message: str = ""
    stubborn: bool = False
    start_error: bool = False


FOREVER = Run()


def run_of(annotations: Mapping[str, str], container: str) -> Run:
    """Raises ValueError for a word that is none."""
    text = annotations.get(f"{PREFIX}/{container}") or annotations.get(f"{PREFIX}/script")
    if not text:
        return FOREVER
    seconds, code, values, flags = None, 0, {"log": "", "message": ""}, set()
    for word in text.split():
        name, has_value, value = word.partition("=")
        if name == "exit" and has_value:
            code, seconds = int(value), seconds or 0.0
        elif name == "after" and has_value:
            seconds = parse_go_duration(value)
        elif name in values and has_value:
            values[name] = value
        elif name in ("oom", "stubborn", "start-error") and not has_value:
            flags.add(name)
        else:
            raise ValueError(f"a hollow container cannot {word!r}")
    if "oom" in flags:
        seconds, code = seconds or 0.0, 137
    return Run(
        seconds,
        code,
        "OOMKilled" if "oom" in flags else "",
        stubborn="stubborn" in flags,
        start_error="start-error" in flags,
        **values,
    )

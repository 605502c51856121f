"""Everything of the scheduler that needs NumPy, behind one import: `scheduler.py` loads it when it starts to run."""

from __future__ import annotations

from .bindingcycle import NotBound, bind, reserve
from .configuration.profiles import profiles_of
from .cycle import Cycle
from .extenders.asking import PodGone, decide_with
from .preemption.evict import clear_nomination, evict

__all__ = [
    "Cycle",
    "NotBound",
    "PodGone",
    "bind",
    "clear_nomination",
    "decide_with",
    "evict",
    "profiles_of",
    "reserve",
]

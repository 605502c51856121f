"""Everything of the scheduler that needs NumPy, behind one import: `scheduler.py` loads it when it starts to run."""

from __future__ import annotations

from .bindingcycle import NotBound, bind, reserve
from .configuration.profiles import profiles_of
from .cycle import Cycle
from .extenders.asking import PodGone, choose_with, decide_with
from .gang.condition import tell
from .gang.round import Round, in_groups
from .preemption.evict import Preemptor, clear_nomination, evict

__all__ = [
    "Cycle",
    "NotBound",
    "PodGone",
    "Preemptor",
    "Round",
    "bind",
    "choose_with",
    "clear_nomination",
    "decide_with",
    "evict",
    "in_groups",
    "profiles_of",
    "reserve",
    "tell",
]

"""What an authorizer answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..attributes import Attributes


@dataclass(frozen=True, slots=True)
class Decision:
    """`allowed` False means "no opinion": another authorizer may still allow it. `reason` says why (not)."""

    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Decision: ...

"""A slice in the making: what becomes of one that exists, or one that is to be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj


@dataclass(slots=True)
class Draft:
    """`piece` is the slice as it is (None: it does not exist yet); its trees are shared, so entries of `endpoints` are
    replaced, never changed."""

    piece: Obj | None
    ports: list[Any]
    endpoints: list[Obj]
    changed: bool = False

    @property
    def written(self) -> bool:
        """Whether it costs a write as it stands."""
        return self.changed or self.piece is None

    def hint(self, index: int, hints: Mapping[str, Any] | None) -> None:
        """Gives an endpoint these hints, or none. That alone does not mark the slice as changed."""
        entry = {k: v for k, v in self.endpoints[index].items() if k != "hints"}
        self.endpoints[index] = {**entry, "hints": hints} if hints else entry


def is_ready(endpoint: Obj) -> bool:
    """Whether the endpoint is published as ready."""
    return (endpoint.get("conditions") or {}).get("ready") is True

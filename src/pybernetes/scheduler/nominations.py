"""Pods that wait for room that was made for them on a node: others of no higher priority must leave it to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .framework import World
    from .podfacts import PodFacts


class Nominations:
    def __init__(self) -> None:
        self._pods: dict[str, tuple[str, PodFacts]] = {}

    def add(self, uid: str, node: str, facts: PodFacts) -> None:
        self._pods[uid] = (node, facts)

    def remove(self, uid: str) -> None:
        self._pods.pop(uid, None)

    def of(self, uid: str) -> str:
        """The node a pod is nominated for; "" for none."""
        return self._pods[uid][0] if uid in self._pods else ""

    def below(self, priority: int, node: str) -> list[str]:
        """The uids of the pods nominated for a node with a lower priority."""
        return [
            uid for uid, (name, facts) in self._pods.items() if name == node and facts.priority < priority
        ]

    def before(self, pod: PodFacts, world: World) -> Iterator[tuple[int, str, PodFacts]]:
        """(row, uid, facts) of the nominated pods that go before this one: of its priority or a higher one."""
        if not self._pods:
            return
        own = (world.pod or {}).get("metadata", {}).get("uid")
        for uid, (node, facts) in self._pods.items():
            if facts.priority >= pod.priority and uid != own:
                row = world.table.rows.get(node)
                if row is not None:
                    yield row, uid, facts

    def __len__(self) -> int:
        return len(self._pods)

"""Shuffle sharding: each flow is dealt a few of many queues, so that a busy flow shares all of its queues with hardly any
other. Pure."""

from __future__ import annotations

import hashlib


def flow_hash(schema: str, flow: str) -> int:
    """Sixty-four bits of which flow it is."""
    digest = hashlib.sha256(f"{schema},{flow}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def hand(value: int, deck: int, size: int) -> list[int]:
    """`size` different numbers below `deck`, by a hash."""
    cards, dealt = list(range(deck)), []
    for left in range(deck, deck - min(size, deck), -1):
        value, card = divmod(value, left)
        dealt.append(cards.pop(card))
    return dealt

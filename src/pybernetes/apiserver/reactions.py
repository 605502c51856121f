"""What a client says it reacted to: a header of ours, so that the ledger knows the cause also of remote writes."""

from __future__ import annotations

import orjson

from pybernetes.client.interface import Reaction

REACTION_HEADER = "pybernetes-reaction"
LONGEST = 2048


def decode_reaction(text: str) -> Reaction | None:
    """The reaction in a header; None where it is not one (it is a note, never a reason to refuse)."""
    if len(text) > LONGEST:
        return None
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(tree, dict):
        return None
    fields = ("kind", "namespace", "name", "resourceVersion", "reason")
    return Reaction(*(str(tree.get(field, "")) for field in fields))

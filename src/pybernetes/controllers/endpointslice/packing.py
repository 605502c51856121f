"""Endpoints into slices with few writes, by the rules of KEP-752.

Endpoints stay where they are. Those that are new go first into slices that are written anyhow, the fullest first; what is
left goes into one slice that takes all of it, or into new ones. Slices are never balanced for its own sake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.api.meta import Obj, labels_of

from .draft import Draft


def pack(
    wanted: Mapping[str, Obj],
    existing: Sequence[Obj],
    ports: list[Any],
    labels: Mapping[str, str],
    most: int,
) -> tuple[list[Draft], list[Obj]]:
    """The slices for endpoints of the same ports, by uid of their pods, and the existing ones that none is left in.
    `labels` are those that every slice has to have, `most` is how many endpoints one may hold."""
    left = dict(wanted)
    drafts: list[Draft] = []
    emptied: list[Obj] = []
    for piece in existing:
        draft = _kept(piece, left, labels)
        if draft.changed and not draft.endpoints:
            emptied.append(piece)
        else:
            drafts.append(draft)
    fresh = [left[uid] for uid in sorted(left)]
    for draft in sorted((d for d in drafts if d.changed), key=lambda d: -len(d.endpoints)):
        room = max(0, most - len(draft.endpoints))
        draft.endpoints += fresh[:room]
        fresh = fresh[room:]
    while fresh:
        target = _roomy(drafts, len(fresh), most)
        if target is None:
            target = Draft(None, ports, [])
            drafts.append(target)
        room = max(1, most - len(target.endpoints))
        target.endpoints = target.endpoints + fresh[:room]
        target.changed = True
        fresh = fresh[room:]
    return drafts, emptied


def _kept(piece: Obj, left: dict[str, Obj], labels: Mapping[str, str]) -> Draft:
    """The slice with what is still wanted of it, which is taken out of `left`."""
    before = piece.get("endpoints") or ()
    kept = [
        left.pop(uid) for entry in before if (uid := (entry.get("targetRef") or {}).get("uid", "")) in left
    ]
    same = len(kept) == len(before) and all(
        _without_hints(old) == new for old, new in zip(before, kept, strict=True)
    )
    changed = not same or labels_of(piece) != labels
    return Draft(piece, piece.get("ports") or [], list(before) if same else kept, changed)


def _without_hints(entry: Obj) -> Obj:
    return {k: v for k, v in entry.items() if k != "hints"} if "hints" in entry else entry


def _roomy(drafts: Sequence[Draft], count: int, most: int) -> Draft | None:
    """The unchanged slice that `count` more endpoints fill best without overfilling it."""
    fits = [d for d in drafts if not d.written and len(d.endpoints) + count <= most]
    return max(fits, key=lambda d: len(d.endpoints), default=None) if count < most else None

"""Field validation of a request: `fieldValidation=Strict|Warn|Ignore` and the 400 for a wrong type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..errors import Undecodable
from ..kind import Kind
from ..meta import MutableObj, Obj
from .decode import Mismatch, decode
from .duplicates import in_order

Mode = Literal["Strict", "Warn", "Ignore"]


def check(
    body: Obj,
    kind: Kind,
    mode: Mode = "Strict",
    duplicates: Sequence[str] = (),
    known: Obj | None = None,
    *,
    share: bool = False,
) -> tuple[MutableObj, list[str]]:
    """The body as an object of the kind (a new tree), and the warnings to send in mode Warn.

    `duplicates` are the lines of `duplicate_fields`, found by whoever parsed the body. Unknown fields are always
    dropped. Raises Undecodable, in mode Strict also for unknown and duplicate fields. A kind without a definition passes
    as it is. `known` is the stored object that a patch was applied to, which the result may `share` branches with (see `decode`).
    """
    if not kind.schema:
        return dict(body), list(duplicates) if mode == "Warn" else []
    try:
        decoded = decode(body, kind.schema, known, share=share)
    except Mismatch as error:
        raise Undecodable(refusal(kind, str(error)), str(error)) from error
    problems = in_order(duplicates, decoded.unknown)
    if problems and mode == "Strict":
        why = f"strict decoding error: {', '.join(problems)}"
        raise Undecodable(refusal(kind, why), why)
    return decoded.tree, problems if mode == "Warn" else []


def refusal(kind: Kind, why: str) -> str:
    """Upstream's sentence around a decoding error."""
    return f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'

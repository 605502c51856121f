"""Selectors of lists and watches of a converted version: they are about the objects as the client sees them.

The cache selects by what is stored, so it is asked for all in the namespace; what does not match goes once it is
converted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..selection import Selection
from ..version import Version
from ..window import Delivery

Convert = Callable[[Sequence[Version]], Awaitable[list[Version]]]


class SelectedEvents:
    """The events of one watch: entering the selection is ADDED, leaving it DELETED. `initial` is what matched when the
    watch was opened; None where the watch began at an older revision, and so nobody knows."""

    def __init__(self, convert: Convert, selection: Selection, initial: Sequence[Version] | None) -> None:
        self._convert = convert
        self._selection = selection
        self._seen = None if initial is None else {version.key for version in initial}
        self._told: dict[str, bool] = {}
        """By key: whether the object matched when it last changed."""

    async def __call__(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """The events in the version and the selection of the watch. Raises Unclassified."""
        versions = await self._convert([delivery.version for delivery in deliveries])
        found = (self._told_of(*pair) for pair in zip(deliveries, versions, strict=True))
        return [delivery for delivery in found if delivery is not None]

    def _told_of(self, delivery: Delivery, version: Version) -> Delivery | None:
        key, fits = version.key, self._selection.matches(version)
        known = self._told.get(key)
        if known is None and self._seen is not None:
            known = key in self._seen
        if delivery.type == "DELETED":
            self._told.pop(key, None)
            if self._seen is not None:
                self._seen.discard(key)
            gone = fits if known is None else known
            return Delivery("DELETED", version, delivery.revision) if gone else None
        self._told[key] = fits
        if fits:
            type_ = delivery.type if known is None else "MODIFIED" if known else "ADDED"
            return Delivery(type_, version, delivery.revision)
        left = known or (known is None and delivery.type == "MODIFIED")  # told once too often harms nobody
        return Delivery("DELETED", version, delivery.revision) if left else None

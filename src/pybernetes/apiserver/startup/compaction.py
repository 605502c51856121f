"""Forgetting the store's history: every five minutes, up to where it was five minutes ago."""

from __future__ import annotations

import logging

from pybernetes.aio import upkeep
from pybernetes.store.types import Compacted, Store, StoreError

from ..cacher import Cacher

log = logging.getLogger(__name__)


async def compact(store: Store, cacher: Cacher, interval: float) -> None:
    """Runs until cancelled. A reader has at least `interval` seconds for what it read at a revision."""
    while True:
        revision = cacher.revision
        await upkeep.pause(interval)
        if revision <= 0:
            continue
        try:
            await store.compact(revision)
        except Compacted:
            continue  # another API server did it
        except StoreError as error:
            log.warning("compaction at %d: %s", revision, error)

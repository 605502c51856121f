"""ImageLocality: rather the nodes that have the pod's images, weighted by how common these are already."""

from __future__ import annotations

import numpy as np

from ..framework import MAX_SCORE, Plugin, World
from ..kept import by_nodes
from ..nodetable import Ints, Mask, NodeTable
from ..podfacts import PodFacts

MB = 1024 * 1024
LEAST = 23 * MB
MOST_PER_CONTAINER = 1000 * MB


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:  # noqa: ARG001
    """The bytes there, each image counted for the share of nodes that have it, between 23 MB and 1000 MB a container."""
    if not any(normalized(image) in world.table.images for image in pod.images if image):
        return None
    found: Ints | None = by_nodes(world.table, score, pod, lambda: _scores(pod, world.table))
    return found


def _scores(pod: PodFacts, table: NodeTable) -> Ints | None:
    present = np.zeros(table.size, np.int64)
    nodes = int(table.alive.sum())
    for image in pod.images:
        found = table.images.get(normalized(image)) if image else None
        if found is not None:
            present[[*found.rows]] += int(found.size * (len(found.rows) / nodes))
    if not present.any():
        return None
    most = MOST_PER_CONTAINER * len(pod.images)
    return MAX_SCORE * (np.clip(present, LEAST, most) - LEAST) // (most - LEAST)


def normalized(image: str) -> str:
    """An image without a tag is `:latest`."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


PLUGIN = Plugin("ImageLocality", score=score, after_same=lambda _pod, _world: "nothing")

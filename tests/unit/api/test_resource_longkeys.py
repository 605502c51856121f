"""Long names of attributes and capacities: errors show both ends of them."""

from __future__ import annotations

from typing import Any

from kindrules import CREATED, new_errors

from pybernetes.api.kinds import RESOURCESLICE


def test_long_keys_are_shown_without_their_middle() -> None:
    key = "d" * 60 + "/" + "x" * 60
    tree: dict[str, Any] = {
        "metadata": {"name": "s", "creationTimestamp": CREATED},
        "spec": {
            "driver": "d.example.com",
            "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
            "nodeName": "n",
            "devices": [{"name": "gpu", "attributes": {key: {"bool": True}}}],
        },
    }
    fields = {field for _, field, _ in new_errors(RESOURCESLICE, tree)}
    shown = key[:47] + "..." + key[-46:]
    assert len(shown) == 96
    assert fields == {f"spec.devices[0].attributes[{shown}]"}

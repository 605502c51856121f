"""The plugins about volumes agree with the slow reading of one pod on one node."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from .random_storage import Maker, storage_differences
from .reference_volumes import refusal, whole


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40))
def test_each_refusal_is_the_references(seed: int) -> None:
    assert storage_differences(seed) == []


def test_the_random_storage_reaches_every_reason() -> None:
    reasons: Counter[str] = Counter()
    for seed in range(1500):
        case = Maker(seed)
        if why := whole(case.asked, case.storage):
            reasons[why.split(chr(34))[0]] += 1
            continue
        for node in case.nodes:
            on_node = [each for each in case.placed if each["spec"]["nodeName"] == node["metadata"]["name"]]
            found = refusal(case.asked, node, on_node, case.placed, case.storage)
            reasons.update(reason for reason, _ in found[1]) if found is not None else reasons.update(
                ("fits",)
            )
    assert reasons.keys() >= {
        "fits",
        "persistentvolumeclaim ",
        "pod has unbound immediate PersistentVolumeClaims",
        "node(s) had no available disk",
        "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
        "node(s) exceed max volume count",
        "node(s) didn't match PersistentVolume's node affinity",
        "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
        "node(s) didn't find available persistent volumes to bind",
        "node(s) did not have enough free storage",
        "node(s) had no available volume zone",
    }
    assert min(reasons.values()) > 5

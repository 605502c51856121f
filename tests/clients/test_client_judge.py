"""The judge of what clients are answered finds faults."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from kubernetes import client

from .clientjudge import judge

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
    "status": {},
}
CONTAINER = ("spec", "containers", 0)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("metadata", "labels"), None, ".metadata.labels"),
        (("metadata", "creationTimestamp"), "2026-01-01T00:00:00+00:00", "creationTimestamp: 2026"),
        (("metadata", "creationTimestamp"), "2026-01-01T00:00:00.000000Z", "creationTimestamp: 2026"),
        (("metadata", "generation"), "1", "'1' is not of type"),
        (("spec", "containers"), "none", "'none' is not of type"),
        ((*CONTAINER, "nothing"), 1, "'nothing' was unexpected"),
        ((*CONTAINER, "ports", 0, "containerPort"), "80", "'80' is not of type"),
        ((*CONTAINER, "name"), 1, "1 is not of type"),
    ],
)
def test_the_judge_finds_what_is_wrong(where: tuple[Any, ...], value: Any, message: str) -> None:
    wrong: Any = copy.deepcopy(POD)
    at = wrong
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = value
    judge(client.ApiClient(), POD, client.V1Pod.from_dict(POD))
    with pytest.raises(AssertionError, match=re.escape(message)):
        judge(client.ApiClient(), wrong, None)

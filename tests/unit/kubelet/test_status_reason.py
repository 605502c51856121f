"""What the kubelet says of why it writes a status."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.kubelet.statusreason import reason_of


def status(*states: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "phase": "Pending",
        "containerStatuses": [{"name": f"c{i}", **s} for i, s in enumerate(states)],
        **more,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (status({"state": {"running": {}}, "ready": True}), "c0 is ready"),
        (status({"state": {"running": {}}, "ready": False}), "c0 is running, not ready"),
        (
            status(
                {"state": {"waiting": {"reason": "CrashLoopBackOff"}}},
                {"state": {"running": {}}, "ready": True},
            ),
            "c0 waits: CrashLoopBackOff; c1 is ready",
        ),
        (
            status({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            "c0 has ended with 137: OOMKilled",
        ),
        (status(reason="Evicted"), "Evicted"),
        ({}, "it is Unknown"),
    ],
)
def test_words(given: dict[str, Any], words: str) -> None:
    assert reason_of(given) == words

"""What is written of a pod's status when the kubelet looks at an older version of the pod than it has told of."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.kubelet.status import StatusManager
from pybernetes.lang import patch_merge


class Api:
    """Holds one pod and counts what is written to it."""

    def __init__(self) -> None:
        self.pod: dict[str, Any] = {
            "metadata": {"name": "p", "namespace": "d", "uid": "u", "resourceVersion": "1"}
        }
        self.writes = 0

    async def patch(self, _kind: Any, _name: str, _namespace: str, change: Any, **_how: str) -> Any:
        self.writes += 1
        self.pod = patch_merge.apply(self.pod, {"status": change["status"]})
        self.pod = patch_merge.apply(self.pod, {"metadata": {"resourceVersion": str(self.writes + 1)}})
        return self.pod


def status(start: str, phase: str) -> dict[str, Any]:
    return {"phase": phase, "startTime": start}


def test_the_first_start_that_was_told_stays() -> None:
    async def main() -> None:
        api = Api()
        manager = StatusManager(api)  # type: ignore[arg-type]
        unseen = api.pod
        manager.set(unseen, status("2026-01-01T00:00:01Z", "Pending"))
        manager.set(unseen, status("2026-01-01T00:00:02Z", "Pending"))
        await manager.flush("u")
        first = api.pod
        manager.set(unseen, status("2026-01-01T00:00:02Z", "Running"))
        await manager.flush("u")
        assert api.pod["status"] == status("2026-01-01T00:00:01Z", "Running")
        before = api.writes
        for seen in (first, api.pod, first, api.pod):  # the watch tells of each write, a moment later
            manager.set(seen, status(seen["status"]["startTime"], "Running"))
            await manager.flush("u")
        assert api.writes == before
        await manager.close()

    asyncio.run(main())

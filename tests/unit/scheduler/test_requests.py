"""What a pod asks for."""

from __future__ import annotations

from typing import Any

from pybernetes.scheduler.requests import nonzero_requests, pod_requests


def container(cpu: str, **rest: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **rest}


def asked(**spec: Any) -> int:
    return pod_requests({"metadata": {}, "spec": spec})["cpu"]


def test_containers_add_up_and_init_containers_do_not() -> None:
    assert asked(containers=[container("100m"), container("0.2")]) == 300
    assert asked(containers=[container("100m")], initContainers=[container("1"), container("2")]) == 2000


def test_sidecars_run_beside_what_comes_after_them() -> None:
    side = container("500m", restartPolicy="Always")
    assert asked(containers=[container("100m")], initContainers=[side]) == 600
    assert asked(containers=[container("100m")], initContainers=[side, container("1")]) == 1500
    assert asked(containers=[container("100m")], initContainers=[container("1"), side]) == 1000


def test_overhead_and_pod_level_requests() -> None:
    assert asked(containers=[container("100m")], overhead={"cpu": "50m"}) == 150
    assert asked(containers=[container("100m")], resources={"requests": {"cpu": "1"}}) == 1000


def test_a_container_without_requests_counts_a_little_for_scoring() -> None:
    bare = {"metadata": {}, "spec": {"containers": [{"name": "c"}, container("1")]}}
    assert nonzero_requests(bare) == (1100, 2 * 200 * 1024 * 1024)
    assert pod_requests(bare) == {"cpu": 1000}

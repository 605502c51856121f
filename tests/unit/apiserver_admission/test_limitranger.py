"""LimitRanger: defaults with their annotation, every bound with its sentence."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden

from .conftest import Client


def container_item(**fields: Any) -> dict[str, Any]:
    return {"type": "Container", **fields}


def test_defaults_are_filled_in_and_said(run) -> None:
    async def scenario(client: Client) -> None:
        item = container_item(default={"memory": "1Gi"}, defaultRequest={"cpu": "100m", "memory": "512Mi"})
        await client.create(kinds.LIMITRANGE, "l", spec={"limits": [item]})
        made = await client.pod("p", initContainers=[{"name": "i", "image": "x"}])
        assert made["spec"]["containers"][0]["resources"] == {
            "limits": {"memory": "1Gi"},
            "requests": {"cpu": "100m", "memory": "512Mi"},
        }
        assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
            "LimitRanger plugin set: cpu, memory request for container c; memory limit for container c; "
            "cpu, memory request for init container i; memory limit for init container i"
        )
        told = await client.pod("q", container={"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}})
        assert told["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}

    run(scenario)


CASES = [
    ("Pod", {"min": {"cpu": "100m"}}, {}, "minimum cpu usage per Pod is 100m.  No request is specified"),
    ("Container", {"min": {"cpu": "100m"}}, {"requests": {"cpu": "50m"}}, "minimum cpu usage per Container is 100m, but request is 50m"),
    ("Pod", {"max": {"memory": "1Gi"}}, {"requests": {"memory": "1Gi"}}, "maximum memory usage per Pod is 1Gi.  No limit is specified"),
    ("Container", {"max": {"memory": "1Gi"}}, {"limits": {"memory": "2Gi"}}, "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
    ("Container", {"maxLimitRequestRatio": {"cpu": "2"}}, {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}, "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000"),
    ("Container", {"maxLimitRequestRatio": {"cpu": "2"}}, {}, "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"),
    ("Pod", {"max": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, "maximum cpu usage per Pod is 1, but limit is 4"),
    ("Pod", {"min": {"memory": "1Gi"}}, {"requests": {"memory": "100Mi"}}, "minimum memory usage per Pod is 1Gi, but request is 200Mi"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "bounds", "resources", "message"), CASES)
def test_bounds(run, type_: str, bounds: Any, resources: Any, message: str) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.LIMITRANGE, "l", spec={"limits": [{"type": type_, **bounds}]})
        second = {"name": "d", "image": "nginx", "resources": resources}
        one = {"name": "c", "image": "nginx", "resources": resources}
        spec = {"containers": [one, second]}
        with pytest.raises(Forbidden) as caught:
            await client.create(kinds.POD, "p", spec=spec)
        assert caught.value.message == f'pods "p" is forbidden: {message}'

    run(scenario)


def test_claims_have_bounds_too(run) -> None:
    async def scenario(client: Client) -> None:
        item = {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}}
        await client.create(kinds.LIMITRANGE, "l", spec={"limits": [item]})

        def claim(size: str) -> dict[str, Any]:
            return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}

        await client.create(kinds.PERSISTENTVOLUMECLAIM, "ok", spec=claim("5Gi"))
        for size, message in (
            ("20Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi"),
            ("1Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"),
        ):
            with pytest.raises(Forbidden) as caught:
                await client.create(kinds.PERSISTENTVOLUMECLAIM, "c", spec=claim(size))
            assert caught.value.message == f'persistentvolumeclaims "c" is forbidden: {message}'

    run(scenario)

"""RuntimeClass: overhead, placement, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden

from .conftest import Client

TOLERATION = {"key": "sandbox", "operator": "Exists"}


async def make(client: Client, **fields: Any) -> None:
    await client.create(kinds.RUNTIMECLASS, "kata", handler="kata", **fields)


def test_a_class_adds_its_overhead_and_placement(run) -> None:
    async def scenario(client: Client) -> None:
        scheduling = {"nodeSelector": {"kind": "vm"}, "tolerations": [TOLERATION]}
        await make(client, overhead={"podFixed": {"cpu": "250m"}}, scheduling=scheduling)
        made = await client.pod("p", runtimeClassName="kata", nodeSelector={"a": "b"})
        assert made["spec"]["overhead"] == {"cpu": "250m"}
        assert made["spec"]["nodeSelector"] == {"a": "b", "kind": "vm"}
        assert TOLERATION in made["spec"]["tolerations"]
        same = await client.pod("q", runtimeClassName="kata", overhead={"cpu": "0.25"})
        assert same["spec"]["overhead"] == {"cpu": "250m"}

    run(scenario)


REFUSED = [
    ({"runtimeClassName": "none"}, 'pod rejected: RuntimeClass "none" not found'),
    ({"runtimeClassName": "kata", "overhead": {"cpu": "1"}}, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"),
    ({"overhead": {"cpu": "1"}}, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
    ({"runtimeClassName": "kata", "nodeSelector": {"kind": "metal"}}, "conflict: runtimeClass.scheduling.nodeSelector[kind] = vm; pod.spec.nodeSelector[kind] = metal"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "message"), REFUSED)
def test_refusals(run, spec: Any, message: str) -> None:
    async def scenario(client: Client) -> None:
        scheduling = {"nodeSelector": {"kind": "vm"}}
        await make(client, overhead={"podFixed": {"cpu": "250m"}}, scheduling=scheduling)
        with pytest.raises(Forbidden) as caught:
            await client.pod("p", **spec)
        assert caught.value.message == f'pods "p" is forbidden: {message}'

    run(scenario)

"""Patterns that would keep a backtracking engine busy for hours are answered at once, wherever a user may write one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from pybernetes.clock import Env

from .asker import Asker, runner

HOSTILE = "^(a+)+$"
DEFINITION: dict[str, Any] = {
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Cluster",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "byPattern": {"type": "string", "pattern": HOSTILE},
                            "byRule": {
                                "type": "string",
                                "maxLength": 20_000,
                                "x-kubernetes-validations": [{"rule": f"self.matches('{HOSTILE}')"}],
                            },
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    return runner(env)


def test_a_hostile_pattern_is_answered_at_once(run) -> None:
    async def scenario(ask: Asker) -> None:
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        assert (await ask.tree("POST", crds, DEFINITION))["kind"] == "CustomResourceDefinition"
        things = "/apis/example.com/v1/things"
        while (await ask("GET", things)).status != 200:  # noqa: ASYNC110 (served when its controller has seen it)
            await asyncio.sleep(0.01)
        text = "a" * 10_000 + "b"
        for field in ("byPattern", "byRule"):
            thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, field: text}
            began = time.process_time()
            refused = await ask.tree("POST", things, thing)
            assert time.process_time() - began < 2
            assert refused["code"] == 422
            assert f"{field}: Invalid value" in refused["message"]

    run(scenario)

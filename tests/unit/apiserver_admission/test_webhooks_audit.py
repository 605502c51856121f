"""What the audit log learns of webhooks: who changed what, who failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api import kinds
from tests.apiserver.test_audit import config, lines

from .conftest import Client
from .test_webhooks import certificate, hook, mutating, patch  # noqa: F401 (a fixture)

OPERATION = {"op": "add", "path": "/data", "value": {"a": "b"}}
PLACE = "webhook.admission.k8s.io/round_0_index_"


@pytest.mark.parametrize("level", ["Metadata", "Request"])
def test_changes_are_noted(run, certificate, tmp_path: Path, level: str) -> None:  # noqa: F811
    path = tmp_path / "audit.log"

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return patch(OPERATION) if "data" not in request["object"] else {}

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as served:
            other = served.config("b")
            other["rules"][0]["resources"] = ["secrets"]
            failing = served.config("d", failurePolicy="Ignore")
            failing["clientConfig"]["url"] = "https://127.0.0.1:1/d"
            await mutating(client, served.config("a"), other, served.config("c"), failing)
            await client.create(kinds.CONFIGMAP, "one")
        (line,) = [each for each in lines(path) if each["stage"] == "ResponseComplete"]
        found = {key: value for key, value in line["annotations"].items() if PLACE in key}
        told = {"configuration": "m", "webhook": "a.example.com"}
        whole = {**told, "patch": [OPERATION], "patchType": "JSONPatch"}
        assert found.pop(f"failed-open.mutating.{PLACE}3") == "d.example.com"
        read = {key: json.loads(value) for key, value in found.items()}
        patches = {f"patch.{PLACE}0": whole} if level == "Request" else {}
        assert read == {
            f"mutation.{PLACE}0": {**told, "mutated": True},
            f"mutation.{PLACE}2": {**told, "webhook": "c.example.com", "mutated": False},
            f"mutation.{PLACE}3": {**told, "webhook": "d.example.com", "mutated": False},
            **patches,
        }

    rules = f"- {{level: {level}, resources: [{{resources: [configmaps]}}], users: [admin]}}"
    run(scenario, **config(path, rules))

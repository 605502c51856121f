"""Match conditions of webhooks: CEL that says whether a hook is asked at all."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid

from .conftest import Client
from .test_webhooks import certificate, hook, mutating, validating

__all__ = ["certificate"]


def conditions(*expressions: str) -> dict[str, Any]:
    return {
        "matchConditions": [
            {"name": f"c{number}", "expression": text} for number, text in enumerate(expressions)
        ]
    }


def refusing(_request: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": False}


def test_a_hook_is_asked_where_all_conditions_hold(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, refusing) as server:
            wanted = conditions(
                "object.metadata.name.startsWith('checked-')",
                "request.operation == 'CREATE' && authorizer.requestResource.check('update').allowed()",
            )
            await validating(client, server.config(**wanted))
            await client.create(kinds.CONFIGMAP, "free")
            assert not server.requests
            with pytest.raises(Exception, match="denied the request"):
                await client.create(kinds.CONFIGMAP, "checked-a")
            assert len(server.requests) == 1

    run(scenario)


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_a_condition_without_a_value(run, certificate, policy: str) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, refusing) as server:
            broken = conditions("object.data.x == 'y'")
            await mutating(client, server.config(failurePolicy=policy, **broken))
            if policy == "Fail":
                with pytest.raises(Forbidden) as caught:
                    await client.create(kinds.CONFIGMAP, "a")
                assert caught.value.message == (
                    "configmaps \"a\" is forbidden: expression 'object.data.x == 'y'' resulted in error: "
                    "no such key: data"
                )
            else:
                await client.create(kinds.CONFIGMAP, "a")
            assert not server.requests

    run(scenario)


def test_a_condition_that_is_false_outweighs_one_without_a_value(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, refusing) as server:
            await validating(client, server.config(**conditions("object.data.x == 'y'", "false")))
            await client.create(kinds.CONFIGMAP, "a")
            assert not server.requests

    run(scenario)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("object.x ==", "compilation failed: ERROR: <input>:1:12: Syntax error: mismatched input '<EOF>'"),
        ("params.x == 1", "undeclared reference to 'params' (in container '')"),
        ("object.x", "must evaluate to bool"),
    ],
)
def test_conditions_are_compiled_when_they_are_written(
    run,
    certificate,
    expression: str,
    message: str,
) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, refusing) as server:
            with pytest.raises(Invalid) as caught:
                await validating(client, server.config(**conditions(expression)))
            (cause,) = caught.value.causes
            assert cause.field == "webhooks[0].matchConditions[0].expression"
            assert message in cause.message

    run(scenario)

"""Warnings about the expressions of policies, through a real API server in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj

NAME = "validatingadmissionpolicy-status-controller"


def policy(expression: str, group: str = "apps", resource: str = "deployments", **spec: Any) -> Obj:
    rule = {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": [resource],
    }
    full = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": expression}],
        **spec,
    }
    return new_object(kinds.VALIDATINGADMISSIONPOLICY, "p", spec=full)


async def status(world: World, made: Obj) -> dict[str, Any]:
    await world.client.create(kinds.VALIDATINGADMISSIONPOLICY, made)
    await world.settle(2)
    found = await world.client.get(kinds.VALIDATINGADMISSIONPOLICY, "p")
    return dict(found["status"])


@pytest.mark.parametrize(
    ("made", "warning"),
    [
        (policy("object.spec.replicas > 1"), ""),
        (
            policy("object.replicas > 1"),
            "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n"
            " | object.replicas > 1\n"
            " | ......^",
        ),
        (policy("object.nonsense > 1", resource="*"), ""),
        (policy("object.spec.containers.all(c, c.image != '')", "", "pods"), ""),
        (policy("object.metadata.labels['a'] == 'b' && has(object.spec.nodeName)", "", "pods"), ""),
        (
            policy("variables.n > 1", variables=[{"name": "n", "expression": "object.spec.replicas"}]),
            "",
        ),
        (policy("object.anything > 1", "example.org", "things"), ""),
    ],
)
def test_expressions_are_checked_against_the_kinds_they_see(made: Obj, warning: str) -> None:
    async def story(world: World) -> None:
        found = await status(world, made)
        assert found["observedGeneration"] == 1
        expected = {"fieldRef": "spec.validations[0].expression", "warning": warning}
        assert found.get("typeChecking") == ({"expressionWarnings": [expected]} if warning else {})

    play(story, NAME)


def test_custom_kinds_are_checked_too_and_a_new_spec_again() -> None:
    properties = {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    crd = new_object(
        kinds.CUSTOMRESOURCEDEFINITION,
        "things.example.org",
        spec={"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]},
    )

    async def story(world: World) -> None:
        await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, crd)
        await world.settle(2)
        found = await status(world, policy("object.spec.length > 1", "example.org", "things"))
        (warning,) = found["typeChecking"]["expressionWarnings"]
        assert warning["warning"].startswith(
            "example.org/v1, Kind=Thing: ERROR: <input>:1:12: undefined field 'length'"
        )
        patch = {"spec": {"validations": [{"expression": "object.spec.size > 1"}]}}
        await world.client.patch(kinds.VALIDATINGADMISSIONPOLICY, "p", "", patch)
        await world.settle(2)
        found = dict((await world.client.get(kinds.VALIDATINGADMISSIONPOLICY, "p"))["status"])
        assert found == {"observedGeneration": 2, "typeChecking": {}}

    play(story, NAME)

"""MutatingAdmissionPolicies and their bindings, by what they change."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid

from .conftest import Client

PODS = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]


def applied(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


async def policy(client: Client, *mutations: Any, name: str = "p", rules: Any = PODS, **spec: Any) -> None:
    await client.create(
        kinds.MUTATINGADMISSIONPOLICY,
        name,
        spec={
            "matchConstraints": {"resourceRules": rules},
            "mutations": list(mutations),
            "reinvocationPolicy": "Never",
            **spec,
        },
    )
    await client.create(kinds.MUTATINGADMISSIONPOLICYBINDING, f"{name}-b", spec={"policyName": name})


SIDECAR = """
Object{
  spec: Object.spec{
    initContainers: [
      Object.spec.initContainers{name: "mesh-proxy", image: "mesh/proxy:v1.0.0", restartPolicy: "Always"}
    ]
  }
}
"""


def test_an_apply_configuration_is_merged(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            applied(SIDECAR),
            applied(
                "Object{metadata: Object.metadata{labels: {'mesh': object.spec.initContainers[0].name}}}"
            ),
            matchConditions=[
                {
                    "name": "not-yet",
                    "expression": "!object.spec.?initContainers.orValue([]).exists(c, c.name == 'mesh-proxy')",
                }
            ],
        )
        pod = await client.pod("web", initContainers=[{"name": "first", "image": "i"}])
        assert [c["name"] for c in pod["spec"]["initContainers"]] == ["first", "mesh-proxy"]
        assert pod["spec"]["initContainers"][1]["imagePullPolicy"] == "IfNotPresent"
        assert pod["metadata"]["labels"] == {"mesh": "first"}
        own = await client.pod("own", initContainers=[{"name": "mesh-proxy", "image": "mine"}])
        assert [c["image"] for c in own["spec"]["initContainers"]] == ["mine"]

    run(scenario)


def test_a_json_patch(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            patched(
                "[JSONPatch{op: 'test', path: '/spec/containers/0/name', value: 'c'},"
                " has(object.metadata.labels) ? JSONPatch{op: 'add', path: '/metadata/labels/' + "
                "jsonpatch.escapeKey('example.com/env'), value: variables.env}"
                " : JSONPatch{op: 'add', path: '/metadata/labels', value: {'example.com/env': variables.env}}]"
            ),
            patched("has(object.spec.hostname) ? [JSONPatch{op: 'remove', path: '/spec/hostname'}] : []"),
            variables=[{"name": "env", "expression": "namespaceObject.metadata.name + '-env'"}],
        )
        pod = await client.pod("a", hostname="h")
        assert pod["metadata"]["labels"] == {"example.com/env": "default-env"}
        assert "hostname" not in pod["spec"]
        other = await client.pod("other", container={"name": "other"})
        assert "labels" not in other["metadata"]
        pod = await client.pod("b", metadata={"labels": {"x": "y"}})
        assert pod["metadata"]["labels"] == {"x": "y", "example.com/env": "default-env"}

    run(scenario)


def test_parameters_and_selected_values(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(
            kinds.MUTATINGADMISSIONPOLICY,
            "p",
            spec={
                "matchConstraints": {"resourceRules": PODS},
                "mutations": [applied("Object{metadata: Object.metadata{annotations: params.data}}")],
                "reinvocationPolicy": "Never",
                "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            },
        )
        ref = {"name": "notes", "parameterNotFoundAction": "Allow"}
        await client.create(
            kinds.MUTATINGADMISSIONPOLICYBINDING, "b", spec={"policyName": "p", "paramRef": ref}
        )
        assert "annotations" not in (await client.pod("before"))["metadata"]
        await client.create(kinds.CONFIGMAP, "notes", data={"team": "a"})
        assert (await client.pod("after"))["metadata"]["annotations"] == {"team": "a"}

    run(scenario)


@pytest.mark.parametrize(
    ("mutation", "why"),
    [
        (
            patched("[JSONPatch{op: 'remove', path: '/spec/hostname'}]"),
            "JSON Patch: error in remove for path: '/spec/hostname': unable to remove nonexistent key: hostname: missing "
            "value",
        ),
        (
            applied("Object{spec: Object.metadata{hostname: 'x'}}"),
            'type mismatch: unexpected type name "Object.metadata", expected "Object.spec", which matches field name '
            "path from root Object type",
        ),
        (
            applied(
                "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'c', args: ['x']}]}}"
            ),
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
        ),
        (
            applied("Object{metadata: Object.metadata{labels: {'a': object.metadata.labels.a}}}"),
            "expression 'Object{metadata: Object.metadata{labels: {'a': object.metadata.labels.a}}}' resulted in "
            "error: no such key: labels",
        ),
    ],
)
@pytest.mark.parametrize("fails", ["Fail", "Ignore"])
def test_mutations_that_fail(run, mutation: Any, why: str, fails: str) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, mutation, failurePolicy=fails)
        if fails == "Ignore":
            assert "hostname" not in (await client.pod())["spec"]
            return
        with pytest.raises(Forbidden) as caught:
            await client.pod()
        assert caught.value.message == f"policy 'p' with binding 'p-b' denied request: {why}"

    run(scenario)


def test_policies_run_again_after_later_changes(run) -> None:
    async def scenario(client: Client) -> None:
        count = "string(int(object.metadata.?annotations['n'].orValue('0')) + 1)"
        await policy(
            client,
            applied(f"Object{{metadata: Object.metadata{{annotations: {{'n': {count}}}}}}}"),
            name="a",
            reinvocationPolicy="IfNeeded",
        )
        await policy(client, applied("Object{metadata: Object.metadata{labels: {'late': 'yes'}}}"), name="b")
        pod = await client.pod()
        assert pod["metadata"]["annotations"] == {"n": "2"}
        assert pod["metadata"]["labels"] == {"late": "yes"}

    run(scenario)


def test_what_is_made_is_validated(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, applied("Object{spec: Object.spec{hostname: 'NO_'}}"))
        with pytest.raises(Invalid):
            await client.pod()

    run(scenario)


@pytest.mark.parametrize(
    ("mutation", "field", "message"),
    [
        (
            applied("{'a': 1}"),
            "spec.mutations[0].applyConfiguration.expression",
            "must evaluate to Object",
        ),
        (patched("[1]"), "spec.mutations[0].jsonPatch.expression", "must evaluate to list(JSONPatch)"),
        (
            patched("[JSONPatch{op: 1}]"),
            "spec.mutations[0].jsonPatch.expression",
            "compilation failed: ERROR: <input>:1:14: expected type of field 'op' is 'string' but provided type is 'int'",
        ),
        (
            patched("[JSONPatch{nope: 1}]"),
            "spec.mutations[0].jsonPatch.expression",
            "undefined field 'nope'",
        ),
    ],
)
def test_expressions_are_compiled_when_a_policy_is_written(
    run, mutation: Any, field: str, message: str
) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(Invalid) as caught:
            await policy(client, mutation)
        (cause,) = caught.value.causes
        assert cause.field == field
        assert message in cause.message

    run(scenario)

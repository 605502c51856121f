"""Custom resources under rules in CEL, and under server-side apply by their schema."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pybernetes.api.errors import (
    Invalid,
)
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.customresources.columns import columns_of
from pybernetes.apiserver.customresources.scalevalues import validate_scale_values
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport

from .crontabs import CRONTAB, SPEC, Run, crontab, crontabs, refused

RULES = [
    {"rule": "self.replicas <= self.most", "message": "too many replicas", "fieldPath": ".replicas"},
    {
        "rule": "self.most >= oldSelf.most",
        "messageExpression": "'most went from %d to %d'.format([oldSelf.most, self.most])",
        "reason": "FieldValueForbidden",
    },
    {"rule": "!has(self.note) || self.note.size() < 4"},
]


def with_rules() -> dict[str, Any]:
    crd = crontabs()
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {
        **SPEC,
        "properties": {
            **SPEC["properties"],
            "most": {"type": "integer", "default": 5},
            "note": {"type": "string"},
        },
        "x-kubernetes-validations": RULES,
    }
    return crd


def test_rules_in_cel(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        named = 'CronTab.stable.example.com "web" is invalid: '
        call = Call("create", CRONTAB, "default", body=crontab(replicas=6))
        assert await refused(transport, call, Invalid) == (
            f'{named}spec.replicas: Invalid value: "object": too many replicas'
        )
        call = Call("create", CRONTAB, "default", body=crontab(note="much too long"))
        assert await refused(transport, call, Invalid) == (
            f'{named}spec: Invalid value: "object": failed rule: !has(self.note) || self.note.size() < 4'
        )
        await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        less = Call("patch", CRONTAB, "default", "web", body={"spec": {"most": 4}}, patch_type="merge")
        assert await refused(transport, less, Invalid) == f"{named}spec: Forbidden: most went from 5 to 4"
        call = Call("create", CRONTAB, "default", body=crontab("bad", replicas="x"))
        assert '<nil>: Invalid value: "null": some validation rules were not checked' in await refused(
            transport, call, Invalid
        )

    api(case, with_rules())


def test_an_update_is_not_refused_for_what_it_leaves(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        await transport.call(Call("create", CRONTAB, "default", body=crontab(note="long enough")))
        crd = await transport.call(Call("get", CRD, name="crontabs.stable.example.com"))
        body = json.loads(json.dumps(crd))
        spec = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["note"]["maxLength"] = 3
        await transport.call(Call("update", CRD, name="crontabs.stable.example.com", body=body))

        async def note(text: str) -> str:
            call = Call("create", CRONTAB, "default", query={"dryRun": "All"}, body=crontab("n", note=text))
            return await refused(transport, call, Invalid)

        async with asyncio.timeout(5):
            while True:
                try:
                    assert "spec.note: Too long: may not be more than 3 bytes" in await note("long enough")
                    break
                except BaseException:
                    await asyncio.sleep(0)
                    if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                        raise
        labelled = {"spec": {"image": "new"}}
        done = await transport.call(
            Call("patch", CRONTAB, "default", "web", body=labelled, patch_type="merge")
        )
        assert done["spec"]["note"] == "long enough"
        changed = Call(
            "patch", CRONTAB, "default", "web", body={"spec": {"note": "longer"}}, patch_type="merge"
        )
        assert "Too long" in await refused(transport, changed, Invalid)

    crd = crontabs()
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {
        **SPEC,
        "properties": {**SPEC["properties"], "note": {"type": "string"}},
    }
    api(case, crd)


def test_server_side_apply_merges_by_the_schema(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        async def applied(manager: str, *tags: str) -> Any:
            body = {
                "apiVersion": "stable.example.com/v1",
                "kind": "CronTab",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"tags": list(tags)},
            }
            return await transport.call(
                Call(
                    "patch",
                    CRONTAB,
                    "default",
                    "web",
                    query={"fieldManager": manager},
                    body=body,
                    patch_type="apply",
                )
            )

        await applied("one", "a")
        both = await applied("two", "b")
        assert sorted(both["spec"]["tags"]) == ["a", "b"]
        assert sorted(entry["manager"] for entry in both["metadata"]["managedFields"]) == ["one", "two"]

    api(case)


SCALES = [
    (
        {"spec": {"replicas": "x"}},
        ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: x is of the type string, expected int64",
    ),
    ({"spec": {"replicas": -1}}, ".spec.replicas: Invalid value: -1: should be a non-negative integer"),
    (
        {"spec": {"replicas": 2**31}},
        ".spec.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647",
    ),
    (
        {"spec": "x"},
        ".spec.replicas: Invalid value: 0: .spec accessor error: x is of the type string, expected map[string]interface {}",
    ),
    (
        {"status": {"selector": 7}},
        '.status.selector: Invalid value: "": .status.selector accessor error: 7 is of the type int64, expected string',
    ),
]


def test_what_a_scale_shows_must_fit_into_one() -> None:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    for tree, message in SCALES:
        errors = FieldErrors()
        validate_scale_values(tree, scale, errors)
        assert list(errors) == [message]
    errors = FieldErrors()
    validate_scale_values({}, scale, errors)
    assert not errors


def test_a_negative_number_of_replicas_is_refused(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        call = Call("create", CRONTAB, "default", body=crontab(replicas=-1))
        assert await refused(transport, call, Invalid) == (
            'CronTab.stable.example.com "web" is invalid: [spec.replicas: Invalid value: -1: spec.replicas in body '
            "should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]"
        )

    api(case)


def test_rules_in_cel_are_checked_beside_values_out_of_bounds(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        call = Call("create", CRONTAB, "default", body=crontab(replicas=11))
        text = await refused(transport, call, Invalid)
        assert "spec.replicas in body should be less than or equal to 10" in text
        assert "too many replicas" in text

    api(case, with_rules())


def test_columns_end_where_one_cannot_be_read() -> None:
    columns = columns_of(
        {
            "name": "v1",
            "additionalPrinterColumns": [
                {"name": "Good", "type": "string", "jsonPath": ".spec.a"},
                {"name": "Bad", "type": "string", "jsonPath": ".spec.["},
                {"name": "Late", "type": "string", "jsonPath": ".spec.b"},
            ],
        }
    )
    assert [column.name for column in columns] == ["Name", "Good"]

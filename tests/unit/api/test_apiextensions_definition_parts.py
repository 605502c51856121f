"""The rules of CustomResourceDefinitions: approval, conversion, what a version has besides its schema, and updates."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from definitiontrees import ROOT, definition, problems

from pybernetes.api import schema
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD


@pytest.mark.parametrize(
    ("annotation", "line"),
    [
        ("https://github.com/kubernetes/kubernetes/pull/1", ""),
        ("unapproved, experimental", ""),
        (
            "yes",
            'metadata.annotations[api-approved.kubernetes.io]: Invalid value: "yes": protected groups must have approval '
            'annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see '
            "https://github.com/kubernetes/enhancements/pull/1111",
        ),
        (
            "",
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval "
            'annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
        ),
    ],
)
def test_groups_of_the_community_need_an_approval(annotation: str, line: str) -> None:
    crd = definition()
    crd["metadata"] = {
        "name": "widgets.x.k8s.io",
        "annotations": {"api-approved.kubernetes.io": annotation},
    }
    crd["spec"]["group"] = "x.k8s.io"
    assert problems(crd) == ([line] if line else [])
    old, _ = schema.check(crd, CRD)
    CRD.default(old)
    CRD.prepare_create(old)
    errors = FieldErrors()
    CRD.validate_update(old, old, errors)
    assert not errors


@pytest.mark.parametrize(
    ("conversion", "lines"),
    [
        (
            {"strategy": "Webhook"},
            [
                "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
                "spec.conversion.conversionReviewVersions: Required value",
            ],
        ),
        (
            {
                "strategy": "None",
                "webhook": {"clientConfig": {}, "conversionReviewVersions": ["v1"]},
            },
            [
                f"spec.conversion.{field}: Forbidden: should not be set when strategy is not set to Webhook"
                for field in ("webhookClientConfig", "conversionReviewVersions")
            ],
        ),
        (
            {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"url": "http://a.example.com/x?y"},
                    "conversionReviewVersions": ["v2", "v2"],
                },
            },
            [
                "spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; "
                "desired format: https://host[/path]",
                'spec.conversion.webhookClientConfig.url: Invalid value: "y": query parameters are not permitted in the URL',
                'spec.conversion.conversionReviewVersions[1]: Invalid value: "v2": duplicate version',
                'spec.conversion.conversionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, '
                "v1beta1",
            ],
        ),
        (
            {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"service": {"name": "", "namespace": "n"}},
                    "conversionReviewVersions": ["v1"],
                },
            },
            ["spec.conversion.webhookClientConfig.service.name: Required value: service name is required"],
        ),
        ({"strategy": ""}, ["spec.conversion.strategy: Required value"]),
    ],
)
def test_conversions(conversion: dict[str, Any], lines: list[str]) -> None:
    crd = definition()
    crd["spec"]["conversion"] = conversion
    assert problems(crd) == lines


def test_what_is_allowed() -> None:
    assert (
        problems(
            definition(
                {
                    "port": {
                        "x-kubernetes-int-or-string": True,
                        "anyOf": [{"type": "integer"}, {"type": "string"}],
                    },
                    "free": {"x-kubernetes-preserve-unknown-fields": True},
                    "one": {
                        "type": "object",
                        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                    },
                    "keyed": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
                            "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size"}],
                        },
                    },
                    "pod": {
                        "type": "object",
                        "x-kubernetes-embedded-resource": True,
                        "x-kubernetes-preserve-unknown-fields": True,
                        "x-kubernetes-validations": [
                            {"rule": "self.metadata.name != '' && self.kind == 'Pod'"}
                        ],
                    },
                }
            )
        )
        == []
    )


def test_transition_rules_need_a_value_that_can_be_found_again() -> None:
    found = problems(
        definition(
            {
                "l": {
                    "type": "array",
                    "maxItems": 9,
                    "items": {
                        "type": "string",
                        "maxLength": 9,
                        "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
                    },
                }
            }
        )
    )
    assert len(found) == 1
    assert found[0].endswith(
        f"oldSelf cannot be used on the uncorrelatable portion of the schema within {ROOT}.properties[l]"
    )


def test_subresources_columns_and_selectable_fields() -> None:
    crd = definition(
        {"spec": {"type": "object", "properties": {"n": {"type": "integer"}, "l": {"type": "object"}}}}
    )
    crd["spec"]["versions"][0] |= {
        "subresources": {"scale": {"specReplicasPath": ".status.n", "statusReplicasPath": ".status.n"}},
        "additionalPrinterColumns": [{"name": "N", "type": "int", "jsonPath": "spec.n"}],
        "selectableFields": [
            {"jsonPath": ".spec.l"},
            {"jsonPath": ".spec.x"},
            {"jsonPath": ".metadata.name"},
        ],
    }
    found = problems(crd)
    assert (
        'spec.subresources.scale.specReplicasPath: Invalid value: ".status.n": should be a json path under .spec'
        in found
    )
    assert (
        'spec.additionalPrinterColumns[0].type: Invalid value: "int": must be one of '
        "boolean,date,integer,number,string" in found
    )
    assert [line for line in found if ".JSONPath" in line or "selectable" in line] == [
        'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.n": must be a simple json path starting with .',
        'spec.selectableFields[0].jsonPath: Invalid value: ".spec.l": must point to a field of type string, boolean or '
        "integer. Enum string fields and strings with formats are allowed.",
        'spec.selectableFields[1].jsonPath: Invalid value: ".spec.x": is an invalid path: does not refer to a valid field',
        'spec.selectableFields[2].jsonPath: Invalid value: ".metadata.name": is an invalid path: does not refer to a valid '
        "field",
    ]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("spec", "expected [ or . but got: spec"),
        (".", "unexpected end of JSON path"),
        ("['spec']", "array notation is not allowed"),
        (".spec.n.m", "does not refer to a valid field"),
    ],
)
def test_paths_of_selectable_fields(path: str, why: str) -> None:
    crd = definition({"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}})
    crd["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": path}]
    assert problems(crd) == [
        f"spec.selectableFields[0].jsonPath: Invalid value: {json.dumps(path)}: is an invalid path: {why}"
    ]


def test_the_same_field_is_selected_by_once() -> None:
    crd = definition({f"f{n}": {"type": "string"} for n in range(9)})
    fields = [{"jsonPath": f".f{n}"} for n in range(9)]
    crd["spec"]["versions"][0]["selectableFields"] = [*fields, fields[0]]
    assert problems(crd) == [
        'spec.selectableFields[9].jsonPath: Duplicate value: ".f0"',
        "spec.selectableFields: Too many: 9: must have at most 8 items",
    ]


def test_what_versions_do_not_share_is_found_at_each() -> None:
    crd = definition({"a": {}})
    second = copy.deepcopy(crd["spec"]["versions"][0]) | {"name": "v2", "storage": False}
    second["schema"]["openAPIV3Schema"]["properties"] = {"b": {}}
    crd["spec"]["versions"].append(second)
    assert problems(crd) == [
        f"spec.versions[{n}].schema.openAPIV3Schema.properties[{field}].type: Required value: must not be empty for "
        "specified object fields"
        for n, field in enumerate("ab")
    ]


def test_an_established_definition_keeps_its_names() -> None:
    old, _ = schema.check(definition(), CRD)
    CRD.default(old)
    old["status"] = {"conditions": [{"type": "Established", "status": "True"}], "storedVersions": ["v1"]}
    new = copy.deepcopy(old)
    new["spec"]["scope"] = "Cluster"
    new["spec"]["names"]["kind"] = "Gadget"
    errors = FieldErrors()
    CRD.validate_update(new, old, errors)
    assert list(errors) == [
        'spec.scope: Invalid value: "Cluster": field is immutable',
        'spec.names.kind: Invalid value: "Gadget": field is immutable',
    ]


def test_a_version_that_may_still_be_stored_stays() -> None:
    crd, _ = schema.check(definition(), CRD)
    CRD.default(crd)
    crd["status"] = {"storedVersions": ["v0", "v1"]}
    errors = FieldErrors()
    CRD.validate_create(crd, errors)
    assert next(iter(errors)).startswith(
        'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions'
    )


def test_fields_of_one_version_need_a_schema_of_their_own() -> None:
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    versions = [
        {"name": "v1", "served": True, "storage": True, "schema": schema},
        {
            "name": "v2",
            "served": True,
            "storage": False,
            "schema": schema,
            "selectableFields": [{"jsonPath": ".a"}],
        },
    ]
    tree = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": versions,
        },
    }
    assert problems(tree) == [
        'spec.versions[1].selectableFields: Invalid value: "": selectableFields may only be set when '
        "version.schema.openAPIV3Schema is not included"
    ]

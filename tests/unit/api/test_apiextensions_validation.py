"""CustomResourceDefinitions that are refused, and why: upstream's paths and messages."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pybernetes.api import schema
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD

ROOT = "spec.validation.openAPIV3Schema"


def definition(properties: dict[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    tree = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties or {}, **root}},
                }
            ],
        },
    }
    return copy.deepcopy(tree)


def problems(crd: dict[str, Any]) -> list[str]:
    """What create would say."""
    tree, unknown = schema.check(crd, CRD)
    assert not unknown
    CRD.default(tree)
    CRD.prepare_create(tree)
    errors = FieldErrors()
    CRD.validate(tree, errors)
    return list(errors)


def test_defaults() -> None:
    tree, _ = schema.check(definition(), CRD)
    CRD.default(tree)
    CRD.prepare_create(tree)
    assert tree["spec"]["names"] == {
        "plural": "widgets",
        "kind": "Widget",
        "singular": "widget",
        "listKind": "WidgetList",
    }
    assert tree["spec"]["conversion"] == {"strategy": "None"}
    assert tree["status"] == {"storedVersions": ["v1"]}
    assert problems(definition()) == []


def test_names_scope_and_group() -> None:
    crd = definition()
    crd["metadata"]["name"] = "other"
    crd["spec"]["group"] = "example"
    crd["spec"]["scope"] = "Galactic"
    crd["spec"]["names"] |= {"kind": "Wid get", "listKind": "Wid get"}
    found = problems(crd)
    assert 'metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group' in found
    assert 'spec.group: Invalid value: "example": should be a domain with at least one dot' in found
    assert 'spec.scope: Unsupported value: "Galactic": supported values: "Cluster", "Namespaced"' in found
    assert any(
        line.startswith(
            'spec.names.kind: Invalid value: "Wid get": may have mixed case, but should otherwise match:'
        )
        for line in found
    )
    assert 'spec.names.listKind: Invalid value: "Wid get": kind and listKind may not be the same' in found


def test_versions() -> None:
    crd = definition()
    second = copy.deepcopy(crd["spec"]["versions"][0])
    crd["spec"]["versions"].append(second)
    found = problems(crd)
    assert any(line.endswith("must contain unique version names") for line in found)
    assert any(line.endswith("must have exactly one version marked as storage version") for line in found)
    second |= {"name": "V2", "storage": False, "deprecationWarning": "old"}
    second.pop("schema")
    found = problems(crd)
    assert any(
        line.startswith('spec.versions[1].name: Invalid value: "V2": a DNS-1035 label') for line in found
    )
    assert "spec.versions[1].schema.openAPIV3Schema: Required value: schemas are required" in found
    assert (
        'spec.versions[1].deprecationWarning: Invalid value: "old": can only be set for deprecated versions'
        in found
    )


def test_unknown_fields_must_not_be_kept_as_a_whole() -> None:
    crd = definition()
    crd["spec"]["preserveUnknownFields"] = True
    assert problems(crd) == ["spec.preserveUnknownFields: Invalid value: true: must be false"]


@pytest.mark.parametrize(
    ("properties", "line"),
    [
        (
            {"spec": {"properties": {"a": {"type": "string"}}}},
            f"{ROOT}.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
        (
            {"l": {"type": "array", "items": {}}},
            f"{ROOT}.properties[l].items.type: Required value: must not be empty for specified array items",
        ),
        ({"l": {"type": "array"}}, f"{ROOT}.properties[l].items: Required value: must be specified"),
        (
            {
                "m": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "properties": {"a": {"type": "string"}},
                }
            },
            f"{ROOT}.properties[m].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            {"m": {"type": "object", "additionalProperties": False}},
            f"{ROOT}.properties[m].additionalProperties: Forbidden: additionalProperties cannot be set to false",
        ),
        (
            {"a": {"type": "string", "anyOf": [{"type": "string", "minLength": 1}]}},
            f"{ROOT}.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            {"a": {"type": "object", "oneOf": [{"properties": {"b": {"minLength": 1}}}]}},
            f"{ROOT}.properties[a].properties[b]: Required value: because it is defined in "
            f"{ROOT}.properties[a].oneOf[0].properties[b]",
        ),
        (
            {"a": {"type": "object", "not": {"description": "x"}}},
            f"{ROOT}.properties[a].not.description: Forbidden: must be empty to be structural",
        ),
        (
            {"l": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
            f"{ROOT}.properties[l].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity "
            "becomes quadratic",
        ),
        (
            {"a": {"$ref": "#/x", "type": "string"}},
            f"{ROOT}.properties[a].$ref: Forbidden: $ref is not supported",
        ),
        (
            {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}},
            f"{ROOT}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but "
            "metadata is implicitly specified",
        ),
        (
            {"l": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}},
            f"{ROOT}.properties[l].x-kubernetes-list-map-keys: Required value: must not be empty if "
            "x-kubernetes-list-type is map",
        ),
        (
            {"a": {"type": "string", "x-kubernetes-int-or-string": True}},
            f"{ROOT}.properties[a].type: Forbidden: must be empty if x-kubernetes-int-or-string is true",
        ),
        (
            {"a": {"type": "integer", "default": "x"}},
            f'{ROOT}.properties[a].default: Invalid value: "x": in body must be of type integer: "string"',
        ),
        (
            {"a": {"type": "string", "x-kubernetes-validations": [{"rule": "self.size() > n"}]}},
            f"{ROOT}.properties[a].x-kubernetes-validations[0].rule: Invalid value: "
            'apiextensions.ValidationRule{Rule:"self.size() > n", Message:"", MessageExpression:"", '
            'Reason:(*apiextensions.FieldValueErrorReason)(nil), FieldPath:"", OptionalOldSelf:(*bool)(nil)}: '
            "compilation failed: ERROR: <input>:1:15: undeclared reference to 'n' (in container '')\n"
            " | self.size() > n\n | ..............^",
        ),
        (
            {"a": {"type": "string", "x-kubernetes-validations": [{"rule": " "}]}},
            f"{ROOT}.properties[a].x-kubernetes-validations[0].rule: Required value: rule is not specified",
        ),
    ],
)
def test_structural_schemas(properties: dict[str, Any], line: str) -> None:
    assert line in problems(definition(properties))


def test_a_root_that_is_no_object() -> None:
    assert problems(definition(nullable=True)) == [
        f"{ROOT}.nullable: Forbidden: nullable cannot be true at the root"
    ]
    crd = definition()
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {"type": "string"}
    assert f'{ROOT}.type: Invalid value: "string": must be object at the root' in problems(crd)


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
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema" in found[0]


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
    assert any(line.startswith("spec.additionalPrinterColumns[0].jsonPath: Invalid value") for line in found)
    assert sum(line.startswith("spec.selectableFields[") for line in found) == 3


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
    CRD.validate(crd, errors)
    assert next(iter(errors)).startswith(
        'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions'
    )

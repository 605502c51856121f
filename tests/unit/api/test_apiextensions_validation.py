"""The rules of CustomResourceDefinitions: names, versions and schemas."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from definitiontrees import ROOT, definition, problems

from pybernetes.api import schema
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD


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
    assert problems(crd) == [
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to "
        "true in spec.versions[*].schema instead"
    ]
    crd = definition({"a": {"type": "string", "default": "x"}})
    crd["spec"] |= {
        "preserveUnknownFields": True,
        "conversion": {
            "strategy": "Webhook",
            "webhook": {
                "clientConfig": {"url": "https://a.example.com"},
                "conversionReviewVersions": ["v1"],
            },
        },
    }
    assert problems(crd)[:-1] == [
        "spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema",
        'spec.conversion.strategy: Invalid value: "Webhook": must be None if spec.preserveUnknownFields is true',
    ]


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
            {"m": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}}},
            f"{ROOT}.properties[m].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            {"a": {"type": "string", "anyOf": [{"type": "string", "minLength": 1}]}},
            f"{ROOT}.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
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
            {
                "a": {
                    "x-kubernetes-int-or-string": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                }
            },
            f"{ROOT}.properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if "
            "x-kubernetes-int-or-string is true",
        ),
        (
            {"kind": {"type": "integer"}},
            f'{ROOT}.properties[kind].type: Invalid value: "integer": must be string',
        ),
        (
            {"a": {"type": "object", "allOf": [{"properties": {"metadata": {}}}]}},
            f"{ROOT}.properties[a].allOf[0].properties[metadata]: Forbidden: must not be specified in a nested context",
        ),
        (
            {"a": {"type": "object", "anyOf": [{"additionalProperties": True}]}},
            f"{ROOT}.properties[a].anyOf[0].additionalProperties: Forbidden: must be undefined to be structural",
        ),
        (
            {"a": {"type": "string", "pattern": "("}},
            f'{ROOT}.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error '
            "parsing regexp: missing closing ): `(`",
        ),
        (
            {"metadata": {"type": "object", "properties": {"name": {"type": "string", "default": "x"}}}},
            f"{ROOT}.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata",
        ),
        (
            {"a": {"type": "object", "x-kubernetes-list-map-keys": ["k"]}},
            f"{ROOT}.properties[a].x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is "
            "non-empty",
        ),
        (
            {
                "l": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["k", "k", "m"],
                    "items": {"type": "object", "properties": {"k": {"type": "object", "nullable": True}}},
                }
            },
            f'{ROOT}.properties[l].x-kubernetes-list-map-keys: Invalid value: ["k","k","m"]: entries must all be names of '
            "item properties",
        ),
        (
            {
                "l": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["k"],
                    "items": {
                        "type": "object",
                        "nullable": True,
                        "properties": {"k": {"type": "string", "nullable": True, "default": "a"}},
                    },
                }
            },
            f"{ROOT}.properties[l].items.properties[k].nullable: Forbidden: this property is in "
            "x-kubernetes-list-map-keys, so it cannot be nullable",
        ),
        (
            {
                "s": {
                    "type": "array",
                    "x-kubernetes-list-type": "set",
                    "items": {"type": "object", "x-kubernetes-map-type": "granular"},
                }
            },
            f'{ROOT}.properties[s].items.x-kubernetes-map-type: Invalid value: "null": must be atomic as item of a list '
            "with x-kubernetes-list-type=set",
        ),
        (
            {"s": {"type": "string", "x-kubernetes-map-type": "flat"}},
            f'{ROOT}.properties[s].x-kubernetes-map-type: Unsupported value: "flat": supported values: "atomic", "granular"',
        ),
        (
            {"s": {"x-kubernetes-preserve-unknown-fields": False, "type": "object"}},
            f"{ROOT}.properties[s].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
        ),
        (
            {"o": {"type": "object", "default": {"b": 1}, "properties": {"a": {"type": "string"}}}},
            f'{ROOT}.properties[o].default: Invalid value: {{"b":1}}: must not have unknown fields',
        ),
        (
            {
                "o": {
                    "type": "object",
                    "default": {"n": 3},
                    "properties": {"n": {"type": "integer", "maximum": 2}},
                }
            },
            f"{ROOT}.properties[o].default.n: Invalid value: 3: n in body should be less than or equal to 2",
        ),
        (
            {
                "n": {
                    "type": "integer",
                    "default": 3,
                    "x-kubernetes-validations": [{"rule": "self < 3", "message": "too many"}],
                }
            },
            f'{ROOT}.properties[n].default: Invalid value: "integer": too many',
        ),
        (
            {"a": {"type": "integer", "default": "x"}},
            f'{ROOT}.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"',
        ),
        (
            {"a": {"type": "string", "x-kubernetes-validations": [{"rule": "self.size() > n"}]}},
            f"{ROOT}.properties[a].x-kubernetes-validations[0].rule: Invalid value: "
            '{"Rule":"self.size() \\u003e n","Message":"","MessageExpression":"","Reason":null,"FieldPath":"",'
            '"OptionalOldSelf":null}: '
            "compilation failed: ERROR: <input>:1:15: undeclared reference to 'n' (in container '')\n"
            " | self.size() > n\n | ..............^",
        ),
        (
            {"a": {"type": "string", "x-kubernetes-validations": [{"rule": " "}]}},
            f"{ROOT}.properties[a].x-kubernetes-validations[0].rule: Required value: rule is not specified",
        ),
        (
            {"a": {"type": "string", "x-kubernetes-validations": [{"rule": "self\n!= ''"}]}},
            f"{ROOT}.properties[a].x-kubernetes-validations[0].message: Required value: message must be specified if rule "
            "contains line breaks",
        ),
        (
            {
                "a": {
                    "type": "object",
                    "x-kubernetes-validations": [
                        {"rule": "true", "messageExpression": " ", "reason": "Odd", "fieldPath": ".b"}
                    ],
                }
            },
            f'{ROOT}.properties[a].x-kubernetes-validations[0].fieldPath: Invalid value: ".b": fieldPath must be a valid '
            "path",
        ),
        (
            {
                "a": {
                    "type": "string",
                    "x-kubernetes-validations": [{"rule": "self != ''", "optionalOldSelf": True}],
                }
            },
            f"{ROOT}.properties[a].x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if "
            "oldSelf is not used in rule",
        ),
    ],
)
def test_structural_schemas(properties: dict[str, Any], line: str) -> None:
    assert line in problems(definition(properties))


def test_what_is_restricted_is_specified_outside() -> None:
    crd = definition(
        {"a": {"type": "object"}},
        oneOf=[{"properties": {"a": {"properties": {"c": {"minLength": 1}}}, "b": {"items": {}}}}],
    )
    assert problems(crd) == [
        f"{ROOT}.properties[{path}]: Required value: because it is defined in {ROOT}.oneOf[0].properties[{path}]"
        for path in ("a].properties[c", "b")
    ]


def test_a_root_that_is_no_object() -> None:
    assert problems(definition(nullable=True)) == [
        f"{ROOT}.nullable: Forbidden: nullable cannot be true at the root"
    ]
    crd = definition()
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {"type": "string"}
    assert f'{ROOT}.type: Invalid value: "string": must be object at the root' in problems(crd)
    assert problems(definition(additionalProperties=True, properties=None)) == [
        f"{ROOT}.additionalProperties: Forbidden: must not be used at the root"
    ]


def test_beside_a_status_the_root_says_little() -> None:
    crd = definition(oneOf=[{"required": ["spec"]}])
    crd["spec"]["versions"][0]["subresources"] = {"status": {}}
    (line,) = problems(crd)
    assert line.startswith(f'{ROOT}: Invalid value: {{"type":"object",')
    assert line.endswith(
        ": only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength "
        "Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example "
        "XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is "
        "enabled"
    )
    crd = definition(type="array", items={"type": "string"})
    crd["spec"]["versions"][0]["subresources"] = {"status": {}}
    assert problems(crd)[0] == (
        f'{ROOT}.type: Invalid value: "array": only "object" is allowed as the type at the root of the schema if the '
        "status subresource is enabled"
    )

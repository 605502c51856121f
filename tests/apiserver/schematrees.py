"""Random trees of any definition: every field is there in some of them, with a value of its type."""

from __future__ import annotations

import base64
from random import Random
from typing import Any

from pybernetes.api.schema import definition
from pybernetes.api.schema.table import LIST, MAP, OBJECT, Schema
from pybernetes.apiserver.protobuf.fields import Name, Numbers, numbers
from pybernetes.apiserver.protobuf.types import JSON_SCHEMA

DEPTH = 3
TEXTS = ("", "a", "web-1", "ä€\U0001f40d", "x" * 200)


def tree_of(name: str, random: Random, depth: int = 0) -> dict[str, Any]:
    """A tree of the definition `name`, of the fields that have protobuf numbers."""
    found = definition(name)
    assert found is not None
    boxes = {field.json: field.box for field in _names(numbers(name))}
    tree: dict[str, Any] = {}
    for field, schema in found.fields.items():
        if field not in boxes or random.random() > (0.8 if depth == 0 else 0.4):
            continue
        if boxes[field]:
            value = _boxed(boxes[field], schema.tag == MAP, random, depth)
        else:
            value = _value(schema, random, depth)
        if value is not None:
            tree[field] = value
    return tree


def _names(found: Numbers) -> list[Name]:
    names: list[Name] = []
    for value in found.values():
        names += [value] if isinstance(value, Name) else _names(value)
    return names


def _boxed(box: str, is_map: bool, random: Random, depth: int) -> Any:
    if is_map:
        return {key: _boxed(box, False, random, depth) for key in _keys(random)}
    schema = tree_of(JSON_SCHEMA, random, depth + 1) if depth < DEPTH else {"type": "string"}
    return {
        "list": ["get", "list"],
        "schemas": random.choice([schema, [schema, {"type": "object"}]]),
        "schema-or-bool": random.choice([schema, True, False]),
        "schema-or-strings": random.choice([schema, ["a", "b"]]),
    }[box]


def _keys(random: Random) -> list[str]:
    """None begins with another: there, upb sorts in a way of its own."""
    return random.sample(("b", "c", "app.kubernetes.io/name", "ü"), random.randint(1, 3))


def _value(schema: Schema, random: Random, depth: int) -> Any:
    """A value; None where the tree would get too deep."""
    tag = schema.tag
    if tag in (LIST, MAP):
        assert schema.item is not None
        if tag == LIST:
            items = [_value(schema.item, random, depth) for _ in range(random.randint(1, 3))]
            return None if None in items else items
        entries = {key: _value(schema.item, random, depth) for key in _keys(random)}
        return None if None in entries.values() else entries
    if tag == OBJECT:
        return tree_of(schema.reference, random, depth + 1) if depth < DEPTH else None
    stamp = f"20{random.randint(10, 99)}-0{random.randint(1, 9)}-11T0{random.randint(0, 9)}:59:01"
    return {
        "string": lambda: random.choice(TEXTS),
        "boolean": lambda: random.choice((True, False)),
        "int32": lambda: random.choice((0, 1, 127, 128, 2**31 - 1, -1, -(2**31))),
        "int64": lambda: random.choice((0, 300, 2**63 - 1, -(2**63))),
        "double": lambda: random.choice((0, 1, -2.5, 1e300)),
        "byte": lambda: base64.b64encode(random.randbytes(random.randint(1, 5))).decode(),
        "time": lambda: f"{stamp}Z",
        "microtime": lambda: f"{stamp}.{random.randint(0, 999_999):06d}Z",
        "quantity": lambda: random.choice(("100m", "1Gi", "0")),
        "intorstr": lambda: random.choice((80, "http", "", -1)),
        "object": lambda: {"f:a": {".": {}}, "n": [1, 2.5, None, "ß"]},
        "any": lambda: random.choice(({"a": 1}, [1], "text", 5, False)),
    }[tag]()

"""The expressions of a policy against the schemas of the kinds that it matches. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from pybernetes.api.admissionregistration import expressions
from pybernetes.api.apiextensions.celtypes import declared, escaped
from pybernetes.api.apiextensions.structural import Structural
from pybernetes.api.meta import Obj
from pybernetes.api.schema import definition
from pybernetes.api.schema.table import LIST, MAP, OBJECT, Schema
from pybernetes.lang.cel import types as cel
from pybernetes.lang.cel.types import Field, Type, open_object

if TYPE_CHECKING:
    from .served import Served

METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SCALARS = {
    "string": cel.STRING,
    "quantity": cel.STRING,
    "boolean": cel.BOOL,
    "int32": cel.INT,
    "int64": cel.INT,
    "double": cel.DOUBLE,
    "byte": cel.BYTES,
    "time": cel.TIMESTAMP,
    "microtime": cel.TIMESTAMP,
}


def warnings(spec: Obj, matched: Sequence[Served], params: Served | None) -> list[dict[str, str]]:
    """What is wrong, by expression: each kind's complaint in one text."""
    found = []
    for index, validation in enumerate(spec.get("validations") or ()):
        for field, wanted in (
            ("expression", expressions.CONDITION),
            ("messageExpression", expressions.MESSAGE),
        ):
            text = validation.get(field) or ""
            if not text.strip():
                continue
            problems = [
                f"{kind}: {problem}"
                for kind in matched
                if (problem := _problem(spec, text, wanted, kind, params))
            ]
            if problems:
                reference = f"spec.validations[{index}].{field}"
                found.append({"fieldRef": reference, "warning": "\n".join(problems)})
    return found


def _problem(spec: Obj, text: str, wanted: Sequence[Type], kind: Served, params: Served | None) -> str:
    known = dict(expressions.names(params=spec.get("paramKind") is not None))
    known["object"] = known["oldObject"] = type_of(kind)
    if params is not None:
        known["params"] = type_of(params)
    known, _ = expressions.with_variables(known, spec.get("variables") or (), lambda _index, _why: None)
    try:
        expressions.compiled(text, known, wanted)
    except expressions.ExpressionError as error:
        return str(error).removeprefix("compilation failed: ")
    return ""


def type_of(kind: Served) -> Type:
    """The type of objects of a kind; anything where its schema does not say."""
    if kind.builtin is not None:
        return _object(kind.builtin.schema)
    schema = Structural(kind.schema or {}, root=True)
    own = None if schema.preserve else declared(schema, root=True)
    if own is None or own.fields is None:
        return cel.DYN
    fields = own.fields
    metadata = Field(_object(METADATA), "metadata")
    return open_object(str(kind), lambda name: metadata if name == "metadata" else fields(name))


@cache
def _object(name: str) -> Type:
    """The type of a definition; its fields are looked at when they are asked for, so it may contain itself."""
    known = definition(name)
    if known is None or not known.fields:
        return cel.DYN
    spelled = {word: field for field in known.fields if (word := escaped(field)) is not None}

    def field(word: str) -> Field | None:
        real = spelled.get(word)
        return None if real is None else Field(_type(known.fields[real]), real)

    return open_object(name, field)


def _type(schema: Schema) -> Type:
    if schema.tag == OBJECT:
        return _object(schema.reference)
    if schema.tag == LIST and schema.item is not None:
        return cel.list_of(_type(schema.item))
    if schema.tag == MAP and schema.item is not None:
        return cel.map_of(cel.STRING, _type(schema.item))
    return _SCALARS.get(schema.tag, cel.DYN)

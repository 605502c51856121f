"""The expressions of admission policies and webhooks: which names they know, and what they must evaluate to.

Only this module and those who evaluate import CEL, and only when there is an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from pybernetes.lang.cel.errors import CelCompileError
from pybernetes.lang.cel.library.authz import AUTHORIZER
from pybernetes.lang.cel.program import Program, compile
from pybernetes.lang.cel.types import (
    BOOL,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Field,
    Type,
    list_of,
    map_of,
    object_of,
    open_object,
)

from ..meta import Obj

JSON_PATCH = object_of("JSONPatch", {"op": STRING, "path": STRING, "from": STRING, "value": DYN})
OBJECT = open_object("Object", lambda name: Field(DYN, name))
CONDITION = (BOOL,)
MESSAGE = (STRING,)
ANNOTATION = (STRING, NULL)
APPLY_CONFIGURATION = (OBJECT,)
JSON_PATCHES = (list_of(JSON_PATCH),)
ANYTHING: tuple[Type, ...] = ()


class ExpressionError(ValueError):
    """The expression cannot be used; the message is that of the field's error."""


@lru_cache(maxsize=1)
def _request() -> Type:
    kind = object_of("kubernetes.GroupVersionKind", {"group": STRING, "version": STRING, "kind": STRING})
    resource = object_of(
        "kubernetes.GroupVersionResource", {"group": STRING, "version": STRING, "resource": STRING}
    )
    user = object_of(
        "kubernetes.UserInfo",
        {
            "username": STRING,
            "uid": STRING,
            "groups": list_of(STRING),
            "extra": map_of(STRING, list_of(STRING)),
        },
    )
    return object_of(
        "kubernetes.AdmissionRequest",
        {
            "kind": kind,
            "resource": resource,
            "subResource": STRING,
            "requestKind": kind,
            "requestResource": resource,
            "requestSubResource": STRING,
            "name": STRING,
            "namespace": STRING,
            "operation": STRING,
            "userInfo": user,
            "dryRun": BOOL,
            "options": DYN,
        },
    )


@lru_cache(maxsize=1)
def _namespace() -> Type:
    metadata = object_of(
        "kubernetes.NamespaceMetadata",
        {
            "name": STRING,
            "generateName": STRING,
            "namespace": STRING,
            "labels": map_of(STRING, STRING),
            "annotations": map_of(STRING, STRING),
            "UID": Field(STRING, "uid"),
            "creationTimestamp": TIMESTAMP,
            "deletionGracePeriodSeconds": INT,
            "deletionTimestamp": TIMESTAMP,
            "generation": INT,
            "resourceVersion": STRING,
            "finalizers": list_of(STRING),
        },
    )
    return object_of(
        "kubernetes.Namespace",
        {
            "metadata": metadata,
            "spec": object_of("kubernetes.NamespaceSpec", {"finalizers": list_of(STRING)}),
            "status": object_of("kubernetes.NamespaceStatus", {"phase": STRING}),
        },
    )


def names(*, params: bool) -> dict[str, Type]:
    """The names that every admission expression knows; `params` where the policy has parameters."""
    known: dict[str, Type] = {
        "object": DYN,
        "oldObject": DYN,
        "request": _request(),
        "namespaceObject": _namespace(),
        "authorizer": AUTHORIZER,
    }
    return {**known, "params": DYN} if params else known


def _structs(name: str) -> Type | None:
    """The types that mutations build: `Object{...}`, `Object.spec{...}`, `JSONPatch{...}`."""
    if name == "JSONPatch":
        return JSON_PATCH
    if name == "Object" or name.startswith("Object."):
        return open_object(name, lambda field: Field(DYN, field))
    return None


def compiled(text: str, known: Mapping[str, Type], wanted: Sequence[Type] = ANYTHING) -> Program:
    """The expression over these names, whose value is of one of the types `wanted`. Raises ExpressionError."""
    mutates = any(type_ in wanted for type_ in (*APPLY_CONFIGURATION, *JSON_PATCHES))
    try:
        program = compile(text, known, structs=_structs) if mutates else compile(text, known)
    except CelCompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from error
    if wanted and program.type not in wanted:
        words = ["null_type" if type_ == NULL else str(type_) for type_ in wanted]
        must = words[0] if len(words) == 1 else f"one of [{' '.join(words)}]"
        raise ExpressionError(f"must evaluate to {must}")
    return program


def with_variables(
    known: Mapping[str, Type], variables: Iterable[Obj], failed: Callable[[int, str], None]
) -> tuple[dict[str, Type], dict[str, Program]]:
    """The names with `variables` added, and the programs of the variables; each sees those before it. `failed` is told
    which does not compile."""
    fields: dict[str, Type] = {}
    programs: dict[str, Program] = {}
    names_: dict[str, Type] = {**known, "variables": object_of("kubernetes.variables", fields)}
    for index, variable in enumerate(variables):
        name, text = str(variable.get("name") or ""), str(variable.get("expression") or "")
        fields[name] = DYN
        if text.strip():
            try:
                programs[name] = program = compiled(text, names_)
                fields[name] = program.type
            except ExpressionError as error:
                failed(index, str(error))
        names_ = {**names_, "variables": object_of("kubernetes.variables", fields)}
    return names_, programs

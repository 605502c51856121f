"""A kind's URL paths with their operations, as clients look them up: by path, action and group-version-kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybernetes.api.deletion import returns_deleted
from pybernetes.api.kind import Kind

from .parts import PARTS, body_of
from .schemas import META, Schemas

JSON = "application/json"
READS = (JSON, "application/yaml")
STRATEGIC = "application/strategic-merge-patch+json"
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    STRATEGIC,
    "application/apply-patch+yaml",
)
LIST_PARAMETERS = (
    ("labelSelector", "string"),
    ("fieldSelector", "string"),
    ("limit", "integer"),
    ("continue", "string"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("allowWatchBookmarks", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
WRITE_PARAMETERS = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))
DELETE_PARAMETERS = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
FORCE = (("force", "boolean"),)
_OK, _CREATED, _ACCEPTED = ("200", "OK"), ("201", "Created"), ("202", "Accepted")
CODES = {
    "get": (_OK,),
    "create": (_OK, _CREATED, _ACCEPTED),
    "update": (_OK, _CREATED),
    "patch": (_OK, _CREATED),
    "delete": (_OK, _ACCEPTED),
}
"""What a verb may answer; those not here answer as get does."""
VERBS = {"get": "read", "update": "replace", "deletecollection": "delete"}
"""How operations call the verbs that have another name there."""
METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}


class Paths:
    """Operations of one document."""

    def __init__(self, version: int, schemas: Schemas) -> None:
        self._version = version
        self._schemas = schemas

    def of(self, kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
        """(path, path item) of a kind's collections, objects and subresources."""
        scopes = ("", "{namespace}") if kind.namespaced else ("",)
        for namespace in scopes:
            whole = namespace != "" or not kind.namespaced
            collection = self._collection(kind, writes=whole)
            if collection:
                yield kind.path(namespace), self._item(collection, namespace)
        namespace = "{namespace}" if kind.namespaced else ""
        named = {
            METHODS[verb]: self._operation(kind, verb)
            for verb in METHODS
            if verb in kind.verbs and verb != "create"
        }
        if named:
            yield kind.path(namespace, "{name}"), self._item(named, namespace, "name")
        for name in kind.subresources:
            if (part := PARTS.get(name)) is not None:
                operations = {METHODS[verb]: self._operation(kind, verb, part=name) for verb in part.verbs}
                yield kind.path(namespace, "{name}", name), self._item(operations, namespace, "name")

    def _collection(self, kind: Kind, *, writes: bool) -> dict[str, Any]:
        operations: dict[str, Any] = {}
        if "list" in kind.verbs:
            operations["get"] = self._operation(kind, "list", everywhere=kind.namespaced and not writes)
        if writes and "create" in kind.verbs:
            operations["post"] = self._operation(kind, "create")
        if writes and "deletecollection" in kind.verbs:
            operations["delete"] = self._operation(kind, "deletecollection")
        return operations

    def _item(self, operations: dict[str, Any], *parameters: str) -> dict[str, Any]:
        in_path = [name.strip("{}") for name in parameters if name]
        return {**operations, "parameters": [self._parameter(name, "string", "path") for name in in_path]}

    def _operation(
        self, kind: Kind, verb: str, *, part: str = "", everywhere: bool = False
    ) -> dict[str, Any]:
        group, version, name, schema = body_of(kind, part)
        operation: dict[str, Any] = {
            "tags": [_tag(kind)],
            "operationId": _operation_id(kind, verb, part, everywhere),
            "responses": self._responses(_answer(kind, verb, schema), CODES.get(verb, CODES["get"])),
            "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": name},
        }
        parameters = {
            "list": LIST_PARAMETERS,
            "create": WRITE_PARAMETERS,
            "update": WRITE_PARAMETERS,
            "patch": WRITE_PARAMETERS + FORCE,
            "delete": DELETE_PARAMETERS,
            "deletecollection": DELETE_PARAMETERS + LIST_PARAMETERS[:3],
        }.get(verb, ())
        listed = [self._parameter(name, kind_of, "query") for name, kind_of in parameters]
        if verb in ("create", "update", "patch"):
            listed += self._body(operation, kind, verb, schema)
        if listed:
            operation["parameters"] = listed
        return operation

    def _body(self, operation: dict[str, Any], kind: Kind, verb: str, schema: str) -> list[dict[str, Any]]:
        """The body: a parameter in version 2, a part of the operation in version 3."""
        name = f"{META}.Patch" if verb == "patch" else schema
        types: tuple[str, ...] = PATCHES if verb == "patch" else ("*/*",)
        if verb == "patch" and kind.own_schema is not None:
            types = tuple(media for media in PATCHES if media != STRATEGIC)
        reference = {"type": "object"} if verb == "patch" else self._schemas.reference(name)
        if self._version == 2:
            operation["consumes"] = [*types]
            return [{"name": "body", "in": "body", "required": True, "schema": reference}]
        operation["requestBody"] = {
            "required": True,
            "content": {media: {"schema": reference} for media in types},
        }
        return []

    def _responses(self, name: str, codes: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        reference = self._schemas.reference(name)
        answer: dict[str, Any] = {"schema": reference}
        if self._version == 3:
            answer = {"content": {media: {"schema": reference} for media in READS}}
        told = {code: {"description": description, **answer} for code, description in codes}
        return {**told, "401": {"description": "Unauthorized"}}

    def _parameter(self, name: str, kind: str, where: str) -> dict[str, Any]:
        parameter: dict[str, Any] = {"name": name, "in": where}
        if where == "path":
            parameter["required"] = True
        if self._version == 2:
            return {**parameter, "type": kind, "uniqueItems": True}
        return {**parameter, "schema": {"type": kind, "uniqueItems": True}}


def _answer(kind: Kind, verb: str, schema: str) -> str:
    """The definition that a verb answers with."""
    if verb == "deletecollection" or (verb == "delete" and not returns_deleted(kind)):
        return f"{META}.Status"
    return f"{schema}List" if verb == "list" else schema


def _operation_id(kind: Kind, verb: str, part: str, everywhere: bool) -> str:
    """`replaceAppsV1NamespacedDeploymentScale`: what generators of clients name their methods after."""
    collection = "Collection" if verb == "deletecollection" else ""
    scope = "Namespaced" if kind.namespaced and not everywhere else ""
    action = VERBS.get(verb, verb)
    where = "ForAllNamespaces" if everywhere else ""
    return f"{action}{_camel(_tag(kind))}{collection}{scope}{kind.kind}{part.capitalize()}{where}"


def _tag(kind: Kind) -> str:
    """`apps_v1`, `core_v1`, `rbacAuthorization_v1`."""
    parts = kind.group.removesuffix(".k8s.io").split(".") if kind.group else ["core"]
    return f"{parts[0]}{''.join(part.capitalize() for part in parts[1:])}_{kind.version}"


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.split("_"))

"""A client of the `kubernetes` package that judges every answer by the models of three typed clients."""

from __future__ import annotations

import importlib
import importlib.resources
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from dateutil.parser import isoparse
from jsonschema import Draft202012Validator
from kubernetes import client
from kubernetes.client.exceptions import ApiException

MICRO = {"eventTime", "renewTime", "acquireTime", "lastObservedTime", "deletionTimestampMicro"}
"""Fields of type MicroTime; all other times have seconds."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
FORMS = {False: re.compile(TIME.pattern + "Z"), True: re.compile(TIME.pattern + r"\.\d{6}Z")}
NULLS = {
    "boundObjectRef",
    "currentMetrics",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "eventTime",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastProbeTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
}
"""Fields that Go writes as null where they are not set: times, and lists that are never left out."""
FREE = {"fieldsV1", "data", "openAPIV3Schema"}
"""Fields that hold any JSON."""


class Judge(client.ApiClient):
    """Remembers the last answer, `raw` and `code`, and asserts its form before it is handed out."""

    raw: Any = None
    code = 0

    def response_deserialize(self, response_data: Any, response_types_map: Any = None) -> Any:
        self.code = response_data.status
        kind = response_data.headers.get("content-type", "")
        self.raw = (
            json.loads(response_data.data) if kind.startswith("application/json") else response_data.data
        )
        try:
            answer = super().response_deserialize(response_data, response_types_map)
        except ApiException as error:
            if kind.startswith("application/json"):
                refusal(self.raw, error)
            raise
        assert str(self.code) in response_types_map, f"{self.code} is not declared: {response_types_map}"
        if isinstance(self.raw, dict) and "kind" in self.raw:
            judge(self, self.raw, answer.data)
        return answer


def refusal(raw: Any, error: ApiException) -> None:
    assert (raw["kind"], raw["apiVersion"], raw["status"]) == ("Status", "v1", "Failure")
    assert raw["metadata"] == {}
    assert raw["code"] == error.status
    assert raw["message"]
    assert list(nulls(raw)) == []


def judge(api: client.ApiClient, raw: dict[str, Any], typed: Any) -> None:
    """That an object, a list or a Status has the form that upstream gives it."""
    nothing(nulls(raw), raw)
    nothing(times(raw), raw)
    nothing(violations(raw), raw)
    raw = without_nulls(raw)
    listed, lightkube = raw.get("items"), lightkube_model(raw.get("apiVersion", "v1"), raw["kind"])
    if raw["kind"].endswith("List") and "metadata" in raw:
        assert isinstance(listed, list)
        assert raw["metadata"]["resourceVersion"].isdigit()
        if lightkube is not None:
            assert not [item for item in listed if item.keys() & {"kind", "apiVersion"}], raw["kind"]
    if type(typed).__name__.endswith(raw["kind"]):
        shown = json.loads(json.dumps(api.sanitize_for_serialization(typed)))
        nothing(differences(raw, shown), raw)
    if lightkube is not None:
        dumped = lightkube.from_dict(raw).to_dict()
        for item in dumped.get("items", ()) if listed is not None else ():
            item.pop("kind", None), item.pop("apiVersion", None)  # it knows them from the class
        nothing(differences(raw, dumped), raw)


@cache
def definitions() -> tuple[dict[str, Any], dict[tuple[str, str, str], str]]:
    """The strict definitions of `kubernetes-validate`, and which is that of a group, version and kind."""
    folder = (
        importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema" / "v1.37.0-local-strict"
    )
    found: dict[str, Any] = json.loads((folder / "_definitions.json").read_bytes())["$defs"]
    named = {
        (row.get("group", ""), row["version"], row["kind"]): name
        for name, definition in found.items()
        for row in definition.get("x-kubernetes-group-version-kind", ())
    }
    return found, named


@cache
def validator(api_version: str, kind: str) -> Draft202012Validator | None:
    group, _, version = api_version.rpartition("/")
    found, named = definitions()
    name = named.get((group, version, kind))
    return Draft202012Validator({"$defs": found, "$ref": f"#/$defs/{name}"}) if name else None


def violations(raw: dict[str, Any]) -> Iterator[str]:
    """What breaks the schema of upstream's OpenAPI document, unknown fields too."""
    schema = validator(raw.get("apiVersion", "v1"), raw["kind"])
    for error in schema.iter_errors(raw) if schema is not None else ():
        yield f"{error.json_path}: {error.message[:200]}"


def nothing(found: Iterator[str], raw: dict[str, Any]) -> None:
    faults = list(found)
    assert not faults, f"{raw['kind']}: {faults}"


def nulls(tree: Any, path: str = "") -> Iterator[str]:
    """Where a null is, which upstream leaves out."""
    if tree is None:
        if path.rpartition(".")[2] not in NULLS:
            yield path
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from nulls(value, f"{path}.{key}")
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from nulls(value, f"{path}[{number}]")


def times(tree: Any, path: str = "", key: str = "") -> Iterator[str]:
    """Times that are not written as upstream does."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from times(value, f"{path}.{key}", key) if key not in FREE else ()
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from times(value, f"{path}[{number}]", key)
    elif isinstance(tree, str) and TIME.match(tree) and not FORMS[key in MICRO].fullmatch(tree):
        yield f"{path}: {tree}"


def without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_nulls(value) for key, value in tree.items() if value is not None}
    return [without_nulls(value) for value in tree] if isinstance(tree, list) else tree


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """What differs of two trees; times are compared as times."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            if key not in one or key not in other:
                yield f"{path}.{key}: only {'here' if key in one else 'there'}"
            else:
                yield from differences(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{number}]")
    elif one != other or type(one) is not type(other):
        timed = isinstance(one, str) and TIME.match(one) and isoparse(one) == moment(other)
        if not timed:
            yield f"{path}: {one!r} {other!r}"


def moment(value: Any) -> Any:
    return isoparse(value) if isinstance(value, str) else value


def lightkube_model(api_version: str, kind: str) -> Any:
    group, _, version = api_version.rpartition("/")
    name = {"": "core", "rbac.authorization.k8s.io": "rbac"}.get(group, group.partition(".")[0])
    try:
        return getattr(importlib.import_module(f"lightkube.models.{name}_{version}"), kind, None)
    except ModuleNotFoundError:
        return None

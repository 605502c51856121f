"""Requests that are refused, byte by byte over HTTPS: limits, bad bodies and options, and what they cost the server."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import PyberUp

from .rawhttps import Server

pytestmark = pytest.mark.peer

JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
YAML = {"Content-Type": "application/yaml"}
LIMIT = 3 << 20
TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


@pytest.fixture(scope="module")
def server(hollow: PyberUp) -> Server:
    return Server.of(hollow.state / "kubeconfig")


@pytest.fixture
def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def named(name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **rest}


def made(server: Server, maps: str, name: str) -> Any:
    answer = server.ask("POST", maps, named(name))
    assert answer.code == 201, answer.body
    return answer.tree


def memory(hollow: PyberUp) -> int:
    """KiB that the server has in memory at most, so far."""
    status = Path(f"/proc/{hollow.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


# Limits


def test_bodies_that_are_too_large(server: Server, maps: str) -> None:
    large = json.dumps(named("x", data={"k": "x" * LIMIT}))
    refused = (413, "RequestEntityTooLarge", f"Request entity too large: limit is {LIMIT}")
    assert server.ask("POST", maps, large).refusal() == refused
    assert server.ask("PUT", f"{maps}/x", large).refusal() == refused
    made(server, maps, "a")
    for headers in (MERGE, JSON_PATCH, {"Content-Type": "application/apply-patch+yaml"}):
        assert server.ask("PATCH", f"{maps}/a", large, headers).refusal() == refused
    assert server.ask("DELETE", f"{maps}/a", large).code == 413
    assert server.get(f"{maps}/a").code == 200


def test_what_is_stored_has_limits_of_its_own(server: Server, maps: str) -> None:
    code, reason, message = server.ask("POST", maps, named("x", data={"k": "x" * ((1 << 20) + 1)})).refusal()
    assert (code, reason) == (422, "Invalid")
    assert message == 'ConfigMap "x" is invalid: []: Too long: may not be more than 1048576 bytes'
    noted = named("x")
    noted["metadata"]["annotations"] = {"example.com/a": "x" * (256 * 1024)}
    code, reason, message = server.ask("POST", maps, noted).refusal()
    assert (code, reason) == (422, "Invalid")
    assert message == (
        'ConfigMap "x" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes'
    )


def test_too_many_patch_operations(server: Server, maps: str) -> None:
    made(server, maps, "a")
    many = json.dumps([{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10_001)
    assert server.ask("PATCH", f"{maps}/a", many, JSON_PATCH).refusal() == (
        413,
        "RequestEntityTooLarge",
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    )
    enough = json.dumps([{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10_000)
    assert server.ask("PATCH", f"{maps}/a", enough, JSON_PATCH).code == 200


def test_what_nests_too_deep(server: Server, maps: str) -> None:
    for body in (b'{"a":' * 20_000, b"[" * 100_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000):
        assert server.ask("POST", maps, body).refusal()[:2] == (400, "BadRequest")
    made(server, maps, "a")
    deep = '{"metadata":' * 15_000 + "1" + "}" * 15_000
    assert server.ask("PATCH", f"{maps}/a", deep, MERGE).code == 400
    assert server.ask("POST", maps, "[" * 15_000 + "]" * 15_000, YAML).code == 400


def bomb(names: str = "abcdefghijkl") -> str:
    pairs = itertools.pairwise(names)
    lines = [f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in pairs]
    return f"{names[0]}: &{names[0]} [1,1,1,1,1,1,1,1,1,1]\n" + "".join(lines)


def test_a_refused_request_costs_little_memory(hollow: PyberUp, server: Server, maps: str) -> None:
    made(server, maps, "a")
    server.ask("POST", maps, json.dumps(named("x", data={"k": "x" * LIMIT})))
    before = memory(hollow)
    for _ in range(5):
        assert server.ask("POST", maps, bomb(), YAML).code in (400, 413)
        assert server.ask("POST", maps, b'{"a":' * 200_000).code == 400
        assert server.ask("POST", maps, b"x" * (LIMIT + 1)).code == 413
        many = json.dumps([{"op": "copy", "from": "/metadata", "path": "/data"}] * 10_001)
        assert server.ask("PATCH", f"{maps}/a", many, JSON_PATCH).code == 413
    assert memory(hollow) - before < 48 * 1024


# Bodies


CONFIG = "the object provided is unrecognized (must be of type ConfigMap): "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a: b: c", f"{CONFIG}yaml: mapping values are not allowed in this context (613a20623a2063)"),
        (
            "a:\n\t- b",
            f"{CONFIG}yaml: line 2: found character that cannot start any token (613a0a092d2062)",
        ),
    ],
)
def test_bad_yaml(server: Server, maps: str, body: str, message: str) -> None:
    assert server.ask("POST", maps, body, YAML).refusal() == (400, "BadRequest", message)


def test_other_objects_than_the_url_says(server: Server, maps: str, namespace: str) -> None:
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    old = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}}
    assert server.ask("POST", deployments, old).refusal()[2] == (
        'Deployment in version "v1beta1" cannot be handled as a Deployment: no kind "Deployment" is registered for '
        'version "apps/v1beta1" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )
    made(server, maps, "a")
    assert server.ask("PUT", f"{maps}/a", named("b")).refusal() == (
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    )
    strayed = named("a")
    strayed["metadata"]["namespace"] = "other"
    for method, path in (("POST", maps), ("PUT", f"{maps}/a")):
        assert server.ask(method, path, strayed).refusal() == (
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        )


def test_strict_decoding_names_every_field(server: Server, maps: str) -> None:
    body = '{"metadata":{"name":"x","name":"y","odd":1},"dat":{}}'
    assert server.ask("POST", maps, body, fieldValidation="Strict").refusal()[2] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'duplicate field "metadata.name", unknown field "metadata.odd", unknown field "dat"'
    )
    warned = server.ask("POST", maps, body, fieldValidation="Warn")
    assert warned.code == 201
    assert (
        server.ask("POST", maps, named("z", dat={}), fieldValidation="Ignore").headers.get("warning") is None
    )


@pytest.mark.parametrize(
    ("body", "media", "code", "message"),
    [
        (
            b'{"a',
            "application/json",
            400,
            "couldn't get version/kind; json parse error: unexpected end of JSON input",
        ),
        (
            b'{"gracePeriodSeconds":"x"}',
            "application/json",
            400,
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
        ),
        (
            b"[]",
            "application/json",
            400,
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
            'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (
            b"x",
            "text/plain",
            415,
            f"the body of the request was in an unknown format - accepted media types include: {TYPES}",
        ),
        (b'{"kind":"Pod","apiVersion":"v1"}', "application/json", 400, None),
    ],
)
def test_bad_delete_options(
    server: Server, maps: str, body: bytes, media: str, code: int, message: str | None
) -> None:
    made(server, maps, "a")
    answer = server.ask("DELETE", f"{maps}/a", body, {"Content-Type": media})
    assert answer.refusal()[0] == code, answer.body
    if message:
        assert answer.refusal()[2] == message
    assert server.get(f"{maps}/a").code == 200


def test_bad_delete_parameters(server: Server, maps: str) -> None:
    made(server, maps, "a")
    assert server.ask("DELETE", f"{maps}/a", gracePeriodSeconds="x").refusal() == (
        400,
        "BadRequest",
        'strconv.ParseInt: parsing "x": invalid syntax',
    )
    assert server.ask("DELETE", f"{maps}/a", dryRun="x").refusal()[:2] == (422, "Invalid")
    assert server.get(f"{maps}/a").code == 200


# Media types, methods, updates


def test_media_types(server: Server, maps: str) -> None:
    answer = server.ask("POST", maps, b"x", {"Content-Type": "application/cbor"})
    assert answer.refusal() == (
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {TYPES}",
    )
    assert server.get(maps, "application/foo").refusal() == (
        406,
        "NotAcceptable",
        f"only the following media types are accepted: {TYPES}",
    )


def test_methods(server: Server, maps: str) -> None:
    for method, path in (("PUT", maps), ("OPTIONS", maps), ("POST", f"{maps}/a"), ("PATCH", maps)):
        assert server.ask(method, path, b"{}").refusal() == (
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )


def test_updates_that_must_name_their_version(server: Server, namespace: str) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    lease = {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}
    assert server.ask("POST", leases, lease).code == 201
    answer = server.ask("PUT", f"{leases}/a", lease)
    assert answer.refusal() == (
        422,
        "Invalid",
        'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: '
        "must be specified for an update",
    )
    assert answer.tree["details"] == {
        "name": "a",
        "group": "coordination.k8s.io",
        "kind": "leases",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": "Invalid value: 0x0: must be specified for an update",
                "field": "metadata.resourceVersion",
            }
        ],
    }


def test_items_of_lists_of_built_in_kinds_say_no_type(server: Server, maps: str) -> None:
    made(server, maps, "a")
    for accept in ("application/json", "application/yaml"):
        listed = server.get(maps, accept, fieldSelector="metadata.name=a")
        assert listed.code == 200
        if accept == "application/json":
            (item,) = listed.tree["items"]
            assert item.keys() == {"metadata"}
        else:
            assert listed.body.count(b"kind: ConfigMap") == 1, "that of the list"
    with server.watching(maps, {"fieldSelector": "metadata.name=a", "timeoutSeconds": 1}) as events:
        assert next(events)["object"]["kind"] == "ConfigMap"

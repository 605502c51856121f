"""The forms in which the HTTP handler takes and gives objects: media types, tables, compression, refusals."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from pybernetes.api import kinds
from pybernetes.clock import Env
from pybernetes.wire.http import encode

from .asker import Asker, header, runner
from .transports import body_of, serving

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    return runner(env)


def test_tables_carry_cells_and_partial_objects(run) -> None:
    async def scenario(ask: Asker) -> None:
        await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": "a", "labels": {"x": "y"}}})
        table = await ask.tree("GET", CONFIGMAPS, accept=TABLE)
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert table["columnDefinitions"][0]["name"] == "Name"
        [row] = table["rows"]
        assert row["cells"][0] == "a"
        assert row["object"]["kind"] == "PartialObjectMetadata"
        assert row["object"]["metadata"]["labels"] == {"x": "y"}
        assert table["metadata"]["resourceVersion"]

        table = await ask.tree("GET", f"{CONFIGMAPS}/a?includeObject=Object", accept=TABLE)
        assert table["rows"][0]["object"]["kind"] == "ConfigMap"
        table = await ask.tree("GET", f"{CONFIGMAPS}?includeObject=None", accept=TABLE)
        assert table["rows"][0]["object"] is None
        refused = await ask.tree("GET", f"{CONFIGMAPS}?includeObject=Some", accept=TABLE)
        assert refused["reason"] == "BadRequest"

    run(scenario)


def test_a_watch_in_tables_names_its_columns_once(run) -> None:
    async def scenario(ask: Asker) -> None:
        response = await ask("GET", f"{CONFIGMAPS}?watch=true&resourceVersion=0", accept=TABLE)
        lines = aiter(response.body)
        for name in ("a", "b"):
            await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": name}})
            event = json.loads(await anext(lines))
            assert event["type"] == "ADDED"
            assert bool(event["object"]["columnDefinitions"]) == (name == "a")
            assert event["object"]["rows"][0]["cells"][0] == name
        await response.body.aclose()

    run(scenario)


def test_a_watch_that_is_closed_before_it_is_read_leaves_nothing(run) -> None:
    async def scenario(ask: Asker) -> None:
        cache = ask.server.services.registry.cache(kinds.CONFIGMAP)
        response = await ask("GET", f"{CONFIGMAPS}?watch=true")
        assert len(cache.watchers) == 1
        await response.body.aclose()
        assert len(cache.watchers) == 0

    run(scenario)


def test_partial_metadata(run) -> None:
    async def scenario(ask: Asker) -> None:
        await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
        accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
        found = await ask.tree("GET", CONFIGMAPS, accept=accept)
        assert found["kind"] == "PartialObjectMetadataList"
        assert set(found["items"][0]) == {"kind", "apiVersion", "metadata"}

    run(scenario)


def test_yaml_and_pretty_json(run) -> None:
    async def scenario(ask: Asker) -> None:
        text = b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {mode: '0644', on: 'yes'}\n"
        made = await ask.tree("POST", CONFIGMAPS, text, content_type="application/yaml")
        assert made["data"] == {"mode": "0644", "true": "yes"}
        response = await ask("GET", f"{CONFIGMAPS}/a", accept="application/yaml")
        assert header(response, "content-type") == "application/yaml"
        assert yaml.safe_load(await body_of(response)) == made
        response = await ask("GET", f"{CONFIGMAPS}/a?pretty=true")
        assert (await body_of(response)).startswith(
            b'{\n  "kind": "ConfigMap",\n  "apiVersion": "v1",\n  "metadata": {\n'
        )

    run(scenario)


def test_long_answers_are_packed_where_that_is_accepted(run) -> None:
    async def scenario(ask: Asker) -> None:
        await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": "a"}, "data": {"k": "v" * 200_000}})
        response = await ask("GET", f"{CONFIGMAPS}/a", accept_encoding="gzip")
        assert header(response, "content-encoding") == "gzip"
        assert json.loads(gzip.decompress(await body_of(response)))["data"]["k"] == "v" * 200_000
        response = await ask("GET", f"{CONFIGMAPS}/a")
        assert header(response, "content-encoding") is None

    run(scenario)


def test_a_long_list_comes_in_chunks(run) -> None:
    async def scenario(ask: Asker) -> None:
        for number in range(601):
            await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": f"c{number:04}"}})
        for headers in ({}, {"accept_encoding": "gzip"}):
            response = await ask("GET", CONFIGMAPS, **headers)
            assert not isinstance(response.body, bytes)
            body = await body_of(response)
            tree = json.loads(gzip.decompress(body) if headers else body)
            assert [item["metadata"]["name"] for item in tree["items"]] == [f"c{n:04}" for n in range(601)]

    run(scenario)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"a"', "unexpected end of JSON input"),
        (b'{"a":x}', "invalid character 'x' looking for beginning of value"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b'{"a":[1 2]}', "invalid character '2' after array element"),
        (b'{"a":1}}', "invalid character '}' after top-level value"),
    ],
)
def test_malformed_json_is_named_as_go_names_it(run, body: bytes, message: str) -> None:
    async def scenario(ask: Asker) -> None:
        status = await ask.tree("POST", CONFIGMAPS, body)
        assert (status["code"], status["reason"]) == (400, "BadRequest")
        text = message.replace("'\"'", "'\\\"'")
        shown = body.decode() or "<empty>"
        why = status["message"].removeprefix(
            "the object provided is unrecognized (must be of type ConfigMap): "
            "couldn't get version/kind; json parse error: "
        )
        assert why in (f"{message} ({shown})", f"{text} ({shown})")

    run(scenario)


def test_bodies_that_are_refused(run) -> None:
    async def scenario(ask: Asker) -> None:
        async def post(body: bytes, **headers: str) -> Any:
            return await ask.tree("POST", CONFIGMAPS, body, **headers)

        status = await post(b"{}", content_type="text/plain")
        assert (status["code"], status["reason"]) == (415, "UnsupportedMediaType")
        status = await post(b'{"data":{"k":"' + b"v" * (3 << 20) + b'"}}')
        assert (status["code"], status["reason"]) == (413, "RequestEntityTooLarge")
        status = await post(b'{"data":' + b"[" * 600 + b"]" * 600 + b"}")
        assert status["code"] == 400
        status = await post(b"a: [1", content_type="application/yaml")
        assert status["code"] == 400
        assert status["message"].startswith(
            "the object provided is unrecognized (must be of type ConfigMap): yaml: line"
        )
        assert status["message"].endswith("(613a205b31)")
        status = await post(b"[]")
        assert status["code"] == 400
        assert "json: cannot unmarshal array into Go value of type struct { APIVersion" in status["message"]
        status = await post(b'{"kind":"Secret","metadata":{"name":"a"}}')
        assert status["message"] == (
            'Secret in version "v1" cannot be handled as a ConfigMap: '
            "converting (v1.Secret) to (core.ConfigMap): unknown conversion"
        )
        status = await post(b'{"apiVersion":"v2","metadata":{"name":"a"}}')
        assert status["message"] == (
            'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for '
            'version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"'
        )
        status = await ask.tree("PATCH", f"{CONFIGMAPS}/a", b"{}", content_type="application/json")
        assert status["code"] == 415
        assert "application/json-patch+json" in status["message"]
        found = await ask.tree("GET", CONFIGMAPS)
        assert found["items"] == []

    run(scenario)


def test_duplicate_and_unknown_fields_warn_or_refuse(run) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"k":"1","k":"2"},"odd":1}'

    async def scenario(ask: Asker) -> None:
        strict = await ask.tree("POST", f"{CONFIGMAPS}?fieldValidation=Strict", body)
        assert strict["code"] == 400
        assert 'strict decoding error: duplicate field "data.k", unknown field "odd"' in strict["message"]
        response = await ask("POST", CONFIGMAPS, body)
        assert response.status == 201
        warnings = [value for key, value in response.headers if key == "Warning"]
        assert warnings == ['299 - "duplicate field \\"data.k\\""', '299 - "unknown field \\"odd\\""']
        bad = await ask.tree("POST", f"{CONFIGMAPS}?fieldValidation=Maybe", body)
        assert (bad["code"], bad["message"]) == (
            422,
            'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": '
            'supported values: "Ignore", "Strict", "Warn"',
        )

    run(scenario)


def test_accept_decides_or_is_refused(run) -> None:
    async def scenario(ask: Asker) -> None:
        status = await ask.tree("GET", CONFIGMAPS, accept="application/cbor")
        assert (status["code"], status["reason"]) == (406, "NotAcceptable")
        response = await ask("GET", CONFIGMAPS, accept="application/cbor,application/json")
        assert header(response, "content-type") == "application/json"
        assert (await ask("GET", CONFIGMAPS, accept="*/*")).status == 200
        status = await ask.tree("POST", CONFIGMAPS, {"metadata": {"name": "a"}}, accept="text/html")
        assert status["code"] == 406
        assert (await ask("GET", f"{CONFIGMAPS}/a")).status == 404, "what cannot be answered is not done"

    run(scenario)


def test_unknown_resources_methods_and_paths(run) -> None:
    async def scenario(ask: Asker) -> None:
        for path in ("/nowhere", "/apis/example.com/v1/things"):
            response = await ask("GET", path)
            assert (response.status, await body_of(response)) == (404, b"404 page not found\n")
        for path in ("/api/v1/things", "/apis/apps/v1/things", f"{CONFIGMAPS}/a/status"):
            status = await ask.tree("GET", path)
            assert status["message"] == "the server could not find the requested resource"
            assert (status["code"], status["reason"], status["details"]) == (404, "NotFound", {})
        status = await ask.tree("PUT", CONFIGMAPS, {})
        assert (status["code"], status["reason"], status["details"]) == (405, "MethodNotAllowed", {})
        status = await ask.tree("POST", "/api/v1/configmaps", {"metadata": {"name": "a"}})
        assert status["code"] == 405

    run(scenario)


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """A protobuf message: ints as varints, bytes with their length."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    meta = message((1, api_version.encode()), (2, kind.encode()))
    return b"k8s\x00" + message((1, meta), (2, raw), (3, b""), (4, b""))


def test_protobuf_bodies_are_read(run) -> None:
    async def scenario(ask: Asker) -> None:
        label = message((1, b"app"), (2, b"web"))
        metadata = message((1, b"web"), (2, b""), (3, b"default"), (8, b""), (11, label))
        port = message((1, b"http"), (2, b"TCP"), (3, 80), (4, message((1, 1), (2, 0), (3, b"web"))), (5, 0))
        spec = message((1, port), (2, label), (4, b"ClusterIP"))
        body = envelope("v1", "Service", message((1, metadata), (2, spec), (3, message((1, b"")))))
        made = await ask.tree(
            "POST",
            "/api/v1/namespaces/default/services?fieldValidation=Strict",
            body,
            content_type="application/vnd.kubernetes.protobuf",
        )
        assert made["metadata"]["labels"] == {"app": "web"}
        assert made["spec"]["ports"] == [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}]
        assert made["spec"]["selector"] == {"app": "web"}

        options = envelope("v1", "DeleteOptions", message((1, 0), (2, message((1, b"wrong")))))
        refused = await ask.tree(
            "DELETE",
            "/api/v1/namespaces/default/services/web",
            options,
            content_type="application/vnd.kubernetes.protobuf",
        )
        assert refused["reason"] == "Conflict"
        for broken in (b"nonsense", body[:40], envelope("v1", "Nothing", b"")):
            status = await ask.tree(
                "POST",
                "/api/v1/namespaces/default/services",
                broken,
                content_type="application/vnd.kubernetes.protobuf",
            )
            assert status["code"] == 400

    run(scenario)


def renamed(old: str, new: str, api_version: str) -> Callable[[Any], Any]:
    """A conversion that gives one field another name."""

    def convert(tree: Any) -> Any:
        kept = {key: value for key, value in tree.items() if key != old}
        return {**kept, "apiVersion": api_version, new: tree.get(old, "")}

    return convert


def test_a_kind_stored_as_another_version_is_one_store_with_two_faces(env: Env) -> None:
    newer = replace(
        kinds.EVENTS_EVENT,
        to_stored=renamed("note", "message", "v1"),
        from_stored=renamed("message", "note", "events.k8s.io/v1"),
        validate=lambda _obj, _errors: None,
        validate_update=lambda _new, _old, _errors: None,
    )
    table = [newer if kind is kinds.EVENTS_EVENT else kind for kind in kinds.KINDS]
    event = {
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Started",
        "message": "hello",
        "type": "Normal",
    }
    path = "/apis/events.k8s.io/v1/namespaces/default/events"

    async def main() -> None:
        async with serving(env, kinds=table) as server, asyncio.timeout(20):
            ask = Asker(server)
            watch = await ask("GET", f"{path}?watch=true&resourceVersion=0")
            old = await ask.tree("POST", "/api/v1/namespaces/default/events", event)
            new = await ask.tree("GET", f"{path}/e")
            assert (new["apiVersion"], new["note"]) == ("events.k8s.io/v1", "hello")
            assert new["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]
            untyped = {key: value for key, value in new.items() if key not in ("kind", "apiVersion")}
            assert (await ask.tree("GET", path))["items"] == [untyped]
            assert json.loads(await anext(watch.body))["object"] == new
            await watch.body.aclose()
            patch = {"note": "bye"}
            await ask.tree("PATCH", f"{path}/e", patch, content_type="application/merge-patch+json")
            old = await ask.tree("GET", "/api/v1/namespaces/default/events/e")
            assert (old["apiVersion"], old["message"]) == ("v1", "bye")
            kv = (await server.services.store.range("/registry/events/default/e")).kvs[0]
            assert kv.lease, "events are forgotten after a while"

    asyncio.run(main())


def test_warnings_say_what_can_be_said_in_headers(run: Callable[..., None]) -> None:
    async def scenario(ask: Asker) -> None:
        async def warned(fields: dict[str, int]) -> list[str]:
            body = {"metadata": {"name": "w", "generateName": "w"}, "data": {}, **fields}
            target = f"{CONFIGMAPS}?dryRun=All&fieldValidation=Warn"
            answer = await ask("POST", target, json.dumps(body).encode())
            assert answer.status == 201
            encode.check(answer.headers)
            return [value.encode("latin-1").decode() for name, value in answer.headers if name == "Warning"]

        assert await warned({"wörd": 1}) == ['299 - "unknown field \\"wörd\\""']
        assert await warned({"a\r\nb\x00": 1}) == ['299 - "unknown field \\"a  b \\""']
        long = await warned({"x" * 300: 1, "y": 1})
        assert [len(each) > 300 for each in long] == [True, False]
        cut = await warned({f"{n:03}" + "x" * 400: 1 for n in range(200)})
        assert len(cut) == 16
        assert all(len(each) < 280 for each in cut)

    run(scenario)

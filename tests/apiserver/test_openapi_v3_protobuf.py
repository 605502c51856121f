"""Version 3 documents in gnostic's protobuf, read by Google's library with the descriptor that kubectl carries."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.protobuf import unknown_fields

from pybernetes.api import openapi
from pybernetes.api.kinds import KINDS
from pybernetes.api.openapi.gnostic_v3 import messages_v3
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .kubectldescriptors import document_type, pool
from .transports import serving

NEW = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
OLD = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"


def read(body: bytes) -> Any:
    return document_type("v3").FromString(body)


def document(group: str, version: str) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    return openapi.document_v3(kinds, "v1.37.0")


def test_the_numbers_are_those_of_the_proto_file() -> None:
    for name, entries in messages_v3().items():
        descriptor = pool("v3").FindMessageTypeByName(f"openapi.v3.{name}")
        for entry in entries:
            field = descriptor.fields_by_number[entry.number]
            if entry.key == "x-":
                assert field.name == "specification_extension"
            elif entry.key == "*":
                assert field.message_type.name.startswith("Named")
            else:
                assert field.camelcase_name == entry.key or field.name == entry.key.replace("$", "_"), entry
                assert field.is_repeated == entry.repeated
            assert field.is_repeated or entry.key not in ("*", "x-")


@pytest.mark.parametrize(("group", "version"), [("", "v1"), ("apps", "v1"), ("autoscaling", "v2")])
def test_it_says_what_the_json_says(group: str, version: str) -> None:
    tree = document(group, version)
    body = openapi.encode_document_v3(tree)
    message = read(body)
    assert len(unknown_fields.UnknownFieldSet(message)) == 0
    assert message.SerializeToString() == body
    assert (message.openapi, message.info.title) == ("3.0.0", "Kubernetes")
    assert [path.name for path in message.paths.path] == list(tree["paths"])
    schemas = message.components.schemas.additional_properties
    assert [one.name for one in schemas] == list(tree["components"]["schemas"])
    for one in schemas:
        said = tree["components"]["schemas"][one.name]
        properties = one.value.schema.properties.additional_properties
        assert [each.name for each in properties] == list(said.get("properties", {}))
    [scheme] = message.components.security_schemes.additional_properties
    assert scheme.name == "BearerToken"


def test_unions() -> None:
    schema = {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "default": 3},
            "name": {"type": "string", "default": "x", "enum": ["x", "y"]},
            "on": {"type": "boolean", "default": False},
            "spec": {"allOf": [{"$ref": "#/components/schemas/A"}], "default": {}},
            "more": {"type": "object", "additionalProperties": {"type": "string"}},
            "any": {"type": "object", "additionalProperties": True, "x-kubernetes-int-or-string": True},
            "list": {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
        },
    }
    tree = {"openapi": "3.0.0", "components": {"schemas": {"A": schema}}}
    [a] = read(openapi.encode_document_v3(tree)).components.schemas.additional_properties
    fields = {each.name: each.value.schema for each in a.value.schema.properties.additional_properties}
    assert fields["size"].default.number == 3
    assert fields["name"].default.string == "x"
    assert [json.loads(each.yaml) for each in fields["name"].enum] == ["x", "y"]
    assert fields["on"].default.WhichOneof("oneof") == "boolean"
    assert fields["spec"].default.WhichOneof("oneof") is None
    assert fields["spec"].all_of[0].reference._ref.endswith("/A")
    assert fields["more"].additional_properties.schema_or_reference.schema.type == "string"
    assert fields["any"].additional_properties.boolean
    assert fields["any"].specification_extension[0].name == "x-kubernetes-int-or-string"
    assert fields["list"].items.schema_or_reference[0].reference._ref.endswith("/A")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        (OLD, NEW),
        (NEW, NEW),
        (f"{NEW}, application/json;q=0.5", NEW),
    ],
)
def test_served_as_asked(env: Env, accept: str, form: str) -> None:
    async def main() -> None:
        async with serving(env) as server:

            async def ask(path: str, query: str = "", **headers: str) -> Response:
                given = [(name.replace("_", "-"), value) for name, value in headers.items()]
                target = f"{path}?{query}" if query else path
                request = Request("GET", target, Headers([("x-test-user", "admin"), *given]))
                response = await server.handler(request)
                assert isinstance(response, Response)
                return response

            path = "/openapi/v3/apis/apps/v1"
            plain = await ask(path)
            response = await ask(path, accept=accept)
            headers = dict(response.headers)
            assert (response.status, headers["Content-Type"]) == (200, form)
            assert headers["ETag"] == dict(plain.headers)["ETag"]
            assert isinstance(response.body, bytes)
            if form == NEW:
                assert read(response.body).openapi == "3.0.0"
            assert (await ask(path, accept=accept, if_none_match=headers["ETag"])).status == 304
            assert (await ask(path, accept="text/html")).status == 406
            digest = headers["ETag"].strip('"')
            lasting = dict((await ask(path, f"hash={digest}", accept=accept)).headers)
            assert lasting["Cache-Control"] == "public, immutable"
            assert lasting["Expires"].endswith("GMT")
            moved = await ask(path, "hash=00", accept=accept)
            assert (moved.status, dict(moved.headers)["Location"]) == (301, f"{path}?hash={digest}")

    asyncio.run(main())

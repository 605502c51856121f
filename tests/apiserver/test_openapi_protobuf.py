"""The version 2 document in gnostic's protobuf, read by Google's library with the descriptor that kubectl carries."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import unknown_fields

from pybernetes.api import openapi
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS, by_kind
from pybernetes.api.openapi.gnostic import messages
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response, Result
from pybernetes.wire.http.server import HttpServer

from .kubectldescriptors import KUBECTL, document_type, pool
from .transports import ADMIN, serving

NEW = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def read(body: bytes) -> Any:
    return document_type("v2").FromString(body)


def test_the_numbers_are_those_of_the_proto_file() -> None:
    renamed = {"$ref": "_ref"}
    for name, entries in messages().items():
        descriptor = pool("v2").FindMessageTypeByName(f"openapi.v2.{name}")
        for entry in entries:
            field = descriptor.fields_by_number[entry.number]
            if entry.key == "x-":
                assert field.name == "vendor_extension"
            elif entry.key == "*":
                assert field.message_type.name.startswith("Named")
            else:
                assert field.camelcase_name == entry.key or field.name == renamed.get(entry.key), entry
                assert field.is_repeated == entry.repeated
            assert field.is_repeated or entry.key not in ("*", "x-")


def test_it_says_what_the_json_says() -> None:
    document = openapi.document_v2(KINDS, "v1.37.0")
    body = openapi.encode_document_v2(document)
    message = read(body)
    assert len(unknown_fields.UnknownFieldSet(message)) == 0
    assert message.SerializeToString() == body
    assert (message.swagger, message.info.title) == ("2.0", "Kubernetes")
    assert [path.name for path in message.paths.path] == list(document["paths"])
    assert [one.name for one in message.definitions.additional_properties] == list(document["definitions"])
    pod = next(d for d in message.definitions.additional_properties if d.name == "io.k8s.api.core.v1.Pod")
    spec = next(p for p in pod.value.properties.additional_properties if p.name == "spec")
    assert spec.value._ref == "#/definitions/io.k8s.api.core.v1.PodSpec"
    extension = next(e for e in pod.value.vendor_extension if "group-version-kind" in e.name)
    assert json.loads(extension.value.yaml) == [{"group": "", "version": "v1", "kind": "Pod"}]
    created = next(
        p for p in message.paths.path if p.name == "/api/v1/namespaces/{namespace}/pods"
    ).value.post
    named = [item.parameter for item in created.parameters]
    assert {p.non_body_parameter.query_parameter_sub_schema.name for p in named} >= {
        "dryRun",
        "fieldValidation",
    }
    assert created.responses.response_code[0].value.response.schema.schema._ref.endswith(".Pod")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (OLD, NEW),
        (NEW, NEW),
        (f"{OLD}, application/json;q=0.5", NEW),
        (f"application/json, {NEW}", "application/json"),
    ],
)
def test_served_as_asked_and_only_when_changed(env: Env, accept: str, form: str) -> None:
    async def main() -> None:
        async with serving(env) as server:

            async def ask(**headers: str) -> Response:
                given = [(name.replace("_", "-"), value) for name, value in headers.items()]
                request = Request("GET", "/openapi/v2", Headers([("x-test-user", "admin"), *given]))
                response = await server.handler(request)
                assert isinstance(response, Response)
                return response

            response = await ask(accept=accept)
            headers = dict(response.headers)
            assert (response.status, headers["Content-Type"]) == (200, form)
            assert isinstance(response.body, bytes)
            if form == NEW:
                assert read(response.body).swagger == "2.0"
            packed = await ask(accept=accept, accept_encoding="gzip")
            assert isinstance(packed.body, bytes)
            assert gzip.decompress(packed.body) == response.body
            assert len(packed.body) < len(response.body) / 4
            assert (await ask(accept=accept, if_none_match=headers["ETag"])).status == 304
            assert (await ask(accept="text/html")).status == 406

    asyncio.run(main())


@pytest.mark.peer
def test_kubectl_reads_it_to_refuse_what_is_not_there(env: Env, tmp_path: Path) -> None:
    own = by_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    # kubectl also asks whether a CustomResourceDefinition has the kind.
    plain = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False)
    asked: list[tuple[str, str]] = []

    async def main() -> None:
        async with serving(env, kinds=KINDS if own else (*KINDS, plain)) as server, asyncio.timeout(30):

            async def handler(request: Request) -> Result:
                request.headers["x-test-user"] = ADMIN.name
                asked.append((request.path, request.headers.get("accept", "")))
                return await server.handler(request)

            http = HttpServer(handler, now=env.now)
            port = await http.listen()
            manifest = '{"apiVersion": "apps/v1", "kind": "Deploymint", "metadata": {"name": "web"}}'
            process = await asyncio.create_subprocess_exec(
                *(
                    KUBECTL,
                    f"--server=http://127.0.0.1:{port}",
                    f"--cache-dir={tmp_path}",
                    "create",
                    "-f",
                    "-",
                ),
                stdin=-1,
                stderr=-1,
                env={"KUBECONFIG": "/dev/null", "HOME": str(tmp_path)},
            )
            _, err = await process.communicate(manifest.encode())
            await http.close()
            assert (process.returncode, err.decode()) == (
                1,
                'error: resource mapping not found for name: "web" namespace: "" from "STDIN": '
                'no matches for kind "Deploymint" in version "apps/v1"\nensure CRDs are installed first\n',
            )

    asyncio.run(main())
    assert ("/openapi/v2", OLD) in asked

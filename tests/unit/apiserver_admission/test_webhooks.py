"""Admission webhooks, over real HTTPS on the loopback: what they are asked, and what becomes of their answers."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, BadRequest, Forbidden, InternalError
from pybernetes.wire.tls import server_context

from .conftest import Client

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """(certificate, key, the bundle in base64) for 127.0.0.1 and for a service's name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("hook.default.svc")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    folder = tmp_path_factory.mktemp("hook")
    (folder / "crt").write_bytes(pem)
    (folder / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "crt", folder / "key", base64.b64encode(pem).decode()


class Hook:
    """An HTTPS server that answers reviews by a function and remembers the requests."""

    def __init__(self, answer: Answer, bundle: str) -> None:
        self.answer, self.bundle = answer, bundle
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.versions: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                self.paths.append(lines[0].split(" ")[1])
                lengths = [line for line in lines if line.lower().startswith("content-length")]
                body = await reader.readexactly(int(lengths[0].split(":")[1]))
                request = json.loads(body)["request"]
                self.requests.append(request)
                response = {"uid": request["uid"], "allowed": True, **self.answer(request)}
                if response.pop("silent", False):
                    await asyncio.sleep(5)
                code, raw = response.pop("code", 200), response.pop("raw", None)
                self.versions.append(json.loads(body)["apiVersion"])
                review = {
                    "apiVersion": response.pop("apiVersion", self.versions[-1]),
                    "kind": "AdmissionReview",
                    "response": response,
                }
                data = json.dumps(review).encode() if raw is None else raw.encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, len(data)) + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client has gone
        finally:
            writer.close()

    def config(self, name: str = "a", **fields: Any) -> dict[str, Any]:
        rule = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"]}
        return {
            "name": f"{name}.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{self.port}/{name}", "caBundle": self.bundle},
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            **fields,
        }


@asynccontextmanager
async def hook(certificate: tuple[Path, Path, str], answer: Answer) -> AsyncIterator[Hook]:
    crt, key, bundle = certificate
    made = Hook(answer, bundle)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=server_context(crt, key))
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def mutating(client: Client, *hooks: Any, name: str = "m") -> None:
    await client.create(kinds.MUTATINGWEBHOOKCONFIGURATION, name, webhooks=list(hooks))


async def validating(client: Client, *hooks: Any, name: str = "v") -> None:
    await client.create(kinds.VALIDATINGWEBHOOKCONFIGURATION, name, webhooks=list(hooks))


def patch(*operations: Any) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def label(key: str, value: str = "yes") -> dict[str, Any]:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        labels = {**(request["object"]["metadata"].get("labels") or {}), key: value}
        return patch({"op": "add", "path": "/metadata/labels", "value": labels})

    return {"answer": answer}


def test_a_mutating_hook_changes_what_is_stored(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, label("added")["answer"]) as served:
            await mutating(client, served.config())
            made = await client.create(kinds.CONFIGMAP, "c", data={"a": "b"})
            assert made["metadata"]["labels"] == {"added": "yes"}
            (request,) = served.requests
            assert request["operation"] == "CREATE"
            assert request["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
            assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
            assert (request["name"], request["namespace"]) == ("c", "default")
            assert request["userInfo"]["username"] == "admin"
            assert request["oldObject"] is None
            assert request["object"]["metadata"]["uid"] == made["metadata"]["uid"]
            assert served.paths == ["/a?timeout=10s"]
            await client.patch(kinds.CONFIGMAP, "c", {"data": {"a": "c"}})
            assert served.requests[1]["operation"] == "UPDATE"
            assert served.requests[1]["oldObject"]["data"] == {"a": "b"}
            assert len(served.requests) == 2

    run(scenario)


def test_a_validating_hook_refuses(run, certificate) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        old = request.get("oldObject")
        if request["operation"] == "DELETE":
            assert old["metadata"]["name"] == request["name"]
            return {"allowed": False, "status": {"code": 403, "reason": "Forbidden", "message": "it stays"}}
        if request["object"].get("data"):
            return {"allowed": False}
        return {"warnings": ["careful"]}

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as served:
            await validating(client, served.config())
            with pytest.raises(BadRequest) as refused:
                await client.create(kinds.CONFIGMAP, "c", data={"a": "b"})
            assert refused.value.message == (
                'admission webhook "a.example.com" denied the request without explanation'
            )
            await client.create(kinds.CONFIGMAP, "c")
            with pytest.raises(Forbidden) as caught:
                await client.call("delete", kinds.CONFIGMAP, "c")
            assert caught.value.message == 'admission webhook "a.example.com" denied the request: it stays'
            await client.create(kinds.SECRET, "untouched")

    run(scenario)


FILTERS = [
    ({"namespaceSelector": {"matchLabels": {"hooks": "on"}}}, False),
    ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
    ({"objectSelector": {"matchLabels": {"app": "db"}}}, False),
    ({"rules": [{"operations": ["UPDATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]}, False),
    ({"rules": [{"operations": ["CREATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]}, True),
    ({"rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "scope": "Cluster"}]}, False),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "asked"), FILTERS)
def test_who_is_asked(run, certificate, fields: Any, asked: bool) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {}) as served:
            await validating(client, served.config(**fields))
            await client.create(kinds.CONFIGMAP, "c", metadata={"labels": {"app": "web"}})
            assert bool(served.requests) is asked

    run(scenario)


def test_what_happens_when_a_hook_cannot_be_asked(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {}) as served:
            config = served.config()
        config["clientConfig"]["url"] = "https://127.0.0.1:1/a"
        await validating(client, config)
        with pytest.raises(InternalError) as caught:
            await client.create(kinds.CONFIGMAP, "c")
        assert caught.value.message.startswith(
            'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post '
            '"https://127.0.0.1:1/a?timeout=10s": '
        )
        ignoring = {"webhooks": [{**config, "failurePolicy": "Ignore"}]}
        await client.patch(kinds.VALIDATINGWEBHOOKCONFIGURATION, "v", ignoring)
        await client.create(kinds.CONFIGMAP, "c")

    run(scenario)


def test_a_slow_hook_times_out(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {"silent": True}) as served:
            await validating(client, served.config(timeoutSeconds=1))
            with pytest.raises(InternalError) as caught:
                await client.create(kinds.CONFIGMAP, "c")
            assert caught.value.message.endswith("context deadline exceeded")

    run(scenario)


def test_dry_runs_ask_only_hooks_without_side_effects(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {}) as served:
            await validating(client, served.config())
            await client.create(kinds.CONFIGMAP, "c", query={"dryRun": "All"})
            assert served.requests[0]["dryRun"] is True
            effects = {"webhooks": [served.config(sideEffects="Some")]}
            tree = await client.call("get", kinds.VALIDATINGWEBHOOKCONFIGURATION, "v")
            client.server.services.registry.cache(kinds.VALIDATINGWEBHOOKCONFIGURATION)
            try:
                await client.call("update", kinds.VALIDATINGWEBHOOKCONFIGURATION, "v", {**tree, **effects})
            except ApiError:
                return  # v1 does not let such hooks in at all
            with pytest.raises(BadRequest) as caught:
                await client.create(kinds.CONFIGMAP, "c", query={"dryRun": "All"})
            assert 'admission webhook "a.example.com" does not support dry run' in caught.value.message

    run(scenario)


def test_hooks_are_asked_again_about_later_changes(run, certificate) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        labels = dict(request["object"]["metadata"].get("labels") or {})
        path = "/metadata/labels"
        if "first" not in labels:
            return patch({"op": "add", "path": path, "value": {**labels, "first": "yes"}})
        return patch({"op": "add", "path": path, "value": {**labels, "again": "yes"}})

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as one, hook(certificate, label("second")["answer"]) as two:
            await mutating(client, one.config(reinvocationPolicy="IfNeeded"), name="m1")
            await mutating(client, two.config("b"), name="m2")
            made = await client.create(kinds.CONFIGMAP, "c")
            assert made["metadata"]["labels"] == {"first": "yes", "second": "yes", "again": "yes"}
            assert (len(one.requests), len(two.requests)) == (2, 1)

    run(scenario)


def test_a_hook_behind_a_service(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {}) as served:
            await client.create(kinds.SERVICE, "hook", spec={"ports": [{"port": 443}]})
            config = served.config()
            config["clientConfig"] = {
                "service": {"namespace": "default", "name": "hook", "path": "/v"},
                "caBundle": served.bundle,
            }
            await validating(client, config)
            with pytest.raises(InternalError) as caught:
                await client.create(kinds.CONFIGMAP, "c")
            assert 'Post "https://hook.default.svc:443/v?timeout=10s": no endpoints' in caught.value.message
            await client.create(
                kinds.ENDPOINTSLICE,
                "hook-1",
                metadata={"labels": {"kubernetes.io/service-name": "hook"}},
                addressType="IPv4",
                endpoints=[{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
                ports=[{"name": "", "port": served.port, "protocol": "TCP"}],
            )
            await client.create(kinds.CONFIGMAP, "c")
            assert served.paths == ["/v?timeout=10s"]

    run(scenario)


def test_pods_keep_their_drawn_names_over_attempts(run, certificate) -> None:
    """Each call-out repeats the verb: what it draws must stay, or a hook would be asked about another object."""

    async def scenario(client: Client) -> None:
        async with hook(certificate, label("x")["answer"]) as one, hook(certificate, lambda _r: {}) as two:
            rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
            await mutating(client, one.config(rules=[rule]), one.config("c", rules=[rule]))
            await validating(client, two.config("b", rules=[rule]))
            assert isinstance(client.server.services.env.rng, random.Random)
            body = {
                "metadata": {"generateName": "p-"},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            }
            made = await client.call("create", kinds.POD, body=body)
            asked = [*one.requests, *two.requests]
            assert len(asked) == 3
            assert {request["object"]["metadata"]["uid"] for request in asked} == {made["metadata"]["uid"]}
            assert {request["name"] for request in asked} == {made["metadata"]["name"]}
            volumes = {request["object"]["spec"]["volumes"][0]["name"] for request in asked}
            assert volumes == {made["spec"]["volumes"][0]["name"]}

    run(scenario)


def test_connections_are_asked_about(run, certificate) -> None:
    from pybernetes.wire.http.messages import Headers, Request

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        assert request["kind"]["kind"] == "PodExecOptions"
        assert request["object"]["command"] == ["sh", "-c"]
        return {"allowed": False, "status": {"message": "no shells"}}

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as served:
            rule = {
                "operations": ["CONNECT"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods/exec"],
            }
            await validating(client, served.config(rules=[rule]))
            await client.pod("p")
            path = "/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&container=c"
            response = await client.server.handler(
                Request("POST", path, Headers([("x-test-user", "admin")]), b"")
            )
            assert response.status == 400
            assert b"denied the request: no shells" in response.body

    run(scenario)


def status(message: str) -> str:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message})


ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"code": 404, "raw": ""}, "failed to call webhook: the server could not find the requested resource"),
    (
        {"code": 500, "raw": "boom \n"},
        'failed to call webhook: an error on the server ("boom") has prevented the request from succeeding',
    ),
    ({"code": 500, "raw": status("told")}, "failed to call webhook: told"),
    ({"code": 403, "raw": "go away"}, "failed to call webhook: go away"),
    (
        {"code": 302, "raw": ""},
        "failed to call webhook: the server responded with the status code 302 but did not return more information",
    ),
    (
        {"apiVersion": "v2"},
        "received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, "
        "got /v2, Kind=AdmissionReview",
    ),
    ({"uid": "x"}, 'received invalid webhook response: expected response.uid="'),
    (
        {"patchType": "JSONPatch"},
        "received invalid webhook response: validating webhook may not return response.patchType",
    ),
    (
        {"patch": "W10=", "patchType": "JSONPatch"},
        "received invalid webhook response: validating webhook may not return response.patch",
    ),
]


async def is_wrong(
    client: Client, certificate: Any, configured: Callable[..., Any], answer: dict[str, Any], message: str
) -> None:
    async with hook(certificate, lambda _request: dict(answer)) as served:
        await configured(client, served.config())
        with pytest.raises(InternalError) as caught:
            await client.create(kinds.CONFIGMAP, "c")
        start = 'Internal error occurred: failed calling webhook "a.example.com": '
        assert caught.value.message.startswith(start + message)


@pytest.mark.parametrize(("answer", "message"), ANSWERS)
def test_bad_answers(run, certificate, answer: dict[str, Any], message: str) -> None:
    run(lambda client: is_wrong(client, certificate, validating, answer, message))


BAD_PATCHES: list[tuple[dict[str, Any], str]] = [
    (
        {"patch": "W10="},
        "received invalid webhook response: webhook returned response.patch but not response.patchType",
    ),
    (
        {"patchType": "JSONPatch"},
        "received invalid webhook response: webhook returned response.patchType but not response.patch",
    ),
    ({"patch": "e30x", "patchType": "JSONPatch"}, "received undecodable patch in webhook response: "),
    (
        {"patch": base64.b64encode(b'[{"op":"test"}]').decode(), "patchType": "X"},
        'unsupported patch type "X"',
    ),
]


@pytest.mark.parametrize(("answer", "message"), BAD_PATCHES)
def test_bad_patches(run, certificate, answer: dict[str, Any], message: str) -> None:
    run(lambda client: is_wrong(client, certificate, mutating, answer, message))


def test_a_hook_that_knows_only_the_old_reviews(run, certificate) -> None:
    async def scenario(client: Client) -> None:
        answer = {"uid": "", "patch": patch({"op": "add", "path": "/data", "value": {"a": "b"}})["patch"]}
        async with hook(certificate, lambda _request: dict(answer)) as served:
            await mutating(client, served.config(admissionReviewVersions=["v9", "v1beta1"]))
            made = await client.create(kinds.CONFIGMAP, "c")
            assert made["data"] == {"a": "b"}
            assert served.versions == ["admission.k8s.io/v1beta1"]

    run(scenario)

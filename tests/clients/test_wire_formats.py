"""Bytes on the wire: forms of answers, watches and pages, HTTP/2, and the code and reason for each bad body."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.pyberup import PyberUp

from .rawhttps import Answer, Server

pytestmark = pytest.mark.peer

PROTOBUF = "application/vnd.kubernetes.protobuf"
MERGE = {"Content-Type": "application/merge-patch+json"}
META = ";v=v1;g=meta.k8s.io"


@pytest.fixture(scope="module")
def server(hollow: PyberUp) -> Server:
    return Server.of(hollow.state / "kubeconfig")


@pytest.fixture
def maps(namespace: str) -> str:
    """The path of the config maps of a fresh namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def made(server: Server, path: str, name: str, **data: str) -> Any:
    answer = server.ask("POST", path, config_map(name, **data))
    assert answer.code == 201, answer.body
    return answer.tree


# Content negotiation


def test_each_form_of_one_object_and_of_a_list(server: Server, maps: str) -> None:
    tree = made(server, maps, "a", k="1")
    one, all_ = f"{maps}/a", (maps, {"fieldSelector": "metadata.name=a"})
    assert server.get(one).tree == tree
    answer = server.get(one, "application/yaml")
    assert answer.content_type == "application/yaml"
    assert b'  k: "1"\n' in answer.body
    assert yaml.safe_load(answer.body) == tree
    for accept in (f"application/json;as=Table{META}", f"text/html,application/json;as=Table{META};q=0.9"):
        table = server.get(one, accept).tree
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert table["rows"][0]["cells"][:2] == ["a", 1]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    bare = server.get(one, f"application/json;as=Table{META}", includeObject="None").tree
    assert bare["rows"][0].get("object") is None
    whole = server.get(all_[0], f"application/json;as=Table{META}", includeObject="Object", **all_[1]).tree
    assert whole["rows"][0]["object"]["data"] == {"k": "1"}
    partial = server.get(one, f"application/json;as=PartialObjectMetadata{META}").tree
    assert partial == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": tree["metadata"],
    }
    listed = server.get(all_[0], f"application/json;as=PartialObjectMetadataList{META}", **all_[1]).tree
    assert listed["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"] for item in listed["items"]] == [tree["metadata"]]


def test_protobuf(server: Server, maps: str) -> None:
    made(server, maps, "a", k="1")
    answer = server.get(f"{maps}/a", PROTOBUF)
    assert answer.content_type == PROTOBUF
    assert answer.body.startswith(b"k8s\x00")
    again = server.ask(
        "POST", maps, answer.body.replace(b"\x0a\x01a", b"\x0a\x01b"), {"Content-Type": PROTOBUF}
    )
    assert again.refusal()[1] == "", "an object to be created has no resourceVersion"
    assert server.get(f"{maps}/a", f"{PROTOBUF};as=PartialObjectMetadata{META}").body.startswith(b"k8s\x00")
    refused = server.get(f"{maps}/a", f"{PROTOBUF};as=Table{META}")
    assert refused.refusal()[:2] == (406, "NotAcceptable")
    fallback = server.get(maps, f"{PROTOBUF};as=Table{META},application/json;as=Table{META},application/json")
    assert fallback.tree["kind"] == "Table"
    status = server.get(f"{maps}/zz", PROTOBUF)
    assert (status.code, status.content_type, status.body[:4]) == (404, PROTOBUF, b"k8s\x00")


@pytest.mark.parametrize(
    "accept", ["text/plain", "application/cbor", f"application/json;as=Table;v=v9{META[5:]}"]
)
def test_what_is_not_acceptable(server: Server, maps: str, accept: str) -> None:
    code, reason, message = server.get(maps, accept).refusal()
    assert (code, reason) == (406, "NotAcceptable")
    assert message.startswith(
        "only the following media types are accepted: application/json, application/yaml"
    )


def test_a_watch_has_no_yaml(server: Server, maps: str) -> None:
    refused = server.get(maps, "application/yaml", watch=1)
    assert refused.code == 406
    assert (
        "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        in refused.body.decode()
    )


def test_pretty(server: Server, maps: str) -> None:
    made(server, maps, "a")
    assert server.get(f"{maps}/a", pretty="true").body.startswith(b'{\n  "')
    assert not server.get(f"{maps}/a", pretty="true").body.endswith(b"\n")
    assert server.get(f"{maps}/a", pretty="false").body.count(b"\n") == 1
    curl = {"User-Agent": "curl/8.0"}
    assert server.ask("GET", f"{maps}/a", headers=curl).body.startswith(b'{\n  "')
    assert server.ask("GET", f"{maps}/a", headers=curl, pretty="0").body.count(b"\n") == 1


def test_gzip_of_long_answers_only(server: Server, maps: str) -> None:
    made(server, maps, "small")
    packed = {"Accept-Encoding": "gzip"}
    assert "content-encoding" not in server.ask("GET", f"{maps}/small", headers=packed).headers
    made(server, maps, "large", k="x" * 200_000)
    answer = server.ask("GET", f"{maps}/large", headers=packed)
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert len(answer.body) < 10_000
    assert json.loads(gzip.decompress(answer.body))["data"] == {"k": "x" * 200_000}
    assert "content-encoding" not in server.get(f"{maps}/large").headers


# Discovery and OpenAPI


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize("path", ["/api", "/apis", "/openapi/v2"])
def test_etags(server: Server, path: str) -> None:
    accept = AGGREGATED if path != "/openapi/v2" else "application/json"
    first = server.get(path, accept)
    assert first.code == 200
    tag = {"If-None-Match": first.headers["etag"], "Accept": accept}
    again = server.ask("GET", path, headers=tag)
    assert (again.code, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = server.ask("GET", path, headers={**tag, "If-None-Match": '"other"'})
    assert (other.code, other.body) == (200, first.body)


def test_openapi_v3_by_hash(server: Server) -> None:
    index = server.get("/openapi/v3").tree["paths"]
    url = index["apis/apps/v1"]["serverRelativeURL"]
    answer = server.get(url)
    assert answer.headers["cache-control"] == "public, immutable"
    assert answer.headers["etag"].strip('"') in url
    assert "io.k8s.api.apps.v1.Deployment" in answer.tree["components"]["schemas"]
    assert server.ask("GET", url, headers={"If-None-Match": answer.headers["etag"]}).code == 304


def test_legacy_and_aggregated_discovery_agree(server: Server) -> None:
    legacy = {group["name"] for group in server.get("/apis").tree["groups"]}
    aggregated = {item["metadata"]["name"] for item in server.get("/apis", AGGREGATED).tree["items"]}
    assert legacy == aggregated
    names = {entry["name"] for entry in server.get("/apis/apps/v1").tree["resources"]}
    assert {"deployments", "deployments/scale", "deployments/status"} <= names


def test_paths_that_are_not_there(server: Server) -> None:
    for path in ("/nope", "/apis/example.com", "/apis/example.com/v1/things"):
        answer = server.get(path)
        assert (answer.code, answer.body) == (404, b"404 page not found\n")
    for path in ("/api/v1/things", "/api/v9/pods", "/apis/apps/v1/namespaces/default/things"):
        answer = server.get(path)
        assert answer.refusal() == (404, "NotFound", "the server could not find the requested resource")
        assert answer.tree["details"] == {}


# Watches and pages


def test_watch_list(server: Server, maps: str) -> None:
    made(server, maps, "a")
    options: dict[str, str | int] = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "fieldSelector": "metadata.name!=kube-root-ca.crt",
    }
    with server.watching(maps, options) as events:
        added, mark = next(events), next(events)
        assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "a")
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(mark["object"]["metadata"]["resourceVersion"]) >= int(
            added["object"]["metadata"]["resourceVersion"]
        )
        later = made(server, maps, "b")
        assert next(events)["object"] == later
    with server.watching(maps, options, f"application/json;as=Table{META}") as events:
        tables = [next(events) for _ in range(3)]
        assert [event["type"] for event in tables] == ["ADDED", "ADDED", "BOOKMARK"]
        assert [bool(event["object"]["columnDefinitions"]) for event in tables] == [True, False, False]


def test_a_selector_makes_objects_come_and_go(server: Server, maps: str) -> None:
    made(server, maps, "a")
    with server.watching(maps, {"labelSelector": "in=yes"}) as events:

        def label(value: str | None) -> tuple[str, str | None]:
            server.ask("PATCH", f"{maps}/a", {"metadata": {"labels": {"in": value}}}, MERGE)
            event = next(events)
            return event["type"], event["object"]["metadata"].get("labels", {}).get("in")

        assert label("yes")[0] == "ADDED"
        server.ask("PATCH", f"{maps}/a", {"data": {"k": "v"}}, MERGE)
        assert next(events)["type"] == "MODIFIED"
        assert label("no")[0] == "DELETED"


def test_a_watch_ends_after_its_time_and_goes_on_without_a_gap(server: Server, maps: str) -> None:
    first = made(server, maps, "a")
    seen: list[str] = []
    options: dict[str, str | int] = {"timeoutSeconds": 1, "allowWatchBookmarks": "true"}
    version = first["metadata"]["resourceVersion"]
    for name in ("b", "c", "d"):
        made(server, maps, name)
        with server.watching(maps, {**options, "resourceVersion": version}) as events:
            for event in events:
                version = event["object"]["metadata"]["resourceVersion"]
                seen += [event["object"]["metadata"]["name"]] if event["type"] != "BOOKMARK" else []
    assert seen == ["b", "c", "d"]


def test_pages(server: Server, maps: str) -> None:
    for number in range(7):
        made(server, maps, f"p{number}")
    found: list[str] = []
    token, sizes, revisions = "", [], set()
    while True:
        more = {"continue": token} if token else {}
        page = server.get(maps, limit=3, fieldSelector="metadata.name!=kube-root-ca.crt", **more).tree
        if not found:
            server.ask("DELETE", f"{maps}/p6")
        found += [item["metadata"]["name"] for item in page["items"]]
        sizes.append(len(page["items"]))
        revisions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert found == [f"p{number}" for number in range(7)], "as it was when the list began"
    assert sizes == [3, 3, 1]
    assert len(revisions) == 1
    counted = server.get(maps, limit=2).tree["metadata"]
    assert counted["remainingItemCount"] == 5


def test_lists_at_revisions(server: Server, maps: str) -> None:
    old = made(server, maps, "a")["metadata"]["resourceVersion"]
    made(server, maps, "b")

    def names(**query: str | int) -> list[str]:
        items = server.get(maps, **query).tree["items"]
        return [i["metadata"]["name"] for i in items if i["metadata"]["name"] != "kube-root-ca.crt"]

    assert names(resourceVersion=old, resourceVersionMatch="Exact") == ["a"]
    assert names(resourceVersion=old, resourceVersionMatch="NotOlderThan") == ["a", "b"]
    assert names(resourceVersion="0") == ["a", "b"]
    future = server.get(maps, resourceVersion="99999999")
    code, reason, message = future.refusal()
    assert (code, reason) == (504, "Timeout")
    assert message.startswith("Timeout: Too large resource version: 99999999, current: ")
    assert future.tree["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


# Bad parameters and bodies


LIST_OPTIONS = (
    ({"limit": "x"}, 400, "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
    (
        {"watch": "1", "timeoutSeconds": "x"},
        400,
        "BadRequest",
        'strconv.ParseInt: parsing "x": invalid syntax',
    ),
    ({"labelSelector": "a in b"}, 400, "BadRequest", "unable to parse requirement: found 'b' expected: '('"),
    (
        {"fieldSelector": "data"},
        400,
        "BadRequest",
        "invalid selector: 'data'; can't understand 'data'",
    ),
    (
        {"resourceVersionMatch": "Exact"},
        422,
        "Invalid",
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden unless resourceVersion is provided",
    ),
    (
        {"resourceVersionMatch": "Foo", "resourceVersion": "1"},
        422,
        "Invalid",
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "Foo": '
        'supported values: "Exact", "NotOlderThan", ""',
    ),
    (
        {"sendInitialEvents": "true"},
        422,
        "Invalid",
        'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ),
    (
        {"sendInitialEvents": "true", "watch": "1"},
        422,
        "Invalid",
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    ),
)


@pytest.mark.parametrize(("query", "code", "reason", "message"), LIST_OPTIONS)
def test_bad_list_options(
    server: Server, maps: str, query: dict[str, str], code: int, reason: str, message: str
) -> None:
    assert server.get(maps, **query).refusal() == (code, reason, message)


UNREAD = "the object provided is unrecognized (must be of type ConfigMap): "
NO_KIND = "couldn't get version/kind; json parse error: "
GO_STRUCT = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
BODIES = (
    pytest.param(b"", None, f"{UNREAD}{NO_KIND}unexpected end of JSON input (<empty>)", id="empty"),
    pytest.param(b'{"a', None, f'{UNREAD}{NO_KIND}unexpected end of JSON input ({{"a)', id="cut"),
    pytest.param(
        b"[]",
        None,
        f"{UNREAD}{NO_KIND}json: cannot unmarshal array into Go value of type {GO_STRUCT} (5b5d)",
        id="array",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Secret"},
        None,
        'Secret in version "v1" cannot be handled as a ConfigMap: '
        "converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        id="other kind",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Foo"},
        None,
        'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" '
        'in scheme "pkg/api/legacyscheme/scheme.go:30"',
        id="unknown kind",
    ),
    pytest.param(
        {"metadata": {"name": "x"}, "data": {"a": 1}},
        None,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        id="wrong type",
    ),
    pytest.param(
        {"metadata": {"name": "x", "namespace": "other"}},
        None,
        "the namespace of the provided object does not match the namespace sent on the request",
        id="other namespace",
    ),
    pytest.param(
        b"garbage",
        PROTOBUF,
        f"{UNREAD}provided data does not appear to be a protobuf message, "
        "expected prefix [107 56 115 0] (67617262616765)",
        id="not protobuf",
    ),
)


@pytest.mark.parametrize(("body", "media", "message"), BODIES)
def test_bad_bodies(server: Server, maps: str, body: Any, media: str | None, message: str) -> None:
    headers = {"Content-Type": media} if media else {}
    assert server.ask("POST", maps, body, headers).refusal() == (400, "BadRequest", message)


def test_bodies_too_large_too_deep_or_of_an_unknown_type(server: Server, maps: str) -> None:
    large = b'{"data":{"k":"' + b"x" * (3 << 20) + b'"}}'
    assert server.ask("POST", maps, large).refusal() == (
        413,
        "RequestEntityTooLarge",
        "Request entity too large: limit is 3145728",
    )
    assert server.ask("POST", maps, b'{"a":' * 20_000).refusal()[:2] == (400, "BadRequest")
    assert server.ask("POST", maps, b"{}", {"Content-Type": "text/plain"}).refusal() == (
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf",
    )
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert server.ask("POST", maps, bomb, {"Content-Type": "application/yaml"}).code in (400, 413)
    many = json.dumps([{"op": "add", "path": "/data/a", "value": "1"}] * 10_001)
    made(server, maps, "a")
    patched = server.ask("PATCH", f"{maps}/a", many, {"Content-Type": "application/json-patch+json"})
    assert patched.refusal()[:2] == (413, "RequestEntityTooLarge")


def refusals(server: Server, maps: str) -> Iterator[tuple[Answer, int, str]]:
    """Requests that are refused, with code and reason."""
    uid = made(server, maps, "a")["metadata"]["uid"]
    one = f"{maps}/a"
    yield server.ask("POST", maps, config_map("a")), 409, "AlreadyExists"
    yield server.ask("POST", maps, {}), 422, "Invalid"
    yield server.ask("POST", maps, {"metadata": {"name": "Not_OK"}}), 422, "Invalid"
    yield server.ask("POST", one, config_map("a")), 405, "MethodNotAllowed"
    yield server.ask("PUT", maps, config_map("a")), 405, "MethodNotAllowed"
    yield server.ask("DELETE", "/api/v1/namespaces"), 405, "MethodNotAllowed"
    yield server.ask("PUT", f"{maps}/b", config_map("a")), 400, "BadRequest"
    yield server.ask("PUT", f"{maps}/b", config_map("b")), 404, "NotFound"
    yield server.ask("PUT", one, {"metadata": {"name": "a", "resourceVersion": "1"}}), 409, "Conflict"
    yield server.ask("PUT", one, {"metadata": {"name": "a", "uid": "x"}}), 409, "Conflict"
    yield server.ask("PATCH", one, {"metadata": {"name": "b"}}, MERGE), 400, "BadRequest"
    yield server.ask("PATCH", one, b"[]", MERGE), 400, "BadRequest"
    yield server.ask("PATCH", one, {"data": {"a": 1}}, MERGE), 422, "Invalid"
    yield server.ask("PATCH", one, {}), 415, "UnsupportedMediaType"
    yield server.ask("PATCH", one, {}, MERGE, force="true"), 422, "Invalid"
    yield server.ask("POST", maps, config_map("b"), fieldValidation="Nope"), 422, "Invalid"
    yield server.ask("POST", maps, {**config_map("b"), "x": 1}, fieldValidation="Strict"), 400, "BadRequest"
    yield server.ask("POST", maps, config_map("b"), dryRun="Nope"), 422, "Invalid"
    yield server.ask("POST", maps, config_map("b"), fieldManager="x" * 129), 422, "Invalid"
    yield server.ask("DELETE", one, {"preconditions": {"uid": "x"}}), 409, "Conflict"
    yield server.ask("DELETE", one, {"preconditions": {"uid": uid, "resourceVersion": "1"}}), 409, "Conflict"
    yield server.ask("DELETE", one, {"propagationPolicy": "Nope"}), 422, "Invalid"
    yield server.get(maps, **{"continue": "nonsense"}), 400, "BadRequest"


def test_codes_and_reasons(server: Server, maps: str) -> None:
    for number, (answer, code, reason) in enumerate(refusals(server, maps)):
        assert answer.refusal()[:2] == (code, reason), number
    assert server.get(f"{maps}/a").code == 200
    assert server.get(f"{maps}/b").code == 404


def test_warnings(server: Server, maps: str) -> None:
    answer = server.ask("POST", maps, {**config_map("a"), "odd": 1})
    assert (answer.code, answer.headers["warning"]) == (201, '299 - "unknown field \\"odd\\""')


def test_credentials_decide(server: Server, maps: str) -> None:
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    anonymous = Server(server.host, server.port, nobody)
    code, reason, message = anonymous.get(maps).refusal()
    assert (code, reason) == (403, "Forbidden")
    assert message.startswith('configmaps is forbidden: User "system:anonymous" cannot list resource')
    wrong = anonymous.ask("GET", maps, headers={"Authorization": "Bearer nonsense"})
    assert wrong.refusal() == (401, "Unauthorized", "Unauthorized")
    assert anonymous.get("/version").code == 200


def test_http2(hollow: PyberUp, server: Server, maps: str) -> None:
    made(server, maps, "a", k="1")

    def curl(path: str, *options: str) -> str:
        url = f"https://{server.host}:{server.port}{path}"
        credentials = str(hollow.state / "administrator.pem")
        command = ["curl", "--http2", "-sk", "--cert", credentials, *options, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert curl(f"{maps}/a", "-o", "/dev/null", "-w", "%{http_version} %{http_code}") == "2 200"
    assert json.loads(curl(f"{maps}/a"))["data"] == {"k": "1"}
    large = json.dumps(config_map("large", k="x" * 900_000))
    stored = hollow.state / "large.json"
    stored.write_text(large)
    posted = curl(maps, "-H", "Content-Type: application/json", "--data-binary", f"@{stored}")
    assert len(json.loads(posted)["data"]["k"]) == 900_000
    watched = curl(f"{maps}?watch=1&timeoutSeconds=1&resourceVersion=0", "-H", "User-Agent: test")
    names = {json.loads(line)["object"]["metadata"]["name"] for line in watched.splitlines()}
    assert {"a", "large"} <= names

"""The audit log: the policy and its mistakes, what lines say at each level, the file and its rotation."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.apiserver.audit.auditor import AuditConfig
from pybernetes.apiserver.audit.logfile import LogFile, LogPlace, expired
from pybernetes.apiserver.audit.policy import BadPolicy, Policy, parse
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.cli import auditflags
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import ADMIN, body_of, serving, transport_of

ALICE = User("alice", groups=("dev",))
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def policy(rules: str, more: str = "") -> Policy:
    return parse(f"{HEAD}{more}rules:\n{rules}".encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "failed decoding"),
        ("[]", "failed decoding: the policy must be an object"),
        ("kind: Policy", "apiVersion and kind must be audit.k8s.io/v1 and Policy, not  and Policy"),
        (HEAD, "loaded illegal policy with 0 rules"),
        (f"{HEAD}rules: [{{}}]", "rules[0].level: Required value"),
        (
            f"{HEAD}rules: [{{level: All}}]",
            'rules[0].level: Unsupported value: "All": supported values: '
            '"None", "Metadata", "Request", "RequestResponse"',
        ),
        (f"{HEAD}rules: [{{level: None, user: [a]}}]", "rules[0].user: Forbidden: unknown field"),
        (f"{HEAD}omitStages: [Never]\nrules: [{{level: None}}]", 'omitStages[0]: Invalid value: "Never"'),
        (
            f"{HEAD}rules: [{{level: None, verbs: get}}]",
            'rules[0].verbs: Invalid value: "get": must be a list',
        ),
        (
            f"{HEAD}rules: [{{level: None, nonResourceURLs: [healthz]}}]",
            'rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a',
        ),
        (
            f"{HEAD}rules: [{{level: None, nonResourceURLs: ['/a*b']}}]",
            "wildcards '*' must be the final character of the rule",
        ),
        (
            f"{HEAD}rules: [{{level: None, namespaces: [a], nonResourceURLs: [/a]}}]",
            "rules cannot apply to both regular resources and non-resource URLs",
        ),
        (
            f"{HEAD}rules: [{{level: None, resources: [{{group: apps/v1}}]}}]",
            "rules[0].resources[0].group: Invalid value",
        ),
        (
            f"{HEAD}rules: [{{level: None, resources: [{{group: apps, resourceNames: [a]}}]}}]",
            "using resourceNames requires at least one resource",
        ),
    ],
)
def test_mistakes_in_a_policy_are_named(text: str, message: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parse(text.encode())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "target", "matched"),
    [
        ("{level: Request}", "/healthz", True),
        ("{level: Request, users: [alice]}", "/healthz", True),
        ("{level: Request, users: [bob]}", "/healthz", False),
        ("{level: Request, userGroups: [dev, ops]}", "/healthz", True),
        ("{level: Request, verbs: [list]}", "/api/v1/namespaces/a/pods", True),
        ("{level: Request, verbs: [get]}", "/api/v1/namespaces/a/pods", False),
        ("{level: Request, namespaces: [a]}", "/api/v1/namespaces/a/pods", True),
        ("{level: Request, namespaces: [b]}", "/api/v1/namespaces/a/pods", False),
        ("{level: Request, namespaces: ['']}", "/api/v1/nodes", True),
        ("{level: Request, namespaces: [a]}", "/healthz", False),
        ("{level: Request, resources: [{group: ''}]}", "/api/v1/nodes", True),
        ("{level: Request, resources: [{group: apps}]}", "/api/v1/nodes", False),
        ("{level: Request, resources: [{resources: [pods]}]}", "/api/v1/namespaces/a/pods/x", True),
        ("{level: Request, resources: [{resources: [pods]}]}", "/api/v1/namespaces/a/pods/x/log", False),
        ("{level: Request, resources: [{resources: [pods/log]}]}", "/api/v1/namespaces/a/pods/x/log", True),
        ("{level: Request, resources: [{resources: ['pods/*']}]}", "/api/v1/namespaces/a/pods/x/log", True),
        ("{level: Request, resources: [{resources: ['*/log']}]}", "/api/v1/namespaces/a/pods/x/log", True),
        (
            "{level: Request, resources: [{resources: [pods], resourceNames: [x]}]}",
            "/api/v1/namespaces/a/pods/x",
            True,
        ),
        (
            "{level: Request, resources: [{resources: [pods], resourceNames: [y]}]}",
            "/api/v1/namespaces/a/pods/x",
            False,
        ),
        ("{level: Request, nonResourceURLs: ['/health*']}", "/healthz", True),
        ("{level: Request, nonResourceURLs: ['*']}", "/healthz", True),
        ("{level: Request, nonResourceURLs: [/version]}", "/healthz", False),
        ("{level: Request, nonResourceURLs: ['*']}", "/api/v1/nodes", False),
    ],
)
def test_rules(rule: str, target: str, matched: bool) -> None:
    found = policy(f"- {rule}").treatment(ALICE, request_info("GET", target, {}))
    assert (found.level == "Request") is matched


def test_the_first_rule_decides_and_adds_to_what_is_omitted() -> None:
    found = policy(
        "- {level: Metadata, users: [alice], omitStages: [Panic], omitManagedFields: false}\n- {level: Request}",
        "omitStages: [RequestReceived]\nomitManagedFields: true\n",
    )
    first = found.treatment(ALICE, request_info("GET", "/version", {}))
    assert (first.level, first.omit_stages, first.omit_managed_fields) == (
        "Metadata",
        {"Panic", "RequestReceived"},
        False,
    )
    second = found.treatment(ADMIN, request_info("GET", "/version", {}))
    assert (second.level, second.omit_managed_fields) == ("Request", True)


# ---- lines


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def body(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


def config(path: Path, rules: str, more: str = "") -> dict[str, Any]:
    return {"audit": AuditConfig(policy(rules, more), LogPlace(str(path)))}


async def send(server: ApiServer, method: str, target: str, tree: Any = None, **headers: str) -> Response:
    pairs = [("accept", "application/json"), ("content-type", "application/json"), ("x-test-user", "admin")]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    data = b"" if tree is None else json.dumps(tree).encode()
    response = await server.handler(Request(method, target, Headers(pairs), data, remote="10.0.0.9"))
    assert isinstance(response, Response)
    return response


CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
RULES = "- {level: RequestResponse, resources: [{resources: [configmaps]}], users: [admin, alice, bob]}"


def test_lines_of_a_write(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"

    async def main() -> None:
        more = "omitManagedFields: true\n"
        async with serving(Env.real(), users=(ALICE,), **config(path, RULES, more)) as server:
            made = await send(
                server,
                "POST",
                f"{CONFIGMAPS}?fieldManager=me",
                body("one"),
                user_agent="test/1",
                audit_id="my-id",
            )
            assert made.status == 201
            assert dict(made.headers)["Audit-Id"] == "my-id"
            received, complete = lines(path)
            assert [received["stage"], complete["stage"]] == ["RequestReceived", "ResponseComplete"]
            assert received["auditID"] == complete["auditID"] == "my-id"
            assert list(complete) == [
                "kind",
                "apiVersion",
                "level",
                "auditID",
                "stage",
                "requestURI",
                "verb",
                "user",
                "sourceIPs",
                "userAgent",
                "objectRef",
                "responseStatus",
                "requestObject",
                "responseObject",
                "requestReceivedTimestamp",
                "stageTimestamp",
                "annotations",
            ]
            assert complete["requestURI"] == f"{CONFIGMAPS}?fieldManager=me"
            assert complete["user"] == {"username": "admin", "groups": ["system:masters"]}
            assert (complete["sourceIPs"], complete["userAgent"]) == (["10.0.0.9"], "test/1")
            assert complete["objectRef"] == {
                "resource": "configmaps",
                "namespace": "default",
                "name": "one",
                "apiVersion": "v1",
            }
            assert complete["responseStatus"] == {"metadata": {}, "code": 201}
            assert complete["requestObject"]["data"] == {"a": "b"}
            assert complete["responseObject"]["metadata"]["uid"]
            assert "managedFields" not in complete["responseObject"]["metadata"]
            assert complete["annotations"]["authorization.k8s.io/decision"] == "allow"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", complete["stageTimestamp"])

    asyncio.run(main())


def test_lines_of_refusals_impersonation_and_watches(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"

    async def main() -> None:
        async with serving(Env.real(), users=(ALICE,), **config(path, RULES)) as server:
            missing = await send(server, "GET", f"{CONFIGMAPS}/none")
            assert missing.status == 404
            line = lines(path)[-1]
            assert line["responseStatus"]["reason"] == "NotFound"
            assert line["responseStatus"]["details"] == {"name": "none", "kind": "configmaps"}
            assert line["responseObject"]["kind"] == "Status"
            assert re.fullmatch(
                r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", line["auditID"]
            )
            assert dict(missing.headers)["Audit-Id"] == line["auditID"]
            refused = await send(server, "GET", CONFIGMAPS, impersonate_user="bob")
            assert refused.status == 403
            line = lines(path)[-1]
            assert line["user"]["username"] == "admin"
            assert line["impersonatedUser"]["username"] == "bob"
            assert line["annotations"]["authorization.k8s.io/decision"] == "forbid"
            watched = await send(server, "GET", f"{CONFIGMAPS}?watch=true&timeoutSeconds=1")
            assert lines(path)[-1]["stage"] == "ResponseStarted"
            await watched.body.aclose()
            assert lines(path)[-1]["stage"] == "ResponseComplete"
            gone = await send(server, "DELETE", f"{CONFIGMAPS}/kube-root-ca.crt")
            assert gone.status == 404

    asyncio.run(main())


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_levels_and_stages(way: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    rules = (
        "- {level: None, verbs: [list]}\n"
        "- {level: Metadata, verbs: [get], users: [admin]}\n"
        "- {level: Request, users: [admin], resources: [{resources: [configmaps]}]}"
    )

    async def main() -> None:
        settings = config(path, rules, "omitStages: [RequestReceived]\n")
        async with serving(Env.real(), **settings) as server:
            client = transport_of(way, server)
            await client.call(Call("list", kinds.CONFIGMAP, "default"))
            assert lines(path) == []
            await client.call(Call("create", kinds.CONFIGMAP, "default", body=body("one")))
            [line] = lines(path)
            assert (line["level"], line["stage"]) == ("Request", "ResponseComplete")
            assert line["requestObject"]["data"] == {"a": "b"}
            assert "responseObject" not in line
            assert line["requestURI"] == CONFIGMAPS
            await client.call(Call("get", kinds.CONFIGMAP, "default", "one"))
            line = lines(path)[-1]
            assert line["level"] == "Metadata"
            assert not {"requestObject", "responseObject"} & line.keys()
            patch = {"data": {"c": "d"}}
            await client.call(
                Call("patch", kinds.CONFIGMAP, "default", "one", body=patch, patch_type="merge")
            )
            assert lines(path)[-1]["requestObject"] == patch
            await client.call(Call("delete", kinds.CONFIGMAP, "default", "one"))
            assert lines(path)[-1]["responseStatus"]["status"] == "Success"
            with pytest.raises(NotFound):
                await client.call(Call("get", kinds.CONFIGMAP, "default", "one"))

    asyncio.run(main())


def test_without_a_policy_there_is_an_id_and_no_log() -> None:
    async def main() -> None:
        async with serving(Env.real()) as server:
            assert server.services.auditor is None
            first, second = await send(server, "GET", "/version"), await send(server, "GET", "/version")
            assert dict(first.headers)["Audit-Id"] != dict(second.headers)["Audit-Id"]
            assert json.loads(await body_of(first))["major"] == "1"

    asyncio.run(main())


# ---- the file


def test_a_full_file_is_put_aside(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    path = tmp_path / "logs" / "audit.log"
    file = LogFile(LogPlace(str(path), max_backups=2, max_size=1), lambda: now[0])
    line = b"x" * (1 << 19) + b"\n"
    for _ in range(5):
        file.write(line)
        now[0] += 60
    file.close()
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == ["audit-2023-11-14T22-16-20.000.log", "audit-2023-11-14T22-17-20.000.log", "audit.log"]
    assert path.stat().st_size == len(line)


def test_old_files_go_by_age_and_number() -> None:
    day = 86_400.0
    backups = {"a": 1 * day, "b": 5 * day, "c": 9 * day}
    assert expired(backups, 10 * day, LogPlace("p")) == []
    assert expired(backups, 10 * day, LogPlace("p", max_backups=2)) == ["a"]
    assert expired(backups, 10 * day, LogPlace("p", max_age=3)) == ["b", "a"]
    assert expired(backups, 10 * day, LogPlace("p", max_age=3, max_backups=1)) == ["b", "a"]


def test_flags_name_what_is_wrong(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    auditflags.configure(parser)

    def told(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            auditflags.audit_of(parser.parse_args(arguments), "pyber up")
        return str(caught.value)

    file = tmp_path / "policy.yaml"
    assert auditflags.audit_of(parser.parse_args([]), "pyber up") is None
    assert told("--audit-log-path=x") == (
        "pyber up: --audit-log-path needs --audit-policy-file, which says what is logged"
    )
    assert "failed to read file path" in told("--audit-log-path=x", f"--audit-policy-file={file}")
    file.write_text(f"{HEAD}rules: [{{}}]")
    assert told("--audit-log-path=x", f"--audit-policy-file={file}") == (
        f"pyber up: --audit-policy-file {file}: rules[0].level: Required value"
    )
    file.write_text(f"{HEAD}rules: [{{level: Metadata}}]")
    made = auditflags.audit_of(
        parser.parse_args(["--audit-log-path=x", f"--audit-policy-file={file}", "--audit-log-maxage=3"]),
        "pyber up",
    )
    assert made is not None
    assert made.place == LogPlace("x", 3, 0, 100)

"""Conversion webhooks, aggregated API servers, priority and fairness, and the audit log, through real kubectl."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.httpspeer import Answer, Asked, Certificate, Peer, as_json, self_signed
from tests.pyberup import Kubectl, PyberUp, eventually, free_port, pyber_up

pytestmark = pytest.mark.peer

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-scheduler"]
- level: Request
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
"""
GROUP = "conv.example.com"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyberUp]:
    """A cluster of its own, with an audit log."""
    folder = tmp_path_factory.mktemp("extensions")
    (folder / "policy.yaml").write_text(POLICY)
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    log = ("--audit-policy-file", str(folder / "policy.yaml"), "--audit-log-path", str(folder / "audit.log"))
    with pyber_up(
        folder / "state", "--node", "hollow", "--bind-address", "127.0.0.1", *ports, *log
    ) as running:
        yield running


@pytest.fixture
def kubectl(audited: PyberUp) -> Kubectl:
    return audited.kubectl


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return self_signed("metrics-server.kube-system.svc", "convert.default.svc")


def external(name: str, namespace: str) -> str:
    spec = {"type": "ExternalName", "externalName": "localhost"}
    metadata = {"name": name, "namespace": namespace}
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


# ---- conversion


def convert(asked: Asked) -> Answer:
    """v1 has spec.cpu "2", v2 spec.resources.cpu 2."""
    request = asked.json()["request"]
    desired, objects = request["desiredAPIVersion"], []
    for tree in request["objects"]:
        if desired.endswith("/v2"):
            spec: Any = {"resources": {"cpu": int(tree["spec"]["cpu"])}}
        else:
            spec = {"cpu": str(tree["spec"]["resources"]["cpu"])}
        objects.append({**tree, "apiVersion": desired, "spec": spec})
    response = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
    return as_json(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}
    )


def machines(port: int, certificate: Certificate) -> str:
    def version(name: str, properties: Any, path: str) -> Any:
        spec = {"type": "object", "properties": properties}
        columns = [{"name": "CPU", "type": "string", "jsonPath": path}]
        return {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
            "additionalPrinterColumns": columns,
        }

    resources = {"type": "object", "properties": {"cpu": {"type": "integer"}}}
    service = {"namespace": "default", "name": "convert", "path": "/convert", "port": port}
    return json.dumps(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"machines.{GROUP}"},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"kind": "Machine", "plural": "machines"},
                "versions": [
                    version("v1", {"cpu": {"type": "string"}}, ".spec.cpu"),
                    version("v2", {"resources": resources}, ".spec.resources.cpu"),
                ],
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {
                        "clientConfig": {"service": service, "caBundle": certificate.bundle},
                        "conversionReviewVersions": ["v1"],
                    },
                },
            },
        }
    )


def machine(name: str, cpu: int, version: str = "v2") -> str:
    spec: Any = {"resources": {"cpu": cpu}} if version == "v2" else {"cpu": str(cpu)}
    tree = {"apiVersion": f"{GROUP}/{version}", "kind": "Machine", "metadata": {"name": name}, "spec": spec}
    return json.dumps(tree)


def test_versions_are_converted_by_a_webhook(kubectl: Kubectl, certificate: Certificate) -> None:
    with Peer(convert, certificate) as peer:
        kubectl("create", "-f", "-", stdin=external("convert", "default"))
        kubectl("create", "-f", "-", stdin=machines(peer.port, certificate))
        kubectl("wait", "--for=condition=Established", f"crd/machines.{GROUP}", "--timeout=20s")
        eventually("v2 is discovered", lambda: "v2" in kubectl("api-versions"))
        kubectl("apply", "-f", "-", stdin=machine("a", 2))
        kubectl("create", "-f", "-", stdin=machine("b", 4, "v1"))
        first = kubectl.json("get", f"machines.v1.{GROUP}", "a")
        assert first["spec"] == {"cpu": "2"}
        shown = kubectl("get", f"machines.v2.{GROUP}").splitlines()
        assert [line.split() for line in shown] == [["NAME", "CPU"], ["a", "2"], ["b", "4"]]
        kubectl("apply", "-f", "-", stdin=machine("a", 3))
        assert kubectl.json("get", f"machines.v1.{GROUP}", "a")["spec"] == {"cpu": "3"}
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=machine("a", 5))
        assert kubectl.json("get", f"machines.v2.{GROUP}", "a")["spec"] == {"resources": {"cpu": 5}}
        with kubectl.running(
            "get", f"machines.v2.{GROUP}", "b", "-w", "-o", "jsonpath={.spec.resources.cpu} "
        ) as out:
            assert out.read(2) == "4 "
            patch = '{"spec":{"cpu":"8"}}'
            kubectl("patch", f"machines.v1.{GROUP}", "b", "--type=merge", "-p", patch)
            assert out.read(2) == "8 "
    refused = kubectl.run(
        "patch", f"machines.v2.{GROUP}", "b", "--type=merge", "-p", '{"spec":{"resources":{"cpu":9}}}'
    )
    assert f"conversion webhook for {GROUP}/v1, Kind=Machine failed: Post" in refused.stderr
    kubectl("delete", "crd", f"machines.{GROUP}", "--timeout=20s")


# ---- aggregation


def metrics(asked: Asked) -> Answer:
    """A small metrics-server, which lets in whom the front proxy names."""
    path = asked.path.partition("?")[0]
    root = "/apis/metrics.k8s.io/v1beta1"
    if asked.certificate is None or not asked.headers.get("x-remote-user"):
        return Answer(401)
    usage = {"cpu": "250m", "memory": "128Mi"}
    version = {"apiVersion": "metrics.k8s.io/v1beta1"}
    row = {"timestamp": "2026-01-01T00:00:00Z", "window": "30s"}
    if path == root:
        verbs = ["get", "list"]
        resources = [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": verbs},
        ]
        listed = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1"}
        return as_json({**listed, "resources": resources})
    if path == f"{root}/nodes":
        item = {"metadata": {"name": "node1"}, **row, "usage": usage}
        return as_json({**version, "kind": "NodeMetricsList", "metadata": {}, "items": [item]})
    if path == f"{root}/namespaces/default/pods":
        containers = [{"name": "c", "usage": usage}]
        item = {"metadata": {"name": "web", "namespace": "default"}, **row, "containers": containers}
        return as_json({**version, "kind": "PodMetricsList", "metadata": {}, "items": [item]})
    return as_json({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)


def test_kubectl_top_asks_an_aggregated_server(
    audited: PyberUp, kubectl: Kubectl, certificate: Certificate
) -> None:
    ca = (audited.state / "pki" / "front-proxy-ca.crt").read_text()
    with Peer(metrics, certificate, ca) as peer:
        kubectl("create", "-f", "-", stdin=external("metrics-server", "kube-system"))
        reference = {"namespace": "kube-system", "name": "metrics-server", "port": peer.port}
        spec = {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "service": reference,
            "caBundle": certificate.bundle,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": spec}
        name = "v1beta1.metrics.k8s.io"
        kubectl("create", "-f", "-", stdin=json.dumps({**body, "metadata": {"name": name}}))
        kubectl("wait", "--for=condition=Available", f"apiservice/{name}", "--timeout=20s")
        shown = kubectl("get", "apiservice", name).splitlines()[1].split()
        assert shown[:3] == [name, "kube-system/metrics-server", "True"]
        assert "NodeMetrics" in kubectl("api-resources", "--api-group=metrics.k8s.io")
        top = [line.split() for line in kubectl("top", "node").splitlines()]
        assert top[0] == ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
        assert (top[1][0], top[1][1], top[1][3]) == ("node1", "250m", "128Mi")
        assert kubectl("top", "pod", "-n", "default").splitlines()[1].split() == ["web", "250m", "128Mi"]
        users = {asked.headers["x-remote-user"] for asked in peer.asked}
        assert users >= {"kubernetes-admin", "system:kube-aggregator"}
        denied = kubectl.run("get", "nodes.metrics.k8s.io", "--as", "eve")
        assert 'User "eve" cannot list resource "nodes" in API group "metrics.k8s.io"' in denied.stderr
        info = kubectl.json("get", "configmap", "-n", "kube-system", "extension-apiserver-authentication")
        assert info["data"]["requestheader-client-ca-file"] == ca
    kubectl("patch", "apiservice", name, "--type=merge", "-p", '{"spec":{"service":{"name":"gone"}}}')
    kubectl("wait", "--for=condition=Available=False", f"apiservice/{name}", "--timeout=20s")
    away = kubectl.run("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")
    assert "the server is currently unable to handle the request" in away.stderr
    assert "False (ServiceNotFound)" in kubectl("get", "apiservice", name)
    kubectl("delete", "apiservice", name)


def test_a_front_proxy_speaks_for_others(audited: PyberUp, kubectl: Kubectl) -> None:
    pki = audited.state / "pki"
    server = kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")

    def who(certificate: str, headers: dict[str, str]) -> Any:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
        connection = http.client.HTTPSConnection(server.removeprefix("https://"), context=context, timeout=20)
        try:
            path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            connection.request("POST", path, b"{}", {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            tree = json.loads(answer.read())
            return tree["status"].get("userInfo") if answer.status == 201 else answer.status
        finally:
            connection.close()

    headers = {"X-Remote-User": "bob", "X-Remote-Group": "crew", "X-Remote-Extra-Scope": "all"}
    assert who("front-proxy-client", headers) == {
        "username": "bob",
        "groups": ["crew", "system:authenticated"],
        "extra": {"scope": ["all"]},
    }
    assert who("admin", headers)["username"] == "kubernetes-admin"
    assert who("front-proxy-client", {}) == 403


# ---- priority and fairness, audit


def test_answers_name_the_flow_that_a_request_belongs_to(kubectl: Kubectl) -> None:
    level = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "closed"},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 0,
                "borrowingLimitPercent": 0,
                "limitResponse": {
                    "type": "Queue",
                    "queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": 1},
                },
            },
        },
    }
    rules = [
        {
            "subjects": [{"kind": "User", "user": {"name": "flooder"}}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "resourceRules": [
                {
                    "verbs": ["*"],
                    "apiGroups": ["*"],
                    "resources": ["*"],
                    "clusterScope": True,
                    "namespaces": ["*"],
                }
            ],
        }
    ]
    schema = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "closed"},
        "spec": {"priorityLevelConfiguration": {"name": "closed"}, "matchingPrecedence": 5, "rules": rules},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(level))
    kubectl("create", "-f", "-", stdin=json.dumps(schema))
    assert "closed" in kubectl("get", "flowschema", "closed")
    assert "False" in kubectl("get", "flowschemas", "closed", "-o", "jsonpath={.status.conditions[0].status}")
    uid = kubectl("get", "flowschema", "closed", "-o", "jsonpath={.metadata.uid}")
    done = kubectl.run("get", "--raw", "/version", "--as", "flooder", "-v=8")
    assert f"X-Kubernetes-Pf-Flowschema-Uid: {uid}".lower() in done.stderr.lower()
    assert "audit-id: " in done.stderr.lower()
    text = kubectl("get", "--raw", "/metrics")
    counted = 'apiserver_flowcontrol_dispatched_requests_total{flow_schema="closed",priority_level="closed"}'
    [line] = [line for line in text.splitlines() if line.startswith(counted)]
    assert int(line.split()[-1]) >= 1
    kubectl("delete", "flowschema/closed", "prioritylevelconfiguration/closed")


def test_the_audit_log_tells_who_did_what(audited: PyberUp, kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "noted", "--from-literal=a=b")
    refused = kubectl.run("get", "configmaps", "--as", "eve")
    assert refused.returncode == 1
    path: Path = audited.state.parent / "audit.log"

    def events() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]

    mine = [e for e in events() if e["verb"] == "create" and e.get("objectRef", {}).get("name") == "noted"]
    assert [event["stage"] for event in mine] == ["ResponseComplete"]
    [event] = mine
    assert (event["level"], event["user"]["username"]) == ("Request", "kubernetes-admin")
    assert event["requestObject"]["data"] == {"a": "b"}
    assert event["responseStatus"]["code"] == 201
    assert event["userAgent"].startswith("kubectl/")
    assert event["sourceIPs"] == ["127.0.0.1"]
    [denied] = [
        e for e in events() if e.get("impersonatedUser", {}).get("username") == "eve" and e["verb"] == "list"
    ][-1:]
    assert denied["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert denied["responseStatus"]["code"] == 403
    assert not [e for e in events() if e["user"].get("username") == "system:kube-scheduler"]
    assert [e for e in events() if e["user"].get("username") == "system:kube-controller-manager"]


def test_a_bad_policy_is_named(tmp_path: Path) -> None:
    import subprocess

    from tests.pyberup import BIN

    (tmp_path / "policy.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Some}]\n"
    )
    for command in ("up", "kube-apiserver"):
        done = subprocess.run(
            [
                str(BIN / "pyber"),
                command,
                f"--audit-policy-file={tmp_path / 'policy.yaml'}",
                "--audit-log-path=-",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert (
            f"pyber {command}: --audit-policy-file {tmp_path / 'policy.yaml'}: rules[0].level: "
            in done.stderr
        )

"""Server-side apply with real kubectl: as a user meets it, with conflicts, forced, from client-side apply, and as a diff."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pyberup import Kubectl

pytestmark = pytest.mark.peer

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: docker.io/nginx:latest
        ports:
        - containerPort: 80
"""


def deployment(replicas: int) -> str:
    return DEPLOYMENT.replace("REPLICAS", str(replicas))


def owners(kubectl: Kubectl, namespace: str, *what: str) -> dict[tuple[str, str, str], Any]:
    tree = kubectl.json("get", "-n", namespace, *what, "--show-managed-fields")
    entries = tree["metadata"].get("managedFields", ())
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in entries}


def test_apply_create_change_and_nothing_to_do(kubectl: Kubectl, namespace: str) -> None:
    apply = ("apply", "--server-side", "-n", namespace, "-f", "-")
    assert kubectl(*apply, stdin=deployment(1)) == "deployment.apps/web serverside-applied\n"
    version = ("get", "-n", namespace, "configmap", "a", "-o", "jsonpath={.metadata.resourceVersion}")
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v, l: v}\n"
    kubectl(*apply, stdin=config)
    before = kubectl(*version)
    kubectl(*apply, stdin=config)
    assert kubectl(*version) == before
    kubectl(*apply, stdin=config.replace(", l: v", ""))
    assert kubectl.json("get", "-n", namespace, "configmap", "a")["data"] == {"k": "v"}
    found = owners(kubectl, namespace, "deployment", "web")
    assert found["kubectl", "Apply", ""]["f:spec"]["f:template"]["f:spec"]["f:containers"] == {
        'k:{"name":"main"}': {
            ".": {},
            "f:image": {},
            "f:name": {},
            "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
        }
    }
    hidden = kubectl("get", "-n", namespace, "deployment", "web", "-o", "yaml")
    assert "managedFields" not in hidden


def test_conflicts_are_shown_and_can_be_forced(kubectl: Kubectl, namespace: str) -> None:
    apply = ("apply", "--server-side", "-n", namespace, "-f", "-")
    kubectl(*apply, stdin=deployment(1))
    kubectl("scale", "-n", namespace, "deployment", "web", "--replicas=2")
    refused = kubectl.run(*apply, stdin=deployment(3))
    assert refused.returncode == 1
    assert (
        'error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: '
        ".spec.replicas" in refused.stderr
    )
    assert "--force-conflicts" in refused.stderr
    kubectl(*apply, "--force-conflicts", stdin=deployment(3))
    found = owners(kubectl, namespace, "deployment", "web")
    assert found["kubectl", "Apply", ""]["f:spec"]["f:replicas"] == {}
    assert ("kubectl", "Update", "scale") not in found
    other = kubectl.run(*apply, "--field-manager=other", stdin=deployment(4))
    assert 'conflict with "kubectl": .spec.replicas' in other.stderr


def test_unknown_fields_and_bad_managers_are_refused(kubectl: Kubectl, namespace: str) -> None:
    apply = ("apply", "--server-side", "-n", namespace, "-f", "-")
    wrong = kubectl.run(*apply, "--validate=false", stdin=deployment(1).replace("replicas", "replica"))
    assert "failed to create typed patch object" in wrong.stderr
    assert ".spec.replica: field not declared in schema" in wrong.stderr
    wrong = kubectl.run(*apply, f"--field-manager={'x' * 200}", stdin=deployment(1))
    assert "fieldManager: Too long" in wrong.stderr
    assert kubectl.json("get", "-n", namespace, "deployments")["items"] == []


def test_from_client_side_to_server_side(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=deployment(1))
    found = owners(kubectl, namespace, "deployment", "web")
    assert "f:replicas" in found["kubectl-client-side-apply", "Update", ""]["f:spec"]
    server = ("apply", "--server-side", "-n", namespace, "-f", "-")
    kubectl(*server, stdin=deployment(2))
    found = owners(kubectl, namespace, "deployment", "web")
    assert ("kubectl-client-side-apply", "Update", "") not in found
    assert "f:replicas" in found["kubectl", "Apply", ""]["f:spec"]
    without = deployment(2).replace("  replicas: 2\n", "")
    kubectl(*server, stdin=without)
    assert (
        "f:replicas" not in owners(kubectl, namespace, "deployment", "web")["kubectl", "Apply", ""]["f:spec"]
    )
    annotations = kubectl.json("get", "-n", namespace, "deployment", "web")["metadata"].get("annotations", {})
    last = annotations.get("kubectl.kubernetes.io/last-applied-configuration")
    assert last is None or "replicas" not in json.loads(last)["spec"]
    kubectl("apply", "-n", namespace, "-f", "-", stdin=deployment(3))
    assert kubectl.json("get", "-n", namespace, "deployment", "web")["spec"]["replicas"] == 3


def test_diff_and_dry_run_store_nothing(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=deployment(1))
    same = kubectl.run("diff", "--server-side", "-n", namespace, "-f", "-", stdin=deployment(1))
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    differs = kubectl.run("diff", "--server-side", "-n", namespace, "-f", "-", stdin=deployment(2))
    assert differs.returncode == 1
    assert "-  replicas: 1" in differs.stdout
    assert "+  replicas: 2" in differs.stdout
    said = kubectl(
        "apply", "--server-side", "--dry-run=server", "-n", namespace, "-f", "-", stdin=deployment(2)
    )
    assert said == "deployment.apps/web serverside-applied (server dry run)\n"
    assert kubectl.json("get", "-n", namespace, "deployment", "web")["spec"]["replicas"] == 1


def test_components_are_named_in_the_fields_they_write(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "deployment", "-n", namespace, "web", "--image=docker.io/nginx:latest")
    kubectl("wait", "-n", namespace, "deployment/web", "--for=condition=Available", "--timeout=30s")
    found = owners(kubectl, namespace, "deployment", "web")
    assert ("kubectl-create", "Update", "") in found
    assert ("kube-controller-manager", "Update", "status") in found
    pods = kubectl.json("get", "-n", namespace, "pods", "-l", "app=web", "--show-managed-fields")
    entries = pods["items"][0]["metadata"]["managedFields"]
    assert {(e["manager"], e.get("subresource", "")) for e in entries} == {
        ("kube-controller-manager", ""),
        ("kubelet", "status"),
    }
    assert all(entry["time"] and entry["fieldsType"] == "FieldsV1" for entry in entries)

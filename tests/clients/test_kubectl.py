"""kubectl's verbs one after the other, as a user types them, each with what it must leave behind."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually

pytestmark = pytest.mark.peer
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: m, labels: {team: a}}
data: {k: "1"}
"""


@pytest.fixture
def k(kubectl: Kubectl, namespace: str) -> Kubectl:
    """kubectl in a namespace of the test's own, with one ConfigMap applied."""
    kubectl("config", "set-context", "--current", f"--namespace={namespace}")
    kubectl("apply", "-f", "-", stdin=CONFIG)
    return kubectl


def data(k: Kubectl) -> object:
    return k.json("get", "configmap", "m")["data"]


def test_apply_again_changed_and_pruned(k: Kubectl) -> None:
    assert k("apply", "-f", "-", stdin=CONFIG) == "configmap/m unchanged\n"
    changed = CONFIG.replace('k: "1"', "j: x")
    assert k("diff", "-f", "-", stdin=CONFIG) == ""
    shown = k.run("diff", "-f", "-", stdin=changed)
    assert shown.returncode == 1
    assert "-  k:" in shown.stdout
    assert (
        k("apply", "--dry-run=server", "-f", "-", stdin=changed)
        == "configmap/m configured (server dry run)\n"
    )
    assert data(k) == {"k": "1"}
    assert k("apply", "-f", "-", stdin=changed) == "configmap/m configured\n"
    assert data(k) == {"j": "x"}, "k was applied before and is no longer"
    other = changed.replace("name: m", "name: other")
    pruned = k(
        "apply", "--prune", "-l", "team=a", "--prune-allowlist=core/v1/ConfigMap", "-f", "-", stdin=other
    )
    assert "configmap/m pruned" in pruned


def test_patches_of_every_type(k: Kubectl) -> None:
    k("patch", "cm", "m", "-p", '{"data":{"s":"2"}}')
    k("patch", "cm", "m", "--type=merge", "-p", '{"data":{"k":null}}')
    k("patch", "cm", "m", "--type=json", "-p", '[{"op":"add","path":"/data/j","value":"3"}]')
    assert data(k) == {"s": "2", "j": "3"}
    missing = k.run("patch", "cm", "m", "--type=json", "-p", '[{"op":"remove","path":"/data/none"}]')
    assert missing.returncode == 1
    assert "the server rejected our request due to an error in our request" in missing.stderr


def test_label_annotate_edit_and_replace(k: Kubectl, tmp_path: Path) -> None:
    k("label", "cm", "m", "x=y")
    refused = k.run("label", "cm", "m", "x=z")
    assert "already has a value (y), and --overwrite is false" in refused.stderr
    k("label", "cm", "m", "x=z", "--overwrite")
    k("annotate", "cm", "m", "note=hello")
    found = k.json("get", "cm", "m", "--show-managed-fields")["metadata"]
    assert (found["labels"], found["annotations"]["note"]) == ({"team": "a", "x": "z"}, "hello")
    managers = {entry["manager"] for entry in found["managedFields"]}
    assert managers == {"kubectl-client-side-apply", "kubectl-label", "kubectl-annotate"}
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/k: "1"/k: edited/\' "$1"\n')
    editor.chmod(0o755)
    k.environment["KUBE_EDITOR"] = str(editor)
    assert k("edit", "cm", "m") == "configmap/m edited\n"
    assert data(k) == {"k": "edited"}
    tree = k("get", "cm", "m", "-o", "yaml").replace("k: edited", "k: replaced")
    assert k("replace", "-f", "-", stdin=tree) == "configmap/m replaced\n"
    stale = k.run("replace", "-f", "-", stdin=tree)
    assert "the object has been modified; please apply your changes to the latest version" in stale.stderr
    assert k("replace", "--force", "-f", "-", stdin=CONFIG).splitlines() == [
        'configmap "m" deleted from '
        + k("config", "view", "--minify", "-o", "jsonpath={..namespace}")
        + " namespace",
        "configmap/m replaced",
    ]


def test_wait_sees_conditions_fields_and_ends(k: Kubectl) -> None:
    k("create", "deployment", "web", "--image=nginx")
    k("wait", "deployment/web", "--for=condition=Available", "--timeout=30s")
    k("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=30s")
    k("delete", "deployment", "web", "--wait=false")
    k("wait", "deployment/web", "--for=delete", "--timeout=30s")
    late = k.run("wait", "cm/m", "--for=jsonpath={.data.k}=9", "--timeout=1s")
    assert "timed out waiting for the condition" in late.stderr


def test_explain_knows_every_field(k: Kubectl) -> None:
    shown = k("explain", "cronjob.spec.jobTemplate.spec.podFailurePolicy.rules")
    assert "FIELD: rules <[]PodFailurePolicyRule>" in shown
    assert "maxUnavailable\t<IntOrString>" in k("explain", "daemonset.spec.updateStrategy.rollingUpdate")
    assert "restartPolicy\t<string>" in k("explain", "pod", "--recursive")


def test_rights_are_asked_given_and_used(k: Kubectl, namespace: str) -> None:
    assert k("auth", "can-i", "delete", "nodes") == "yes\n"
    k("create", "serviceaccount", "robot")
    k("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    k("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:robot")
    who = f"system:serviceaccount:{namespace}:robot"
    assert k("auth", "can-i", "get", "configmaps", "--as", who) == "yes\n"
    assert k.run("auth", "can-i", "delete", "configmaps", "--as", who).stdout == "no\n"
    assert "configmaps" in k("auth", "can-i", "--list", "--as", who)
    token = k("create", "token", "robot", "--duration=10m").strip()
    ask = [
        f"--token={token}",
        "--kubeconfig=/dev/null",
        f"--server={server(k)}",
        "--insecure-skip-tls-verify",
    ]
    assert who in k("auth", "whoami", *ask)
    assert k("get", "cm", "m", "-n", namespace, "-o", "name", *ask) == "configmap/m\n"
    denied = k.run("get", "secrets", "-n", namespace, *ask)
    assert f'User "{who}" cannot list resource "secrets" in API group "" in the namespace' in denied.stderr


def server(k: Kubectl) -> str:
    return k("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")


def test_a_certificate_is_asked_for_approved_and_used(k: Kubectl, namespace: str, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            str(key),
            "-subj",
            "/CN=jane/O=devs",
        ],
        check=True,
        capture_output=True,
    )
    request = f"""
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {namespace}-jane}}
spec:
  request: {base64.b64encode(made.stdout).decode()}
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
"""
    k("apply", "-f", "-", stdin=request)
    assert "Pending" in k("get", "csr", f"{namespace}-jane")
    k("certificate", "approve", f"{namespace}-jane")
    path = "jsonpath={.status.certificate}"
    signed = eventually("the signature", lambda: k("get", "csr", f"{namespace}-jane", "-o", path))
    certificate.write_bytes(base64.b64decode(signed))
    ask = [f"--client-certificate={certificate}", f"--client-key={key}", "--kubeconfig=/dev/null",
           f"--server={server(k)}", "--insecure-skip-tls-verify"]  # fmt: skip
    shown = k("auth", "whoami", *ask)
    assert "jane" in shown
    assert "devs" in shown


def test_a_drain_waits_for_the_budget(k: Kubectl) -> None:
    k("create", "deployment", "web", "--image=nginx", "--replicas=2")
    k("rollout", "status", "deployment/web", "--timeout=30s")
    k("create", "pdb", "web", "--selector=app=web", "--min-available=2")
    eventually("the budget", lambda: k.json("get", "pdb", "web").get("status", {}).get("currentHealthy") == 2)
    node = k("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    selected = ["--pod-selector=app=web", "--ignore-daemonsets", "--force"]
    refused = k.run("drain", node, *selected, "--timeout=3s")
    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused.stderr
    assert "SchedulingDisabled" in k("get", "node", node)
    k("delete", "pdb", "web")
    k("drain", node, *selected, "--timeout=30s")
    k("uncordon", node)
    k("rollout", "status", "deployment/web", "--timeout=30s")


def test_scale_rollouts_and_cascades(k: Kubectl) -> None:
    k("create", "deployment", "web", "--image=nginx:1", "--replicas=2")
    k("rollout", "status", "deployment/web", "--timeout=30s")
    wrong = k.run("scale", "deployment/web", "--replicas=3", "--current-replicas=5")
    assert "Expected replicas to be 5, was 2" in wrong.stderr
    k("set", "image", "deployment/web", "*=nginx:2")
    k("rollout", "status", "deployment/web", "--timeout=30s")
    k("rollout", "undo", "deployment/web")
    k("rollout", "status", "deployment/web", "--timeout=30s")
    assert k("get", "deployment", "web", "-o", "jsonpath={..image}") == "nginx:1"
    k("delete", "deployment", "web", "--cascade=orphan")
    assert len(k("get", "rs", "-o", "name").splitlines()) == 2
    k("delete", "rs", "--all", "--cascade=foreground", "--timeout=30s")
    assert k("get", "pods", "-o", "name") == ""


def test_ways_of_getting(k: Kubectl) -> None:
    for number in (3, 1, 2):
        k("create", "configmap", f"s{number}", f"--from-literal=n={number}")
    k("label", "cm", "s1", "s2", "odd=maybe")
    assert k("get", "cm", "-l", "odd in (maybe)", "-o", "name").split() == ["configmap/s1", "configmap/s2"]
    assert k("get", "cm", "-l", "!odd,team", "-o", "name").split() == ["configmap/m"]
    assert k("get", "cm", "--field-selector=metadata.name=s3", "-o", "name") == "configmap/s3\n"
    sort = k("get", "cm", "-l", "!team", "--sort-by={.data.n}", "-o", "jsonpath={.items[*].data.n}")
    assert sort.split() == ["1", "2", "3"]
    columns = k("get", "cm", "s1", "-o", "custom-columns=N:.metadata.name,V:.data.n").split()
    assert columns == ["N", "V", "s1", "1"]
    assert k("get", "cm", "s1", "-o", "go-template={{.data.n}}") == "1"
    assert len(k("get", "cm", "--chunk-size=2", "-o", "name").split()) == 5
    assert '"major":"1"' in k("get", "--raw", "/version").replace(" ", "").replace("\n", "")
    assert k("delete", "cm", "-l", "odd", "-o", "name").split() == ["configmap/s1", "configmap/s2"]

"""Bad input through real kubectl: the messages a user sees are upstream's, and nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pyberup import Kubectl

MANIFEST = (Path(__file__).parents[1] / "manifests" / "nginx.yaml").read_text()

pytestmark = pytest.mark.peer

CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "unknown field": (
        MANIFEST.replace("replicas: 1", "replicas: 1\n  replica: 2"),
        ("strict decoding error", 'unknown field "spec.replica"'),
    ),
    "wrong type": (
        MANIFEST.replace("replicas: 1", "replicas: many"),
        ('Deployment in version "v1" cannot be handled as a Deployment', "cannot unmarshal string"),
    ),
    "selector does not match": (
        MANIFEST.replace("matchLabels:\n      app: nginx", "matchLabels:\n      app: other"),
        (
            'The Deployment "nginx" is invalid: spec.template.metadata.labels: Invalid value: ',
            "`selector` does not match",
        ),
    ),
    "missing image and name": (
        MANIFEST.replace('        image: "docker.io/nginx:latest"\n', ""),
        ('The Deployment "nginx" is invalid: spec.template.spec.containers[0].image: Required value',),
    ),
    "bad name": (
        MANIFEST.replace("  name: nginx\n", "  name: Nginx_1\n", 1),
        (
            'The Deployment "Nginx_1" is invalid: metadata.name: Invalid value: "Nginx_1": a lowercase RFC 1123 subdomain',
        ),
    ),
    "bad label": (
        MANIFEST.replace("    app: nginx\nspec", '    app: "not valid!"\nspec'),
        ('metadata.labels: Invalid value: "not valid!"',),
    ),
    "negative replicas": (
        MANIFEST.replace("replicas: 1", "replicas: -1"),
        ("spec.replicas: Invalid value: -1: must be greater than or equal to 0",),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_as_upstream(kubectl: Kubectl, namespace: str, case: str) -> None:
    manifest, expected = CASES[case]
    done = kubectl.run("create", "-n", namespace, "-f", "-", stdin=manifest)
    assert done.returncode == 1
    for part in expected:
        assert part in done.stderr
    assert kubectl.json("get", "-n", namespace, "deployments")["items"] == []


def test_unknown_kinds_and_resources(kubectl: Kubectl, namespace: str) -> None:
    manifest = MANIFEST.replace("kind: Deployment", "kind: Deploymint")
    for command in (("create",), ("apply",), ("apply", "--validate=true"), ("create", "--validate=false")):
        refused = kubectl.run(*command, "-n", namespace, "-f", "-", stdin=manifest)
        assert refused.returncode == 1
        assert refused.stderr == (
            'error: resource mapping not found for name: "nginx" namespace: "" from "STDIN": '
            'no matches for kind "Deploymint" in version "apps/v1"\nensure CRDs are installed first\n'
        )
    unknown_group = MANIFEST.replace("apps/v1", "example.com/v1")
    refused = kubectl.run("create", "-n", namespace, "-f", "-", stdin=unknown_group)
    assert 'no matches for kind "Deployment" in version "example.com/v1"' in refused.stderr
    listed = kubectl.run("get", "deploymints")
    assert 'error: the server doesn\'t have a resource type "deploymints"' in listed.stderr
    raw = kubectl.run(
        "create", "--raw", "/apis/apps/v1/namespaces/default/deploymints", "-f", "-", stdin="{}"
    )
    assert "the server could not find the requested resource" in raw.stderr


def test_validation_can_warn_or_be_ignored(kubectl: Kubectl, namespace: str) -> None:
    manifest = MANIFEST.replace("replicas: 1", "replicas: 1\n  replica: 2")
    warned = kubectl.run("create", "-n", namespace, "-f", "-", "--validate=warn", stdin=manifest)
    assert warned.returncode == 0
    assert 'Warning: unknown field "spec.replica"' in warned.stderr
    kubectl("delete", "-n", namespace, "deployment", "nginx")
    ignored = kubectl.run("create", "-n", namespace, "-f", "-", "--validate=ignore", stdin=manifest)
    assert (ignored.returncode, ignored.stderr) == (0, "")


def test_conflict_and_immutable_fields(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", "-", stdin=MANIFEST)
    again = kubectl.run("create", "-n", namespace, "-f", "-", stdin=MANIFEST)
    assert (
        'Error from server (AlreadyExists): error when creating "STDIN": deployments.apps "nginx" already exists'
        in again.stderr
    )
    stale = MANIFEST.replace("  name: nginx\n", '  name: nginx\n  resourceVersion: "1"\n', 1)
    refused = kubectl.run("replace", "-n", namespace, "-f", "-", stdin=stale)
    assert (
        'Operation cannot be fulfilled on deployments.apps "nginx": the object has been modified'
        in refused.stderr
    )
    moved = MANIFEST.replace("app: nginx", "app: other")
    changed = kubectl.run("apply", "-n", namespace, "-f", "-", stdin=moved)
    assert "spec.selector: Invalid value" in changed.stderr
    assert "field is immutable" in changed.stderr

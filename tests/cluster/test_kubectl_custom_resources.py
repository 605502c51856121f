"""Custom resources through real kubectl: defined, explained, created, shown, changed, refused, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually

DEFINITION = (Path(__file__).parents[1] / "manifests" / "crontab-crd.yaml").read_text()
NAME = "crontabs.stable.example.com"
CRONTAB = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata:
  name: nightly
spec:
  cronSpec: "0 3 * * */5"
  image: cron:1
"""

pytestmark = pytest.mark.peer


@pytest.fixture
def defined(kubectl: Kubectl) -> Iterator[Kubectl]:
    """CronTabs, established; the definition is gone afterwards."""
    assert kubectl("apply", "-f", "-", stdin=DEFINITION).startswith("customresourcedefinition")
    kubectl("wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=20s")
    yield kubectl
    kubectl("delete", "crd", NAME, "--ignore-not-found")


def test_a_custom_resource_is_used_like_any_other(defined: Kubectl, namespace: str) -> None:
    kubectl, here = defined, ("-n", namespace)
    explained = kubectl("explain", "crontab.spec")
    assert "The schedule in cron's words." in explained
    assert "enum: Fast, Slow" in explained
    assert "crontabs   ct " in kubectl("api-resources", "--api-group=stable.example.com")
    assert (
        kubectl("create", *here, "-f", "-", stdin=CRONTAB) == "crontab.stable.example.com/nightly created\n"
    )
    shown = kubectl("get", "ct", *here).splitlines()
    assert shown[0].split() == ["NAME", "SPEC", "REPLICAS", "AGE"]
    assert shown[1].split()[:1] == ["nightly"]
    wide = kubectl("get", "crontab", "nightly", *here, "-o", "wide").splitlines()
    assert wide[0].split() == ["NAME", "SPEC", "REPLICAS", "IMAGE", "AGE"]
    assert "cron:1" in wide[1]
    assert "crontab.stable.example.com/nightly" in kubectl("get", "all", *here)
    kubectl("scale", "ct/nightly", "--replicas=3", *here)
    kubectl("patch", "ct", "nightly", *here, "--type=merge", "-p", '{"spec":{"mode":"Slow"}}')
    tree = kubectl.json("get", "ct", "nightly", *here)
    assert (tree["spec"]["replicas"], tree["spec"]["mode"], tree["metadata"]["generation"]) == (3, "Slow", 3)
    assert kubectl("get", "ct", *here, "--field-selector=spec.mode=Slow", "-o", "name").split() == [
        "crontab.stable.example.com/nightly"
    ]
    kubectl(
        "patch",
        "ct",
        "nightly",
        *here,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"replicas":2}}',
    )
    assert kubectl.json("get", "ct", "nightly", *here)["metadata"]["generation"] == 3
    kubectl("label", "ct", "nightly", *here, "tier=batch")
    described = kubectl("describe", "ct", "nightly", *here)
    assert "Cron Spec:  0 3 * * */5" in described
    assert kubectl("delete", "ct", "nightly", *here).startswith("crontab.stable.example.com")


def test_apply_both_ways(defined: Kubectl, namespace: str) -> None:
    kubectl, here = defined, ("-n", namespace)
    assert "created" in kubectl("apply", *here, "-f", "-", stdin=CRONTAB)
    assert "unchanged" in kubectl("apply", *here, "-f", "-", stdin=CRONTAB)
    assert "configured" in kubectl("apply", *here, "-f", "-", stdin=CRONTAB.replace("cron:1", "cron:2"))
    applied = CRONTAB.replace("nightly", "served")
    assert "serverside-applied" in kubectl("apply", "--server-side", *here, "-f", "-", stdin=applied)
    other = kubectl.run(
        "apply",
        "--server-side",
        "--field-manager=other",
        *here,
        "-f",
        "-",
        stdin=applied.replace("cron:1", "cron:9"),
    )
    assert 'conflict with "kubectl": .spec.image' in other.stderr
    assert "diff" in kubectl.run("diff", *here, "-f", "-", stdin=CRONTAB.replace("cron:1", "cron:3")).stdout


def test_what_the_schema_forbids(defined: Kubectl, namespace: str) -> None:
    kubectl, here = defined, ("-n", namespace)
    bad = CRONTAB.replace("image: cron:1", "replicas: many\n  mode: Odd")
    done = kubectl.run("create", *here, "-f", "-", stdin=bad)
    assert done.returncode == 1
    assert (
        'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'
        in (done.stderr)
    )
    assert 'spec.mode: Unsupported value: "Odd": supported values: "Fast", "Slow"' in done.stderr
    missing = kubectl.run("create", *here, "-f", "-", stdin=CRONTAB.replace('cronSpec: "0 3 * * */5"', ""))
    assert "spec.cronSpec: Required value" in missing.stderr
    unknown = kubectl.run("create", *here, "-f", "-", stdin=CRONTAB.replace("image:", "images:"))
    assert 'unknown field "spec.images"' in unknown.stderr
    warned = kubectl.run(
        "create", "--validate=warn", *here, "-f", "-", stdin=CRONTAB.replace("image:", "images:")
    )
    assert 'Warning: unknown field "spec.images"' in warned.stderr
    assert kubectl("get", "ct", *here, "-o", "name").split() == ["crontab.stable.example.com/nightly"]


def test_a_definition_is_refused_where_its_schema_is_not_structural(kubectl: Kubectl) -> None:
    done = kubectl.run(
        "create",
        "-f",
        "-",
        stdin=DEFINITION.replace(
            "                image:\n                  type: string", "                image: {}"
        ),
    )
    assert (
        "spec.validation.openAPIV3Schema.properties[spec].properties[image].type: Required value: "
        "must not be empty for specified object fields"
    ) in done.stderr


def test_the_definition_goes_with_its_instances(defined: Kubectl, namespace: str) -> None:
    kubectl, here = defined, ("-n", namespace)
    kubectl("create", *here, "-f", "-", stdin=CRONTAB)
    kubectl("delete", "crd", NAME, "--timeout=20s")
    groups = json.loads(kubectl("get", "--raw", "/apis"))["groups"]
    assert "stable.example.com" not in [group["name"] for group in groups]
    kubectl("apply", "-f", "-", stdin=DEFINITION)
    kubectl("wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=20s")
    assert kubectl.json("get", "ct", *here)["items"] == []


def test_a_namespace_goes_with_its_custom_resources(defined: Kubectl, namespace: str) -> None:
    kubectl = defined
    kubectl("create", "-n", namespace, "-f", "-", stdin=CRONTAB)
    kubectl("delete", "namespace", namespace, "--timeout=30s")
    eventually("no crontabs are left", lambda: not kubectl.json("get", "ct", "-A")["items"])


def test_what_a_custom_resource_owns_goes_with_it(defined: Kubectl, namespace: str) -> None:
    kubectl, here = defined, ("-n", namespace)
    kubectl("create", *here, "-f", "-", stdin=CRONTAB)
    uid = kubectl.json("get", "ct", "nightly", *here)["metadata"]["uid"]
    owner = {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "name": "nightly", "uid": uid}
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "owned", "ownerReferences": [owner]},
    }
    kubectl("create", *here, "-f", "-", stdin=json.dumps(owned))
    kubectl("delete", "ct", "nightly", *here)
    kubectl("wait", "--for=delete", "configmap/owned", *here, "--timeout=20s")

"""What users change with kubectl: apply, edit, patch, replace, label, annotate, set, scale, diff; and wait, explain."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.pyberup import Kubectl

pytestmark = pytest.mark.peer

CRD = Path(__file__).parents[1] / "manifests" / "crontab-crd.yaml"


def config_map(name: str, **data: str) -> str:
    tree = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"set": "x"}},
        "data": data,
    }
    return yaml.safe_dump(tree, explicit_start=True)


class Here:
    """kubectl in one namespace. A call gives standard output without its last newline."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl = kubectl
        self.namespace = namespace

    def __call__(self, verb: str, *arguments: str, stdin: str | None = None) -> str:
        return self.kubectl(verb, "-n", self.namespace, *arguments, stdin=stdin).rstrip("\n")

    def fails(self, verb: str, *arguments: str, stdin: str | None = None) -> str:
        """Standard error of a command that must end with 1."""
        done = self.kubectl.run(verb, "-n", self.namespace, *arguments, stdin=stdin)
        assert done.returncode == 1, done.stdout
        return done.stderr.rstrip("\n")

    def field(self, what: str, path: str) -> str:
        return self("get", what, "-o", f"jsonpath={{{path}}}")

    def edits(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`kubectl edit` where the editor is a sed script."""
        command = self.kubectl.command("edit", "-n", self.namespace, *arguments)
        environment = {**self.kubectl.environment, "KUBE_EDITOR": f"sed -i -e '{script}'"}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def here(kubectl: Kubectl, namespace: str) -> Here:
    return Here(kubectl, namespace)


@pytest.fixture
def web(here: Here) -> str:
    """A Deployment that asks for no pods."""
    here("create", "deployment", "web", "--image=nginx", "--replicas=0")
    return "deployment/web"


def test_apply_and_prune(here: Here) -> None:
    both = config_map("a", k="1") + config_map("b", k="1")
    assert here("apply", "-f", "-", stdin=both) == "configmap/a created\nconfigmap/b created"
    assert here("apply", "-f", "-", stdin=both) == "configmap/a unchanged\nconfigmap/b unchanged"
    prune = ("--prune", "-l", "set=x", "--prune-allowlist=core/v1/ConfigMap")
    assert here("apply", *prune, "-f", "-", stdin=config_map("a", k="2")) == (
        "configmap/a configured\nconfigmap/b pruned"
    )
    assert here("apply", "-f", "-", "--dry-run=client", stdin=both) == (
        "configmap/a configured (dry run)\nconfigmap/b created (dry run)"
    )
    assert here("apply", "-f", "-", "--dry-run=server", stdin=both) == (
        "configmap/a configured (server dry run)\nconfigmap/b created (server dry run)"
    )
    assert here.field("configmap/a", ".data.k") == "2"
    last = here("apply", "view-last-applied", "configmap/a")
    assert yaml.safe_load(last)["data"] == {"k": "2"}


def test_server_side_apply_conflicts(here: Here) -> None:
    apply = ("--server-side", "-f", "-")
    assert here("apply", *apply, stdin=config_map("a", k="1")) == "configmap/a serverside-applied"
    refused = here.fails("apply", *apply, "--field-manager=other", stdin=config_map("a", k="2"))
    assert refused.startswith('error: Apply failed with 1 conflict: conflict with "kubectl": .data.k\n')
    here("apply", *apply, "--field-manager=other", "--force-conflicts", stdin=config_map("a", k="2"))
    assert here.field("configmap/a", ".data.k") == "2"
    managers = here("get", "configmap/a", "--show-managed-fields", "-o", "yaml")
    assert [entry["manager"] for entry in yaml.safe_load(managers)["metadata"]["managedFields"]] == [
        "kubectl",
        "other",
    ]


def test_diff(here: Here) -> None:
    here("apply", "-f", "-", stdin=config_map("a", k="1"))
    same = here.kubectl.run("diff", "-n", here.namespace, "-f", "-", stdin=config_map("a", k="1"))
    assert (same.returncode, same.stdout) == (0, "")
    other = here.kubectl.run("diff", "-n", here.namespace, "-f", "-", stdin=config_map("a", k="2"))
    assert other.returncode == 1
    assert '-  k: "1"\n+  k: "2"\n' in other.stdout


def test_edit(here: Here, web: str) -> None:
    done = here.edits("s/replicas: 0/replicas: 1/", web)
    assert (done.returncode, done.stdout) == (0, "deployment.apps/web edited\n")
    assert here.edits("", web).stderr == "Edit cancelled, no changes made.\n"
    bad = here.edits("s/replicas: 1$/replicas: -1/", web)
    assert bad.returncode == 1
    assert 'deployments.apps "web" is invalid' in bad.stderr
    done = here.edits("s/observedGeneration: .*/observedGeneration: 7/", web, "--subresource=status")
    assert done.stdout == "deployment.apps/web edited\n", done.stderr


def test_patch_in_three_languages(here: Here, web: str) -> None:
    env = '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","env":[{"name":"A","value":"1"}]}]}}}}'
    assert here("patch", web, "-p", env) == "deployment.apps/web patched"
    assert here("patch", web, "-p", env) == "deployment.apps/web patched (no change)"
    assert here.field(web, ".spec.template.spec.containers[0].image") == "nginx"
    here("patch", web, "--type=merge", "-p", '{"metadata":{"labels":{"app":null,"x":"y"}}}')
    assert here.field(web, ".metadata.labels") == '{"x":"y"}'
    steps = (
        '[{"op":"test","path":"/spec/paused","value":null},{"op":"add","path":"/spec/paused","value":true}]'
    )
    here("patch", web, "--type=json", "-p", steps)
    assert here.field(web, ".spec.paused") == "true"
    scaled = here("patch", web, "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}')
    assert scaled == "scale.autoscaling/web patched"
    assert here.field(web, ".spec.replicas") == "2"
    here("patch", web, "--subresource=status", "--type=merge", "-p", '{"status":{"observedGeneration":99}}')


GENERIC = "The request is invalid: the server rejected our request due to an error in our request"
PATCHES = (
    ("json", '[{"op":"test","path":"/spec/replicas","value":5}]', GENERIC),
    ("json", '[{"op":"remove","path":"/spec/nope"}]', GENERIC),
    ("json", '[{"op":"fly","path":"/spec/nope"}]', GENERIC),
    (
        "json",
        '{"op":"add"}',
        "Error from server (BadRequest): json: cannot unmarshal object into Go value of type jsonpatch.Patch",
    ),
    (
        "strategic",
        '{"spec":{"replicas":"x"}}',
        'The request is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32',
    ),
    ("strategic", "{}", "deployment.apps/web patched (no change)"),
)


@pytest.mark.parametrize(("language", "patch", "said"), PATCHES)
def test_what_patch_says(here: Here, web: str, language: str, patch: str, said: str) -> None:
    done = here.kubectl.run("patch", "-n", here.namespace, web, f"--type={language}", "-p", patch)
    assert (done.stdout + done.stderr).rstrip() == said


def test_a_merge_patch_of_a_wrong_type(here: Here, web: str) -> None:
    refused = here.fails("patch", web, "--type=merge", "-p", '{"spec":{"replicas":"x"}}')
    assert refused.startswith('The request is invalid: patch: Invalid value: "{\\"apiVersion\\":')
    assert refused.endswith(
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    )


def test_replace(here: Here) -> None:
    here("create", "-f", "-", stdin=config_map("a", k="1"))
    seen = here("get", "configmap/a", "-o", "yaml")
    assert here("replace", "-f", "-", stdin=seen.replace('"1"', '"2"')) == "configmap/a replaced"
    stale = here.fails("replace", "-f", "-", stdin=seen.replace('"1"', '"3"'))
    assert stale == (
        'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on '
        'configmaps "a": the object has been modified; please apply your changes to the latest version '
        "and try again"
    )
    uid = here.field("configmap/a", ".metadata.uid")
    assert here("replace", "--force", "-f", "-", stdin=config_map("a", k="4")).endswith(
        "configmap/a replaced"
    )
    assert here.field("configmap/a", ".metadata.uid") != uid
    missing = here.fails("replace", "-f", "-", stdin=config_map("b"))
    assert missing == ('Error from server (NotFound): error when replacing "STDIN": configmaps "b" not found')


def test_label_and_annotate(here: Here, web: str) -> None:
    assert here("label", web, "tier=front") == "deployment.apps/web labeled"
    assert here("label", web, "tier=front") == "deployment.apps/web not labeled"
    assert here.fails("label", web, "tier=back") == (
        "error: 'tier' already has a value (front), and --overwrite is false"
    )
    assert here("label", web, "tier=back", "--overwrite") == "deployment.apps/web labeled"
    assert here("label", web, "tier-") == "deployment.apps/web unlabeled"
    assert here("label", web, "--list") == "app=web"
    assert here("annotate", web, "note=x") == "deployment.apps/web annotated"
    assert "'note' already has a value (x)" in here.fails("annotate", web, "note=y")
    here("annotate", web, "note=y", "--overwrite")
    assert here.field(web, ".metadata.annotations.note") == "y"
    here("annotate", web, "note-")
    assert here.field(web, ".metadata.annotations.note") == ""
    too_old = here.fails("label", web, "a=b", "--resource-version=1")
    assert "the object has been modified" in too_old


def test_set(here: Here, web: str) -> None:
    assert here("set", "image", web, "nginx=nginx:2") == "deployment.apps/web image updated"
    assert here.fails("set", "image", web, "x=y") == 'error: unable to find container named "x"'
    assert here("set", "env", web, "X=1", "Y=2") == "deployment.apps/web env updated"
    here("set", "env", web, "X-")
    assert here("set", "env", web, "--list").splitlines()[1:] == ["Y=2"]
    said = here("set", "resources", web, "--limits=cpu=200m", "--requests=cpu=100m")
    assert said == "deployment.apps/web resource requirements updated"
    assert here.fails("set", "resources", web, "--limits=cpu=50m").endswith(
        'spec.template.spec.containers[0].resources.requests: Invalid value: "100m": '
        "must be less than or equal to cpu limit of 50m"
    )
    assert here("set", "serviceaccount", web, "default") == "deployment.apps/web serviceaccount updated"
    here("create", "service", "clusterip", "s", "--tcp=80")
    assert here("set", "selector", "service/s", "a=b") == "service/s selector updated"
    assert here.field("service/s", ".spec.selector") == '{"a":"b"}'
    here("create", "rolebinding", "rb", "--clusterrole=view", "--user=bob")
    assert here("set", "subject", "rolebinding/rb", "--user=alice").endswith("rb subjects updated")


def test_scale(here: Here, web: str) -> None:
    assert here("scale", web, "--replicas=3", "--current-replicas=0") == "deployment.apps/web scaled"
    refused = here.fails("scale", web, "--replicas=4", "--current-replicas=2")
    assert refused == "error: Expected replicas to be 2, was 3"
    assert here.fails("scale", "deployment/nope", "--replicas=1") == (
        'Error from server (NotFound): deployments.apps "nope" not found'
    )
    assert here("scale", "deployments", "--all", "--replicas=0") == "deployment.apps/web scaled"


def test_wait(here: Here, web: str) -> None:
    assert here("wait", web, "--for=condition=Available", "--timeout=20s") == (
        "deployment.apps/web condition met"
    )
    assert here("wait", web, "--for=jsonpath={.spec.replicas}=0", "--timeout=20s").endswith("condition met")
    assert here.fails("wait", web, "--for=condition=Nope", "--timeout=300ms") == (
        "error: timed out waiting for the condition on deployments/web"
    )
    assert here.fails("wait", "configmap/none", "--for=condition=x", "--timeout=1s") == (
        'Error from server (NotFound): configmaps "none" not found'
    )


def test_explain(here: Here) -> None:
    limit = here("explain", "cronjob.spec.jobTemplate.spec.backoffLimit")
    assert limit.startswith(
        "GROUP:      batch\nKIND:       CronJob\nVERSION:    v1\n\nFIELD: backoffLimit <integer>"
    )
    assert "Specifies the number of retries before marking this job failed." in limit
    recursive = here("explain", "pod", "--recursive")
    assert "          httpGet\t<HTTPGetAction>" in recursive
    assert here.fails("explain", "pod.nope").endswith('error: field "nope" does not exist')
    here("apply", "-f", str(CRD))
    here("wait", "crd/crontabs.stable.example.com", "--for=condition=Established", "--timeout=20s")
    custom = here("explain", "crontabs.spec", "--recursive")
    assert "  cronSpec\t<string> -required-" in custom

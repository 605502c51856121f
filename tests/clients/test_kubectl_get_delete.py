"""How `kubectl get` selects and prints, and every way of `kubectl delete`."""

from __future__ import annotations

import json
import re

import pytest

from tests.pyberup import Kubectl, eventually, free_port

pytestmark = pytest.mark.peer


@pytest.fixture
def maps(kubectl: Kubectl, namespace: str) -> str:
    """A namespace with the config maps m0 to m4, their number as a label, `odd=1` on the odd ones."""
    for number in range(5):
        kubectl("create", "-n", namespace, "configmap", f"m{number}", f"--from-literal=n={9 - number}")
        odd = ["odd=1"] if number % 2 else []
        kubectl("label", "-n", namespace, "configmap", f"m{number}", f"n={number}", *odd)
    return namespace


def names(kubectl: Kubectl, namespace: str, *options: str) -> list[str]:
    out = kubectl("get", "-n", namespace, "configmaps", "-o", "name", *options)
    found = [line.partition("/")[2] for line in out.splitlines()]
    return [name for name in found if name != "kube-root-ca.crt"]


def test_selectors_and_orders(kubectl: Kubectl, maps: str) -> None:
    assert names(kubectl, maps) == ["m0", "m1", "m2", "m3", "m4"]
    assert names(kubectl, maps, "-l", "odd") == ["m1", "m3"]
    assert names(kubectl, maps, "-l", "!odd,n") == ["m0", "m2", "m4"]
    assert names(kubectl, maps, "-l", "n in (1,2),odd!=1") == ["m2"]
    assert names(kubectl, maps, "-l", "n notin (1,2),n") == ["m0", "m3", "m4"]
    assert names(kubectl, maps, "--field-selector=metadata.name=m3") == ["m3"]
    assert names(kubectl, maps, "--field-selector=metadata.name!=m3", "-l", "odd=1") == ["m1"]
    assert names(kubectl, maps, "--chunk-size=2") == ["m0", "m1", "m2", "m3", "m4"]
    assert names(kubectl, maps, "-l", "n", "--sort-by={.data.n}") == ["m4", "m3", "m2", "m1", "m0"]


def test_what_cannot_be_selected(kubectl: Kubectl, maps: str) -> None:
    done = kubectl.run("get", "-n", maps, "configmaps", "-l", "n in 1")
    assert done.returncode == 1
    assert "unable to parse requirement: found '1' expected: '('" in done.stderr
    done = kubectl.run("get", "-n", maps, "configmaps", "--field-selector=data.n=1")
    assert '"data.n" is not a known field selector: only "metadata.name", "metadata.namespace"' in done.stderr
    done = kubectl.run("get", "-n", maps, "pods", "--field-selector=spec.image=1")
    assert "field label not supported: spec.image" in done.stderr
    done = kubectl.run("get", "-n", maps, "jobs", "--field-selector=spec.image=1")
    assert 'field label "spec.image" not supported for Job' in done.stderr


def test_forms_of_output(kubectl: Kubectl, maps: str) -> None:
    def get(*arguments: str) -> str:
        return kubectl("get", "-n", maps, *arguments)

    table = get("configmaps", "-l", "odd=1", "-o", "custom-columns=NAME:.metadata.name,N:.data.n")
    assert [line.split() for line in table.splitlines()] == [["NAME", "N"], ["m1", "8"], ["m3", "6"]]
    assert get("configmap", "m1", "-o", "jsonpath={.data.n}") == "8"
    each = "jsonpath={range .items[*]}{.metadata.name}={.data.n};{end}"
    assert get("configmaps", "-l", "odd", "-o", each) == "m1=8;m3=6;"
    assert get("configmap", "m1", "-o", "go-template={{.data.n}}") == "8"
    assert 'odd: "1"' in get("configmap", "m1", "-o", "yaml")
    shown = get("configmap", "m1", "-L", "n", "--show-labels").splitlines()
    assert shown[0].split() == ["NAME", "DATA", "AGE", "N", "LABELS"]
    assert shown[1].split()[0:2] == ["m1", "1"]
    assert shown[1].split()[3:] == ["1", "n=1,odd=1"]
    assert get("configmap/m1", "--show-kind", "--no-headers").startswith("configmap/m1 ")
    every = kubectl("get", "configmaps", "--all-namespaces", "-l", "odd", "--no-headers").splitlines()
    assert {tuple(line.split()[:2]) for line in every} >= {(maps, "m1"), (maps, "m3")}
    assert kubectl.run("get", "configmaps", "-n", "nowhere").stderr == (
        "No resources found in nowhere namespace.\n"
    )


def test_one_found_and_one_not(kubectl: Kubectl, maps: str) -> None:
    done = kubectl.run("get", "-n", maps, "configmap", "m1", "zz", "-o", "name")
    assert (done.returncode, done.stdout) == (1, "configmap/m1\n")
    assert done.stderr == 'Error from server (NotFound): configmaps "zz" not found\n'
    assert kubectl("get", "-n", maps, "configmap", "zz", "--ignore-not-found") == ""


def test_raw_and_subresources(kubectl: Kubectl, namespace: str) -> None:
    assert json.loads(kubectl("get", "--raw", "/version"))["minor"] == "37"
    assert kubectl("get", "--raw", "/readyz") == "ok"
    assert kubectl("get", "--raw", "/readyz?verbose").endswith("readyz check passed\n")
    done = kubectl.run("get", "--raw", "/api/v1/things")
    assert done.stderr == "Error from server (NotFound): the server could not find the requested resource\n"
    kubectl("create", "-n", namespace, "deployment", "d", "--image=nginx", "--replicas=2")
    scale = kubectl("get", "-n", namespace, "deployment", "d", "--subresource=scale").splitlines()
    assert scale[0].split() == ["NAME", "DESIRED", "AVAILABLE", "AGE"]
    assert scale[1].split()[:2] == ["d", "2"]
    status = kubectl.json("get", "-n", namespace, "deployment", "d", "--subresource=status")
    assert status["kind"] == "Deployment"
    node = kubectl("get", "nodes", "--no-headers").split()[0]
    assert kubectl("get", "node", node, "--subresource=status", "-o", "name") == f"node/{node}\n"


def test_watch_tells_events(kubectl: Kubectl, namespace: str) -> None:
    options = ("--watch", "--output-watch-events", "-l", "w", "--no-headers")
    with kubectl.running("get", "-n", namespace, "configmaps", *options) as watching:

        def change(*arguments: str) -> str:
            kubectl(*arguments[:1], "-n", namespace, *arguments[1:])
            return watching.readline().strip()

        kubectl("create", "-n", namespace, "configmap", "a")
        assert re.match(r"ADDED +a +0 ", change("label", "configmap", "a", "w=1"))
        assert re.match(r"MODIFIED +a +0 ", change("annotate", "configmap", "a", "x=y"))
        assert re.match(r"DELETED +a +0 ", change("label", "configmap", "a", "w-"))


def test_delete_by_what_selects(kubectl: Kubectl, maps: str) -> None:
    def delete(*arguments: str) -> list[str]:
        return kubectl("delete", "-n", maps, *arguments).splitlines()

    assert delete("configmap", "m0") == [f'configmap "m0" deleted from {maps} namespace']
    assert delete("configmap", "-l", "odd=1", "--dry-run=server")[0].endswith("(server dry run)")
    assert names(kubectl, maps) == ["m1", "m2", "m3", "m4"]
    assert delete("configmaps", "-l", "odd=1") == [
        f'configmap "{name}" deleted from {maps} namespace' for name in ("m1", "m3")
    ]
    assert delete("configmaps", "--field-selector=metadata.name=m2") == [
        f'configmap "m2" deleted from {maps} namespace'
    ]
    delete("configmaps", "--all")
    assert names(kubectl, maps) == []
    done = kubectl.run("delete", "-n", maps, "configmap", "m0")
    assert (done.returncode, done.stderr) == (
        1,
        'Error from server (NotFound): configmaps "m0" not found\n',
    )
    assert delete("configmap", "m0", "--ignore-not-found") == []
    kubectl("create", "-n", maps, "configmap", "raw")
    status = json.loads(kubectl("delete", "--raw", f"/api/v1/namespaces/{maps}/configmaps/raw"))
    assert (status["status"], status["details"]["name"]) == ("Success", "raw")


def test_delete_of_owners(kubectl: Kubectl, namespace: str) -> None:
    def left(what: str) -> list[str]:
        return kubectl("get", "-n", namespace, what, "-l", "app=d", "-o", "name").split()

    kubectl("create", "-n", namespace, "deployment", "d", "--image=nginx", "--replicas=2")
    kubectl("rollout", "status", "-n", namespace, "deployment/d", "--timeout=30s")
    kubectl("delete", "-n", namespace, "deployment", "d", "--cascade=orphan")
    assert len(left("pods")) == 2
    (replica_set,) = left("replicasets")
    owners = kubectl.json("get", "-n", namespace, replica_set)["metadata"].get("ownerReferences", [])
    assert owners == []
    kubectl("delete", "-n", namespace, replica_set, "--cascade=foreground")
    eventually("no pod is left", lambda: left("pods") == [])


def test_delete_at_once(kubectl: Kubectl, namespace: str) -> None:
    kubectl("run", "-n", namespace, "a", "--image=nginx")
    kubectl("run", "-n", namespace, "b", "--image=nginx")
    kubectl("wait", "-n", namespace, "pods", "--all", "--for=condition=Ready", "--timeout=30s")
    done = kubectl.run("delete", "-n", namespace, "pod", "a", "--grace-period=0", "--force")
    assert done.stdout == f'pod "a" force deleted from {namespace} namespace\n'
    assert "Immediate deletion does not wait" in done.stderr
    assert kubectl("delete", "-n", namespace, "pod", "b", "--now").startswith('pod "b" deleted')


def test_what_the_server_is(kubectl: Kubectl) -> None:
    resources = kubectl("api-resources", "--verbs=list", "--namespaced=false", "-o", "name").split()
    assert {"nodes", "namespaces", "clusterroles.rbac.authorization.k8s.io"} <= set(resources)
    assert "pods" not in resources
    versions = kubectl("api-versions").split()
    assert {"v1", "apps/v1", "autoscaling/v1", "autoscaling/v2", "storagemigration.k8s.io/v1"} <= set(
        versions
    )
    assert kubectl("cluster-info").count("is running at") == 2
    assert "Server Version: v1.37" in kubectl("version")
    every = kubectl("get", "componentstatuses", "--no-headers").splitlines()
    assert [line.split()[:2] for line in every] == [
        ["scheduler", "Healthy"],
        ["controller-manager", "Healthy"],
        ["etcd-0", "Healthy"],
    ]
    top = kubectl.run("top", "nodes")
    assert (top.returncode, top.stderr) == (1, "error: Metrics API not available\n")


def test_proxy(kubectl: Kubectl, namespace: str) -> None:
    port = free_port()
    with kubectl.running("proxy", f"--port={port}") as output:
        assert "Starting to serve" in output.readline()
        server = f"--server=http://127.0.0.1:{port}"
        assert kubectl("--kubeconfig=/dev/null", server, "get", "namespace", namespace, "-o", "name") == (
            f"namespace/{namespace}\n"
        )

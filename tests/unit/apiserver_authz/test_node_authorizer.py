"""The Node authorizer: a kubelet reaches what its own pods need, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pybernetes.apiserver.attributes import Attributes
from pybernetes.apiserver.authz.node import NodeAuthorizer
from pybernetes.apiserver.authz.podreferences import references
from pybernetes.apiserver.user import User

KUBELET = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
POD_SPEC: dict[str, Any] = {
    "nodeName": "n1",
    "serviceAccountName": "robot",
    "imagePullSecrets": [{"name": "pull"}],
    "initContainers": [{"envFrom": [{"configMapRef": {"name": "init-config"}}]}],
    "containers": [
        {
            "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "a"}}},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "env-config", "key": "b"}}},
            ],
            "envFrom": [{"secretRef": {"name": "all-secret"}}],
        }
    ],
    "volumes": [
        {"name": "s", "secret": {"secretName": "volume-secret"}},
        {"name": "c", "configMap": {"name": "volume-config"}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "e", "ephemeral": {}},
        {
            "name": "p",
            "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "ca"}}]},
        },
        {"name": "i", "csi": {"nodePublishSecretRef": {"name": "inline"}}},
    ],
    "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu-claim"}, {"name": "made"}],
}


@dataclass
class View:
    pods: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def pods_on(self, node: str) -> Iterable[dict[str, Any]]:
        return [pod for pod in self.pods if pod["spec"].get("nodeName") == node]

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((plural, namespace, name))


@pytest.fixture
def view() -> View:
    web = {
        "metadata": {"name": "web", "namespace": "a"},
        "spec": POD_SPEC,
        "status": {
            "resourceClaimStatuses": [{"name": "made", "resourceClaimName": "made-xyz"}],
            "extendedResourceClaimStatus": {"resourceClaimName": "extended-claim"},
        },
    }
    other = {
        "metadata": {"name": "other", "namespace": "a"},
        "spec": {**POD_SPEC, "nodeName": "n2", "imagePullSecrets": [{"name": "theirs"}]},
    }
    volume = {
        "spec": {
            "claimRef": {"namespace": "a", "name": "data"},
            "csi": {"nodeStageSecretRef": {"name": "stage", "namespace": "storage"}},
        }
    }
    objects = {
        ("pods", "a", "web"): web,
        ("pods", "a", "other"): other,
        ("persistentvolumeclaims", "a", "data"): {"spec": {"volumeName": "pv1"}},
        ("persistentvolumes", "", "pv1"): volume,
        ("volumeattachments", "", "va1"): {"spec": {"nodeName": "n1"}},
        ("volumeattachments", "", "va2"): {"spec": {"nodeName": "n2"}},
        ("resourceslices", "", "mine"): {"spec": {"nodeName": "n1"}},
        ("podcertificaterequests", "a", "asked"): {"spec": {"nodeName": "n1"}},
        ("podcertificaterequests", "a", "theirs"): {"spec": {"nodeName": "n2"}},
    }
    return View([web, other], objects)


def test_a_pods_references(view: View) -> None:
    found = references(view.pods[0], view.get)
    assert {(kind, name) for kind, namespace, name in found if namespace == "a"} == {
        ("serviceaccounts", "robot"),
        *(
            ("secrets", n)
            for n in ("pull", "env-secret", "all-secret", "volume-secret", "projected", "inline")
        ),
        *(("configmaps", n) for n in ("init-config", "env-config", "volume-config", "ca")),
        ("persistentvolumeclaims", "data"),
        ("persistentvolumeclaims", "web-e"),
        ("resourceclaims", "gpu-claim"),
        ("resourceclaims", "made-xyz"),
        ("resourceclaims", "extended-claim"),
    }
    assert {ref for ref in found if ref[1] != "a"} == {
        ("persistentvolumes", "", "pv1"),
        ("secrets", "storage", "stage"),
    }
    mirror = {**view.pods[0], "metadata": {"name": "m", "annotations": {"kubernetes.io/config.mirror": "x"}}}
    assert references(mirror, view.get) == set()
    view.objects["persistentvolumes", "", "pv1"]["spec"]["claimRef"]["name"] = "another"
    assert ("secrets", "storage", "stage") not in references(view.pods[0], view.get)


RELATED = "no relationship found between node 'n1' and this object"
DENIED_LEASE = "can only access node lease with the same name as the requesting node"


@pytest.mark.parametrize(
    ("request_line", "allowed", "reason"),
    [
        ("get secrets a pull", True, ""),
        ("list secrets a pull", True, ""),
        ("get secrets a theirs", False, RELATED),
        ("get secrets b pull", False, RELATED),
        ("list secrets a -", False, "No Object name found"),
        ("list secrets - -", False, "can only read namespaced object of this type"),
        ("update secrets a pull", False, "can only read resources of this type"),
        ("get configmaps a ca", True, ""),
        ("get persistentvolumeclaims a data", True, ""),
        ("patch persistentvolumeclaims/status a data", True, ""),
        ("get persistentvolumeclaims/status a data", False, "can only get/update/patch this type"),
        ("get persistentvolumes - pv1", True, ""),
        ("list persistentvolumes - -", False, "can only get individual resources of this type"),
        ("create serviceaccounts/token a robot", True, ""),
        ("create serviceaccounts/token a default", False, RELATED),
        ("create serviceaccounts a robot", False, "can only create token subresource of serviceaccount"),
        ("get serviceaccounts a robot", True, ""),
        ("get serviceaccounts a default", False, RELATED),
        ("list serviceaccounts a -", False, "can only create tokens for individual service accounts"),
        ("get nodes - n1", True, ""),
        ("patch nodes/status - n1", True, ""),
        ("create nodes - -", True, ""),
        ("patch nodes - n2", True, ""),
        ("get nodes/status - n1", False, ""),
        ("get nodes/proxy - n1", False, ""),
        ("delete nodes - n1", False, ""),
        ("get nodes - n2", False, "node 'n1' cannot read 'n2', only its own Node object"),
        ("list nodes - -", False, "node 'n1' cannot read all nodes, only its own Node object"),
        ("list pods - - spec.nodeName=n1", True, ""),
        (
            "list pods - - spec.nodeName=n2",
            False,
            "can only list/watch pods with spec.nodeName field selector",
        ),
        ("watch pods - -", False, "can only list/watch pods with spec.nodeName field selector"),
        ("get pods a web", True, ""),
        ("get pods a other", False, RELATED),
        ("patch pods/status a web", True, ""),
        ("create pods/eviction a web", True, ""),
        ("get pods/status a web", False, ""),
        ("update pods a web", False, ""),
        ("get services a web", True, ""),
        ("delete services a web", False, ""),
        ("create events a -", True, ""),
    ],
)
def test_the_core_group(view: View, request_line: str, allowed: bool, reason: str) -> None:
    verb, resource, namespace, name, *selector = (request_line + " ").split(" ")
    resource, _, subresource = resource.partition("/")
    attributes = Attributes(
        KUBELET, verb, "", "v1", resource, subresource, namespace.strip("-"), name.strip("-"),
        field_selector=selector[0] if selector else "",
    )  # fmt: skip
    decision = NodeAuthorizer(view).authorize(attributes)
    assert (decision.allowed, decision.reason) == (allowed, reason)


@pytest.mark.parametrize(
    ("group", "verb", "resource", "namespace", "name", "allowed"),
    [
        ("coordination.k8s.io", "update", "leases", "kube-node-lease", "n1", True),
        ("coordination.k8s.io", "create", "leases", "kube-node-lease", "", True),
        ("coordination.k8s.io", "update", "leases", "kube-node-lease", "n2", False),
        ("coordination.k8s.io", "get", "leases", "kube-system", "n1", False),
        ("coordination.k8s.io", "list", "leases", "kube-node-lease", "", False),
        ("storage.k8s.io", "get", "csinodes", "", "n1", True),
        ("storage.k8s.io", "get", "csinodes", "", "n2", False),
        ("storage.k8s.io", "get", "volumeattachments", "", "va1", True),
        ("storage.k8s.io", "get", "volumeattachments", "", "va2", False),
        ("storage.k8s.io", "watch", "csidrivers", "", "", True),
        ("resource.k8s.io", "get", "resourceclaims", "a", "gpu-claim", True),
        ("resource.k8s.io", "update", "resourceslices", "", "mine", True),
        ("resource.k8s.io", "list", "resourceslices", "", "", False),
        ("resource.k8s.io", "get", "resourceclaims", "a", "extended-claim", True),
        ("certificates.k8s.io", "create", "podcertificaterequests", "a", "", True),
        ("certificates.k8s.io", "get", "podcertificaterequests", "a", "asked", True),
        ("certificates.k8s.io", "get", "podcertificaterequests", "a", "theirs", False),
        ("certificates.k8s.io", "list", "podcertificaterequests", "", "", False),
        ("certificates.k8s.io", "update", "podcertificaterequests/status", "a", "asked", False),
        ("certificates.k8s.io", "watch", "clustertrustbundles", "", "", True),
        ("node.k8s.io", "list", "runtimeclasses", "", "", True),
        ("apps", "list", "deployments", "a", "", False),
    ],
)
def test_other_groups(
    view: View, group: str, verb: str, resource: str, namespace: str, name: str, allowed: bool
) -> None:
    resource, _, subresource = resource.partition("/")
    attributes = Attributes(KUBELET, verb, group, "v1", resource, subresource, namespace, name)
    assert NodeAuthorizer(view).authorize(attributes).allowed is allowed


@pytest.mark.parametrize("user", [User("system:node:n1"), User("n1", groups=("system:nodes",)), User("bob")])
def test_only_nodes_are_its_business(view: View, user: User) -> None:
    attributes = Attributes(user, "get", "", "v1", "secrets", "", "a", "pull")
    assert not NodeAuthorizer(view).authorize(attributes).allowed

"""The roles of the cluster's own parts, and of everybody's first steps (discovery, health)."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.meta import MutableObj

from .node_rules import NODE_RULES
from .policyrule import READ, events, leader_election, rule, urls

CERTIFICATES = "certificates.k8s.io"
SIGNER = "kubernetes.io/"


def _approver(signer: str) -> tuple[MutableObj, ...]:
    return (rule("approve", CERTIFICATES, "signers", f"{SIGNER}{signer}"),)


REVIEWS = (
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
)

SYSTEM_ROLES: Mapping[str, tuple[MutableObj, ...]] = {
    "system:discovery": (
        urls(
            "get", "/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*"
        ),
    ),
    "system:monitoring": (
        urls(
            "get",
            "/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*",
        ),
        urls("get", "/flagz"),
        urls("get", "/statusz"),
    ),
    "system:basic-user": (
        rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ),
    "system:public-info-viewer": (urls("get", "/livez /readyz /healthz /version /version/"),),
    "system:heapster": (
        rule(READ, "core", "events pods nodes namespaces"),
        rule(READ, "extensions", "deployments"),
    ),
    "system:node": NODE_RULES,
    "system:node-problem-detector": (
        rule("get", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        events(),
    ),
    "system:kubelet-api-admin": (
        rule(READ, "core", "nodes"),
        rule("proxy", "core", "nodes"),
        rule("*", "core", "nodes/proxy nodes/metrics nodes/stats nodes/log"),
        rule("*", "core", "nodes/configz nodes/healthz nodes/pods"),
    ),
    "system:node-bootstrapper": (rule(f"create {READ}", CERTIFICATES, "certificatesigningrequests"),),
    "system:auth-delegator": REVIEWS,
    "system:kube-aggregator": (rule(READ, "core", "services endpoints"),),
    "system:kube-controller-manager": (
        events(),
        *leader_election("kube-controller-manager"),
        rule("create", "core", "secrets serviceaccounts"),
        rule("delete", "core", "secrets"),
        rule("get", "core", "namespaces secrets serviceaccounts configmaps"),
        rule("update", "core", "secrets serviceaccounts"),
        *REVIEWS,
        rule("list watch", "*", "*"),
        rule("create", "core", "serviceaccounts/token"),
    ),
    "system:kube-dns": (rule("list watch", "core", "endpoints services"),),
    "system:persistent-volume-provisioner": (
        rule(f"create delete {READ}", "core", "persistentvolumes"),
        rule(f"update {READ}", "core", "persistentvolumeclaims"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("watch", "core", "events"),
        events(),
    ),
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": (
        rule("create", CERTIFICATES, "certificatesigningrequests/nodeclient"),
    ),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": (
        rule("create", CERTIFICATES, "certificatesigningrequests/selfnodeclient"),
    ),
    "system:volume-scheduler": (
        rule(f"update patch {READ}", "core", "persistentvolumes"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule(f"update patch {READ}", "core", "persistentvolumeclaims"),
    ),
    "system:certificates.k8s.io:legacy-unknown-approver": _approver("legacy-unknown"),
    "system:certificates.k8s.io:kubelet-serving-approver": _approver("kubelet-serving"),
    "system:certificates.k8s.io:kube-apiserver-client-approver": _approver("kube-apiserver-client"),
    "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver": _approver(
        "kube-apiserver-client-kubelet"
    ),
    "system:service-account-issuer-discovery": (
        urls(
            "get",
            "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
        ),
    ),
    "system:cluster-trust-bundle-discovery": (rule(READ, CERTIFICATES, "clustertrustbundles"),),
    "system:node-proxier": (
        rule("list watch", "core", "services endpoints"),
        rule(READ, "core", "nodes"),
        events(),
        rule("list watch", "networking.k8s.io", "servicecidrs"),
        rule("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    "system:kube-scheduler": (
        events(),
        *leader_election("kube-scheduler"),
        rule(READ, "core", "nodes"),
        rule(f"delete {READ}", "core", "pods"),
        rule("create", "core", "pods/binding bindings"),
        rule("update patch", "core", "pods/status"),
        rule(READ, "core", "services replicationcontrollers"),
        rule(READ, "apps extensions", "replicasets"),
        rule(READ, "apps", "statefulsets"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, "core", "persistentvolumeclaims persistentvolumes"),
        *REVIEWS,
        rule(READ, "storage.k8s.io", "csinodes"),
        rule(READ, "storage.k8s.io", "volumeattachments"),
        rule(READ, "core", "namespaces"),
        rule(READ, "storage.k8s.io", "csidrivers"),
        rule(READ, "storage.k8s.io", "csistoragecapacities"),
        rule(READ, "resource.k8s.io", "deviceclasses"),
        rule(f"update patch {READ}", "resource.k8s.io", "resourceclaims"),
        rule(f"update patch {READ}", "resource.k8s.io", "resourceclaims/status"),
        rule(f"update patch {READ}", "core", "pods/finalizers"),
        rule(READ, "resource.k8s.io", "resourceslices"),
        rule(READ, "resource.k8s.io", "devicetaintrules"),
        rule("create delete", "resource.k8s.io", "resourceclaims"),
        rule("update patch", "resource.k8s.io", "resourceclaims/binding"),
    ),
}

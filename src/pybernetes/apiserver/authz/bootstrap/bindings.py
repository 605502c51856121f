"""Who holds the default roles, and the Roles inside system namespaces with their bindings."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.meta import MutableObj

from .policyrule import READ, rule

Subject = tuple[str, str]
"""("Group" | "User", name), or ("kube-system", service account name)."""

CLUSTER_BINDINGS: Mapping[str, tuple[str, tuple[Subject, ...]]] = {
    "cluster-admin": ("cluster-admin", (("Group", "system:masters"),)),
    "system:monitoring": ("system:monitoring", (("Group", "system:monitoring"),)),
    "system:discovery": ("system:discovery", (("Group", "system:authenticated"),)),
    "system:basic-user": ("system:basic-user", (("Group", "system:authenticated"),)),
    "system:public-info-viewer": (
        "system:public-info-viewer",
        (("Group", "system:authenticated"), ("Group", "system:unauthenticated")),
    ),
    "system:node-proxier": ("system:node-proxier", (("User", "system:kube-proxy"),)),
    "system:kube-controller-manager": (
        "system:kube-controller-manager",
        (("User", "system:kube-controller-manager"),),
    ),
    "system:kube-dns": ("system:kube-dns", (("kube-system", "kube-dns"),)),
    "system:kube-scheduler": ("system:kube-scheduler", (("User", "system:kube-scheduler"),)),
    "system:volume-scheduler": ("system:volume-scheduler", (("User", "system:kube-scheduler"),)),
    "system:service-account-issuer-discovery": (
        "system:service-account-issuer-discovery",
        (("Group", "system:serviceaccounts"),),
    ),
    "system:cluster-trust-bundle-discovery": (
        "system:cluster-trust-bundle-discovery",
        (("Group", "system:serviceaccounts"),),
    ),
    # Kept without subjects, as upstream does: nodes are allowed by the Node authorizer, one object at a time.
    "system:node": ("system:node", ()),
}
"""Binding -> (ClusterRole, subjects)."""

JOIN_GROUP = "system:bootstrappers:kubeadm:default-node-token"

JOIN_BINDINGS: Mapping[str, tuple[str, tuple[Subject, ...]]] = {
    "kubeadm:get-nodes": ("kubeadm:get-nodes", (("Group", JOIN_GROUP),)),
    "kubeadm:kubelet-bootstrap": ("system:node-bootstrapper", (("Group", JOIN_GROUP),)),
    "kubeadm:node-autoapprove-bootstrap": (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        (("Group", JOIN_GROUP),),
    ),
    "kubeadm:node-autoapprove-certificate-rotation": (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        (("Group", "system:nodes"),),
    ),
    "kubeadm:cluster-admins": ("cluster-admin", (("Group", "kubeadm:cluster-admins"),)),
    "system:coredns": ("system:coredns", (("User", "system:coredns"),)),
    "system:local-path": ("system:local-path", (("User", "system:local-path"),)),
}
"""What kubeadm adds so that nodes can join by token, administrators hold a revocable right and names are answered."""

JOIN_ROLES: Mapping[str, tuple[MutableObj, ...]] = {
    "kubeadm:get-nodes": (rule("get", "core", "nodes"),),
    "system:coredns": (
        rule("list watch", "core", "endpoints services pods namespaces"),
        rule("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    # Who makes and removes the directories of local volumes on nodes.
    "system:local-path": (rule(f"patch {READ}", "core", "persistentvolumes"),),
}
"""ClusterRoles that belong to `JOIN_BINDINGS`."""

JOIN_NAMESPACED_ROLES: Mapping[tuple[str, str], tuple[MutableObj, ...]] = {
    ("kube-public", "kubeadm:bootstrap-signer-clusterinfo"): (
        rule("get", "core", "configmaps", "cluster-info"),
    ),
    ("kube-system", "kubeadm:kubelet-config"): (rule("get", "core", "configmaps", "kubelet-config"),),
    ("kube-system", "kubeadm:nodes-kubeadm-config"): (rule("get", "core", "configmaps", "kubeadm-config"),),
    # Where kubeadm makes the DNS Service itself, our DNS server publishes its own.
    ("kube-system", "system:coredns"): (
        rule("create", "core", "services"),
        rule("get", "core", "services", "kube-dns"),
        rule("create", "discovery.k8s.io", "endpointslices"),
        rule("get patch", "discovery.k8s.io", "endpointslices", "kube-dns"),
    ),
}
"""What a node reads before it is one: the signed cluster-info (by anybody), then its configuration. And what the DNS
server writes."""

JOIN_NAMESPACED_BINDINGS: Mapping[tuple[str, str], tuple[str, tuple[Subject, ...]]] = {
    ("kube-public", "kubeadm:bootstrap-signer-clusterinfo"): (
        "kubeadm:bootstrap-signer-clusterinfo",
        (("User", "system:anonymous"),),
    ),
    ("kube-system", "kubeadm:kubelet-config"): (
        "kubeadm:kubelet-config",
        (("Group", "system:nodes"), ("Group", JOIN_GROUP)),
    ),
    ("kube-system", "kubeadm:nodes-kubeadm-config"): (
        "kubeadm:nodes-kubeadm-config",
        (("Group", JOIN_GROUP), ("Group", "system:nodes")),
    ),
    ("kube-system", "system:coredns"): ("system:coredns", (("User", "system:coredns"),)),
}

LEADER_LOCKING = (
    rule(f"create update {READ}", "coordination.k8s.io", "leases"),
    rule(f"create update {READ}", "coordination.k8s.io", "leasecandidates"),
)

NAMESPACED_ROLES: Mapping[tuple[str, str], tuple[MutableObj, ...]] = {
    ("kube-system", "extension-apiserver-authentication-reader"): (
        rule(READ, "core", "configmaps", "extension-apiserver-authentication"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (rule(READ, "core", "secrets"),),
    ("kube-system", "system:controller:cloud-provider"): (rule(f"create {READ}", "core", "configmaps"),),
    ("kube-system", "system:controller:token-cleaner"): (
        rule(f"delete {READ}", "core", "secrets"),
        rule("create patch update", "core events.k8s.io", "events"),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): LEADER_LOCKING,
    ("kube-system", "system::leader-locking-kube-scheduler"): LEADER_LOCKING,
    ("kube-public", "system:controller:bootstrap-signer"): (
        rule(READ, "core", "configmaps"),
        rule("update", "core", "configmaps", "cluster-info"),
        rule("create patch update", "core events.k8s.io", "events"),
    ),
}
"""(namespace, Role) -> rules."""

NAMESPACED_BINDINGS: Mapping[tuple[str, str], tuple[str, tuple[Subject, ...]]] = {
    ("kube-system", "system::extension-apiserver-authentication-reader"): (
        "extension-apiserver-authentication-reader",
        (("User", "system:kube-controller-manager"), ("User", "system:kube-scheduler")),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer",
        (("kube-system", "bootstrap-signer"),),
    ),
    ("kube-system", "system:controller:cloud-provider"): (
        "system:controller:cloud-provider",
        (("kube-system", "cloud-provider"),),
    ),
    ("kube-system", "system:controller:token-cleaner"): (
        "system:controller:token-cleaner",
        (("kube-system", "token-cleaner"),),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        "system::leader-locking-kube-controller-manager",
        (
            ("User", "system:kube-controller-manager"),
            ("kube-system", "kube-controller-manager"),
            ("kube-system", "leader-election-controller"),
        ),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        "system::leader-locking-kube-scheduler",
        (("User", "system:kube-scheduler"), ("kube-system", "kube-scheduler")),
    ),
    ("kube-public", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer",
        (("kube-system", "bootstrap-signer"),),
    ),
}
"""(namespace, RoleBinding) -> (Role, subjects)."""

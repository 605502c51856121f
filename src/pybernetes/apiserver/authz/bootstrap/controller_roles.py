"""A role per controller of the controller manager: `system:controller:<name>`, each bound to the service account
<name> in kube-system, so that a controller can do its own work and no other's."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.meta import MutableObj

from .policyrule import READ, events, rule

PREFIX = "system:controller:"
CSR = "certificatesigningrequests"
SIGNERS = " ".join(
    f"kubernetes.io/{name}"
    for name in (
        "legacy-unknown",
        "kube-apiserver-client",
        "kube-apiserver-client-kubelet",
        "kubelet-serving",
    )
)
PODS = rule("list watch create delete patch", "core", "pods")

CONTROLLER_ROLES: Mapping[str, tuple[MutableObj, ...]] = {
    "attachdetach-controller": (
        rule("list watch", "core", "persistentvolumes persistentvolumeclaims"),
        rule(READ, "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("list watch", "core", "pods"),
        events(),
        rule(f"create delete {READ}", "storage.k8s.io", "volumeattachments"),
        rule(READ, "storage.k8s.io", "csidrivers"),
        rule(READ, "storage.k8s.io", "csinodes"),
    ),
    "clusterrole-aggregation-controller": (
        # It must be able to write any rule into a role.
        rule(f"escalate update patch {READ}", "rbac.authorization.k8s.io", "clusterroles"),
    ),
    "cronjob-controller": (
        rule(f"update {READ}", "batch", "cronjobs"),
        rule(f"create update delete patch {READ}", "batch", "jobs"),
        rule("update", "batch", "cronjobs/status"),
        rule("update", "batch", "cronjobs/finalizers"),
        rule("list watch delete", "core", "pods"),
        events(),
    ),
    "daemon-set-controller": (
        rule(READ, "extensions apps", "daemonsets"),
        rule("update", "extensions apps", "daemonsets/status"),
        rule("update", "extensions apps", "daemonsets/finalizers"),
        rule("list watch", "core", "nodes"),
        PODS,
        rule("create", "core", "pods/binding"),
        rule(f"create delete update patch {READ}", "apps", "controllerrevisions"),
        events(),
    ),
    "deployment-controller": (
        rule(f"update {READ}", "extensions apps", "deployments"),
        rule("update", "extensions apps", "deployments/status"),
        rule("update", "extensions apps", "deployments/finalizers"),
        rule(f"create update patch delete {READ}", "apps extensions", "replicasets"),
        rule(f"update {READ}", "core", "pods"),
        events(),
    ),
    "disruption-controller": (
        rule(READ, "extensions apps", "deployments"),
        rule(READ, "apps extensions", "replicasets"),
        rule(READ, "core", "replicationcontrollers"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "policy", "poddisruptionbudgets/status"),
        rule("patch update", "core", "pods/status"),
        rule("get", "*", "*/scale"),
        events(),
    ),
    "endpoint-controller": (
        rule(READ, "core", "services pods"),
        rule(f"create update delete {READ}", "core", "endpoints"),
        rule("create", "core", "endpoints/restricted"),
        events(),
    ),
    "endpointslice-controller": (
        rule(READ, "core", "services pods nodes"),
        # To set blockOwnerDeletion in an owner reference one must be able to set the owner's finalizers.
        rule("update", "core", "services/finalizers"),
        rule(f"create update delete {READ}", "discovery.k8s.io", "endpointslices"),
        events(),
    ),
    "endpointslicemirroring-controller": (
        rule(READ, "core", "services endpoints"),
        rule("update", "core", "services/finalizers"),
        rule("update", "core", "endpoints/finalizers"),
        rule(f"create update delete {READ}", "discovery.k8s.io", "endpointslices"),
        events(),
    ),
    "expand-controller": (
        rule(f"update patch {READ}", "core", "persistentvolumes"),
        rule("update patch", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "persistentvolumeclaims"),
        events(),
    ),
    "ephemeral-volume-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"create {READ}", "core", "persistentvolumeclaims"),
        events(),
    ),
    "resource-claim-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"create delete {READ}", "resource.k8s.io", "resourceclaims"),
        rule("update patch", "resource.k8s.io", "resourceclaims resourceclaims/status"),
        rule("update patch", "core", "pods/status"),
        events(),
        rule("update patch", "resource.k8s.io", "resourceclaims/binding"),
    ),
    "device-taint-eviction-controller": (
        rule(f"delete {READ}", "core", "pods"),
        rule("update patch", "core", "pods/status"),
        rule(READ, "resource.k8s.io", "resourceclaims"),
        rule(READ, "resource.k8s.io", "resourceslices"),
        rule(READ, "resource.k8s.io", "deviceclasses"),
        events(),
        rule("update patch", "resource.k8s.io", "devicetaintrules/status"),
        rule(READ, "resource.k8s.io", "devicetaintrules"),
    ),
    "podcertificaterequestcleaner": (
        rule(f"delete {READ}", "certificates.k8s.io", "podcertificaterequests"),
    ),
    "kube-apiserver-serving-clustertrustbundle-publisher": (
        rule("attest", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-serving"),
        rule("create update delete list watch", "certificates.k8s.io", "clustertrustbundles"),
        events(),
    ),
    "generic-garbage-collector": (rule(f"patch update delete {READ}", "*", "*"), events()),
    "horizontal-pod-autoscaler": (
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule("update", "autoscaling", "horizontalpodautoscalers/status"),
        rule("get update", "*", "*/scale"),
        rule("list watch", "core", "pods"),
        rule("list watch", "metrics.k8s.io", "pods"),
        rule(READ, "custom.metrics.k8s.io", "*"),
        rule(READ, "external.metrics.k8s.io", "*"),
        events(),
    ),
    "job-controller": (
        rule(f"update patch {READ}", "batch", "jobs"),
        rule("update", "batch", "jobs/status"),
        rule("update", "batch", "jobs/finalizers"),
        PODS,
        events(),
    ),
    "namespace-controller": (
        rule(f"delete {READ}", "core", "namespaces"),
        rule("update", "core", "namespaces/finalize namespaces/status"),
        rule(f"delete deletecollection {READ}", "*", "*"),
    ),
    "node-controller": (
        rule(f"update delete patch {READ}", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "pods/status"),
        rule(f"delete {READ}", "core", "pods"),
        events(),
    ),
    "persistent-volume-binder": (
        rule(f"update create delete {READ}", "core", "persistentvolumes"),
        rule("update", "core", "persistentvolumes/status"),
        rule(f"update {READ}", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(f"create delete {READ}", "core", "pods"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("list watch", "core", "nodes"),
        events(),
        rule("watch", "core", "events"),
    ),
    "pod-garbage-collector": (
        rule("list watch delete", "core", "pods"),
        rule(READ, "core", "nodes"),
        rule("patch", "core", "pods/status"),
    ),
    "replicaset-controller": (
        rule(f"update {READ}", "apps extensions", "replicasets"),
        rule("update", "apps extensions", "replicasets/status"),
        rule("update", "apps extensions", "replicasets/finalizers"),
        PODS,
        events(),
    ),
    "replication-controller": (
        rule(f"update {READ}", "core", "replicationcontrollers"),
        rule("update", "core", "replicationcontrollers/status"),
        rule("update", "core", "replicationcontrollers/finalizers"),
        PODS,
        events(),
    ),
    "resourcequota-controller": (
        rule("list watch", "*", "*"),
        rule("update", "core", "resourcequotas/status"),
        events(),
    ),
    "route-controller": (
        rule("list watch", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        events(),
    ),
    "service-account-controller": (rule("create", "core", "serviceaccounts"), events()),
    "service-controller": (
        rule(READ, "core", "services"),
        rule("patch update", "core", "services/status"),
        rule("list watch", "core", "nodes"),
        events(),
    ),
    "service-cidrs-controller": (
        rule(f"patch update {READ}", "networking.k8s.io", "servicecidrs"),
        rule("patch update", "networking.k8s.io", "servicecidrs/finalizers"),
        rule("patch update", "networking.k8s.io", "servicecidrs/status"),
        rule(READ, "networking.k8s.io", "ipaddresses"),
        events(),
    ),
    "statefulset-controller": (
        rule("list watch", "core", "pods"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "apps", "statefulsets/status"),
        rule("update", "apps", "statefulsets/finalizers"),
        rule("get create delete update patch", "core", "pods"),
        rule(f"create delete update patch {READ}", "apps", "controllerrevisions"),
        rule(f"create {READ}", "core", "persistentvolumeclaims"),
        rule("update delete", "core", "persistentvolumeclaims"),
        rule("update", "core", "pods/finalizers"),
        events(),
    ),
    "ttl-controller": (rule("update patch list watch", "core", "nodes"), events()),
    "certificate-controller": (
        rule(f"delete {READ}", "certificates.k8s.io", CSR),
        rule("update", "certificates.k8s.io", f"{CSR}/status {CSR}/approval"),
        rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
        rule("sign", "certificates.k8s.io", "signers", SIGNERS),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        events(),
    ),
    "pvc-protection-controller": (
        rule(f"update {READ}", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "pods"),
        events(),
    ),
    "pv-protection-controller": (rule(f"update {READ}", "core", "persistentvolumes"), events()),
    "volumeattributesclass-protection-controller": (
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "persistentvolumes"),
        rule(f"update {READ}", "storage.k8s.io", "volumeattributesclasses"),
        events(),
    ),
    "ttl-after-finished-controller": (rule(f"delete {READ}", "batch", "jobs"), events()),
    "root-ca-cert-publisher": (rule("create update", "core", "configmaps"), events()),
    "validatingadmissionpolicy-status-controller": (
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
        events(),
    ),
    "storage-version-migrator-controller": (
        rule("list patch", "*", "*"),
        rule("get", "apiextensions.k8s.io", "customresourcedefinitions"),
        rule("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"),
        rule("update", "storagemigration.k8s.io", "storageversionmigrations/status"),
    ),
    # Not upstream's: what the sidecar of a CSI driver that provisions has, for volumes that are directories.
    "local-path-provisioner": (
        rule(f"create delete update {READ}", "core", "persistentvolumes"),
        rule(f"update {READ}", "core", "persistentvolumeclaims"),
        rule(READ, "core", "nodes"),
        rule(f"create {READ}", "storage.k8s.io", "storageclasses"),
        events(),
    ),
    "legacy-service-account-token-cleaner": (
        rule("get", "core", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"),
        rule("patch delete", "core", "secrets"),
    ),
    "selinux-warning-controller": (
        events(),
        rule(READ, "core", "persistentvolumes"),
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "pods"),
        rule(READ, "storage.k8s.io", "csidrivers"),
    ),
}
"""Service account -> rules."""

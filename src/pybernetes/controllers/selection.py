"""Which controllers run: upstream's `--controllers`, with its older names and what is off unless it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

ALIASES = {
    "attachdetach": "persistentvolume-attach-detach-controller",
    "bootstrapsigner": "bootstrap-signer-controller",
    "clusterrole-aggregation": "clusterrole-aggregation-controller",
    "cronjob": "cronjob-controller",
    "csrapproving": "certificatesigningrequest-approving-controller",
    "csrcleaner": "certificatesigningrequest-cleaner-controller",
    "csrsigning": "certificatesigningrequest-signing-controller",
    "daemonset": "daemonset-controller",
    "deployment": "deployment-controller",
    "disruption": "disruption-controller",
    "endpoint": "endpoints-controller",
    "endpointslice": "endpointslice-controller",
    "endpointslicemirroring": "endpointslice-mirroring-controller",
    "ephemeral-volume": "ephemeral-volume-controller",
    "garbagecollector": "garbage-collector-controller",
    "horizontalpodautoscaling": "horizontal-pod-autoscaler-controller",
    "job": "job-controller",
    "legacy-service-account-token-cleaner": "legacy-serviceaccount-token-cleaner-controller",
    "namespace": "namespace-controller",
    "nodeipam": "node-ipam-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "persistentvolume-binder": "persistentvolume-binder-controller",
    "persistentvolume-expander": "persistentvolume-expander-controller",
    "podgc": "pod-garbage-collector-controller",
    "pv-protection": "persistentvolume-protection-controller",
    "pvc-protection": "persistentvolumeclaim-protection-controller",
    "replicaset": "replicaset-controller",
    "replicationcontroller": "replicationcontroller-controller",
    "resource-claim-controller": "resourceclaim-controller",
    "resourcequota": "resourcequota-controller",
    "root-ca-cert-publisher": "root-ca-certificate-publisher-controller",
    "route": "node-route-controller",
    "service": "service-lb-controller",
    "cloud-node-lifecycle": "cloud-node-lifecycle-controller",
    "serviceaccount": "serviceaccount-controller",
    "serviceaccount-token": "serviceaccount-token-controller",
    "statefulset": "statefulset-controller",
    "storage-version-gc": "storageversion-garbage-collector-controller",
    "tokencleaner": "token-cleaner-controller",
    "ttl": "ttl-controller",
    "ttl-after-finished": "ttl-after-finished-controller",
}
"""Names of before 1.28, which upstream still takes (kubeadm uses two of them)."""

OFF_BY_DEFAULT = frozenset(
    {"bootstrap-signer-controller", "token-cleaner-controller", "selinux-warning-controller"}
)
"""`*` does not mean these."""

CLOUD = frozenset({"service-lb-controller", "node-route-controller", "cloud-node-lifecycle-controller"})
"""Known by name, and run only where there is a cloud provider: never here."""


class UnknownController(ValueError):
    """`--controllers` names a controller that does not exist."""


def chosen(names: Collection[str], selection: str) -> frozenset[str]:
    """Those of `names` that `*`, `NAME` and `-NAME` select, by commas; the first entry that speaks of a controller
    decides. Raises UnknownController."""
    entries = [_canonical(entry.strip()) for entry in selection.split(",") if entry.strip()]
    for entry in entries:
        name = entry.removeprefix("-")
        if entry != "*" and name not in names and name not in CLOUD | OFF_BY_DEFAULT:
            raise UnknownController(f'"{name}" is not in the list of known controllers')
    return frozenset(name for name in names if _is_on(name, entries))


def _canonical(entry: str) -> str:
    off = entry.startswith("-")
    name = entry.removeprefix("-")
    return ("-" if off else "") + ALIASES.get(name, name)


def _is_on(name: str, entries: Sequence[str]) -> bool:
    for entry in entries:
        if entry == name:
            return True
        if entry == f"-{name}":
            return False
    return "*" in entries and name not in OFF_BY_DEFAULT

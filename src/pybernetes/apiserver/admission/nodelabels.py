"""Which labels a kubelet may put on its Node."""

from __future__ import annotations

from collections.abc import Mapping

RESTRICTED = "node-restriction.kubernetes.io"
KUBERNETES = ("kubernetes.io", "k8s.io")
KUBELET_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
KUBELET_LABELS = frozenset(
    (
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "node.kubernetes.io/instance-type",
    )
)


def _within(domain: str, suffix: str) -> bool:
    return domain == suffix or domain.endswith(f".{suffix}")


def allowed_label(key: str) -> bool:
    """A label of one's own domain, or one of those that kubelets are known to set."""
    domain, slash, _ = key.partition("/")
    if not slash:
        return True
    if _within(domain, RESTRICTED):
        return False
    if not any(_within(domain, suffix) for suffix in KUBERNETES):
        return True
    return key in KUBELET_LABELS or any(_within(domain, suffix) for suffix in KUBELET_NAMESPACES)


def forbidden_labels(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The labels that change and that a kubelet may not change, sorted."""
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    return sorted(key for key in changed if not allowed_label(key))

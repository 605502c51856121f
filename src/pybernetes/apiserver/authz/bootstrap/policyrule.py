"""The notation of the tables: `rule("get list", "core apps", "pods deployments")`. Words are separated by spaces; the
group `core` is the one without a name."""

from __future__ import annotations

from pybernetes.api.meta import MutableObj

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
READ_WRITE = f"{READ} {WRITE}"


def rule(verbs: str, groups: str, resources: str, names: str = "") -> MutableObj:
    """A PolicyRule on resources; lists come out sorted, as upstream stores them."""
    tree: MutableObj = {
        "verbs": sorted(verbs.split()),
        "apiGroups": sorted("" if group == "core" else group for group in groups.split()),
        "resources": sorted(resources.split()),
    }
    return {**tree, "resourceNames": sorted(names.split())} if names else tree


def urls(verbs: str, paths: str) -> MutableObj:
    """A PolicyRule on non-resource URLs."""
    return {"verbs": sorted(verbs.split()), "nonResourceURLs": sorted(paths.split())}


def events() -> MutableObj:
    """Recording events, in both groups that serve them."""
    return rule("create patch update", "core events.k8s.io", "events")


def leader_election(name: str) -> tuple[MutableObj, ...]:
    """Holding the lock of a component: one Lease by name."""
    return (
        rule("create", "coordination.k8s.io", "leases"),
        rule("get update", "coordination.k8s.io", "leases", name),
    )

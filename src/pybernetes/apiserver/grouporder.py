"""The priorities by which discovery orders groups and the versions in them: those of upstream's APIServices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DEFINED_PRIORITIES = (1000, 100)
"""Of groups that CustomResourceDefinitions make."""
PRIORITIES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("", "v1"): (18000, 1),
    ("apps", "v1"): (17800, 15),
    ("events.k8s.io", "v1"): (17750, 15),
    ("authentication.k8s.io", "v1"): (17700, 15),
    ("authorization.k8s.io", "v1"): (17600, 15),
    ("autoscaling", "v1"): (17500, 15),
    ("autoscaling", "v2"): (17500, 30),
    ("batch", "v1"): (17400, 15),
    ("certificates.k8s.io", "v1"): (17300, 15),
    ("networking.k8s.io", "v1"): (17200, 15),
    ("policy", "v1"): (17100, 15),
    ("rbac.authorization.k8s.io", "v1"): (17000, 15),
    ("storage.k8s.io", "v1"): (16800, 15),
    ("apiextensions.k8s.io", "v1"): (16700, 15),
    ("admissionregistration.k8s.io", "v1"): (16700, 15),
    ("scheduling.k8s.io", "v1"): (16600, 15),
    ("coordination.k8s.io", "v1"): (16500, 15),
    ("node.k8s.io", "v1"): (16300, 15),
    ("discovery.k8s.io", "v1"): (16200, 15),
    ("flowcontrol.apiserver.k8s.io", "v1"): (16100, 21),
    ("resource.k8s.io", "v1"): (15900, 20),
    ("storagemigration.k8s.io", "v1"): (15800, 15),
}
"""Of built-in groups: (of the group, of the version in it). `apiregistration.k8s.io` is not among them, as upstream."""

FIRST = 1 << 30
"""The priority of `apiregistration.k8s.io`, which has no APIService."""


def ordered(group_versions: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs by falling priority of the group, then by its name; the versions of a custom group stay as they stand."""

    def key(pair: tuple[str, str]) -> tuple[int, str, int]:
        group, _ = pair
        of_version = PRIORITIES[pair][1] if pair in PRIORITIES else 0
        return -group_priority(group), group, -of_version

    return sorted(group_versions, key=key)


def group_priority(group: str) -> int:
    """Of a group that this server serves itself."""
    if group == "apiregistration.k8s.io":
        return FIRST
    return _GROUPS.get(group, DEFINED_PRIORITIES[0])


_GROUPS = {group: of_group for (group, _), (of_group, _) in PRIORITIES.items()}

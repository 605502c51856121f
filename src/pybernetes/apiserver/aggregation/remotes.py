"""The APIServices that name a Service, read. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.apiextensions.served import priority
from pybernetes.api.meta import Obj


@dataclass(frozen=True, slots=True)
class Remote:
    """Who serves one version of a group."""

    name: str
    """Of the APIService: `v1beta1.metrics.k8s.io`."""
    group: str
    version: str
    namespace: str
    service: str
    port: int
    ca_bundle: str
    """PEM; "" for the system's roots."""
    insecure: bool
    group_priority: int
    version_priority: int
    available: bool

    @property
    def path(self) -> str:
        """Below which its resources are."""
        return f"/apis/{self.group}/{self.version}"

    @property
    def server_name(self) -> str:
        """The name that its certificate must be for."""
        return f"{self.service}.{self.namespace}.svc"


def remote_of(tree: Obj) -> Remote | None:
    """None for what this server serves itself."""
    spec = tree.get("spec") or {}
    service = spec.get("service")
    if service is None:
        return None
    return Remote(
        tree["metadata"]["name"],
        spec.get("group") or "",
        spec.get("version") or "",
        service.get("namespace") or "",
        service.get("name") or "",
        int(service.get("port") or 443),
        _pem(spec.get("caBundle") or ""),
        bool(spec.get("insecureSkipTLSVerify")),
        int(spec.get("groupPriorityMinimum") or 0),
        int(spec.get("versionPriority") or 0),
        is_available(tree),
    )


def _pem(bundle: str) -> str:
    try:
        return base64.b64decode(bundle).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "unreadable"  # trusting nobody: the availability check tells of it


def is_available(tree: Obj) -> bool:
    """What its condition says."""
    conditions = (tree.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Available" and c.get("status") == "True" for c in conditions)


def by_preference(remotes: Iterable[Remote]) -> list[Remote]:
    """Of one group or many: the preferred version first."""
    return sorted(
        remotes, key=lambda r: (-r.group_priority, r.group, -r.version_priority, priority(r.version))
    )

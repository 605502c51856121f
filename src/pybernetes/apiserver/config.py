"""What an API server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .audit.auditor import AuditConfig

GIT_VERSION = "v1.37.0+pybernetes"
"""What `/version` says; kubectl compares the part before `+`."""

AuthorizationMode = Literal["Node", "RBAC", "AlwaysAllow", "AlwaysDeny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletClientTls:
    """How the API server proves itself to kubelets and knows them. PEM texts."""

    client_certificate: bytes
    client_key: bytes
    kubelet_ca: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServerConfig:
    """Defaults are those of upstream's flags. PEM texts where bytes are asked for; empty means the part is off."""

    advertise_address: str = "127.0.0.1"
    secure_port: int = 6443
    service_cidr: str = "10.96.0.0/12"
    service_node_ports: tuple[int, int] = (30000, 32767)
    """First and last."""
    client_ca: bytes = b""
    """CAs that client certificates must chain to; the TLS layer has already checked the chain."""
    cluster_ca: bytes = b""
    """What pods are given as `ca.crt` (published by a controller; kept here for `kubectl` to read)."""
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    service_account_audiences: tuple[str, ...] = ("https://kubernetes.default.svc.cluster.local",)
    service_account_signing_key: bytes = b""
    service_account_verify_keys: tuple[bytes, ...] = ()
    """Public keys beside the signing key's own whose tokens are accepted."""
    kubelet_client: KubeletClientTls | None = None
    proxy_client_certificate: bytes = b""
    """What this server shows to aggregated API servers, which believe it whom it speaks for."""
    proxy_client_key: bytes = b""
    requestheader_client_ca: bytes = b""
    """CAs of front proxies: whoever has a certificate of theirs is believed whom it names in headers."""
    requestheader_allowed_names: tuple[str, ...] = ()
    """Common names of front proxies; none: any."""
    requestheader_username_headers: tuple[str, ...] = ("X-Remote-User",)
    requestheader_uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    requestheader_group_headers: tuple[str, ...] = ("X-Remote-Group",)
    requestheader_extra_headers_prefix: tuple[str, ...] = ("X-Remote-Extra-",)
    authorization_modes: tuple[AuthorizationMode, ...] = ("Node", "RBAC")
    anonymous: bool = True
    token_auth: str = ""
    """The text of a static token file: CSV lines `token,user,uid,"group1,group2"`."""
    enable_admission_plugins: tuple[str, ...] = ()
    """Names of plugins beside those that are on by default."""
    disable_admission_plugins: tuple[str, ...] = ()
    audit: AuditConfig | None = None
    """What is logged of requests, and where; None: nothing."""
    features: frozenset[str] = frozenset()
    """The feature gates that are on (`api/features.py`)."""
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    request_timeout: float = 60.0
    """Seconds a request may take that is not a watch, a log or an upgraded connection."""
    event_ttl: int = 3600
    """Seconds after which an Event is gone."""
    compaction_interval: float = 300.0
    """Seconds between compactions of the store's history; 0: never."""
    watch_window: int = 2000
    """Changes per kind that a watch can go back to."""
    ledger_size: int = 20_000
    """Writes remembered with their causes."""
    bootstrap: bool = True
    """Whether system namespaces, RBAC, priority classes and the `kubernetes` Service are made at start."""
    freeze_trees: bool = False
    """Hand out trees that raise when they are mutated (tests)."""

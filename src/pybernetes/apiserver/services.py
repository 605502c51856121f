"""The parts of one API server that requests use: one value, made in `server.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pybernetes.clock import Env
from pybernetes.store.types import Store

from .authn.chain import Authenticator
from .authn.serviceaccount import TokenIssuer
from .authz.chain import Chain
from .authz.rbac import Rbac
from .cacher import Cacher
from .config import ApiServerConfig
from .ledger import Ledger
from .registry import Registry
from .storage import Storage

if TYPE_CHECKING:
    from pybernetes.wire.http.messages import Response, Upgrade

    from .admission.plugin import Plugin
    from .admission.quotas import Quotas
    from .admission.webhooks.caller import WebhookCaller
    from .allocators.services import ServiceAllocator
    from .context import RequestContext
    from .eventlease import EventLeases
    from .metrics import Metrics
    from .openapi import OpenApi


Connect = Callable[["RequestContext"], Awaitable["Response | Upgrade"]]
"""Serves log, exec, attach, portforward and proxy: hands the request to a kubelet or an address."""


@dataclass(slots=True)
class Services:
    config: ApiServerConfig
    env: Env
    store: Store
    registry: Registry
    cacher: Cacher
    storage: Storage
    ledger: Ledger
    metrics: Metrics
    authenticator: Authenticator
    verify_keys: tuple[bytes, ...]
    """PEM keys (public, or private ones whose public half counts) that verify service account tokens."""
    issuer: TokenIssuer | None
    """None: no signing key, so no tokens."""
    authorizer: Chain
    rbac: Rbac
    admission: tuple[Plugin, ...]
    quotas: Quotas
    webhooks: WebhookCaller
    allocator: ServiceAllocator
    event_leases: EventLeases
    openapi: OpenApi
    connect: Connect
    in_flight: int = 0
    mutating_in_flight: int = 0
    ready: bool = False
    stopping: bool = False
    component_checks: dict[str, Callable[[], Awaitable[str]]] = field(default_factory=dict)
    """"scheduler" and "controller-manager", where they run beside this server -> what is wrong with them ("" for
    nothing): for ComponentStatus."""

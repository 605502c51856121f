"""The parts of one API server that requests use: one value, made in `server.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pybernetes.api.meta import Obj
from pybernetes.clock import Env
from pybernetes.store.types import Store

from .auditids import AuditIds
from .authn.chain import Authenticator
from .authn.serviceaccount import TokenIssuer
from .authz.chain import Chain
from .authz.rbac import Rbac
from .cacher import Cacher
from .config import ApiServerConfig
from .deadlines import Deadlines
from .ledger import Ledger
from .registry import Registry
from .storage import Storage

if TYPE_CHECKING:
    from pybernetes.wire.http.messages import Response, Upgrade

    from .admission.quotas import Quotas
    from .admission.steps import Plugins
    from .admission.webhooks.caller import WebhookCaller
    from .aggregation.aggregator import Aggregator
    from .allocators.ipaddresses import AddressBook
    from .allocators.services import ServiceAllocator
    from .audit.auditor import Auditor
    from .context import RequestContext
    from .eventlease import EventLeases
    from .flowcontrol.control import FlowControl
    from .metrics import Metrics
    from .openapi import OpenApi
    from .replies import Reply
    from .verbs.templates import Templates


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
    admission: Plugins
    quotas: Quotas
    webhooks: WebhookCaller
    allocator: ServiceAllocator
    addresses: AddressBook
    event_leases: EventLeases
    openapi: OpenApi
    connect: Connect
    aggregator: Aggregator
    flows: FlowControl
    deadlines: Deadlines
    templates: Templates
    audit_ids: AuditIds
    auditor: Auditor | None
    """None: no audit policy, so no audit log."""
    in_flight: int = 0
    mutating_in_flight: int = 0
    ready: bool = False
    stopping: bool = False
    component_checks: dict[str, Callable[[], Awaitable[str]]] = field(default_factory=dict)
    """"scheduler" and "controller-manager", where they run beside this server -> what is wrong with them ("" for
    nothing): for ComponentStatus."""
    computed: Mapping[tuple[str, str], Mapping[str, Callable[[RequestContext], Awaitable[Reply]]]] = field(
        default_factory=dict
    )
    """(group, resource) -> what answers its verbs: kinds of whoever runs this server that are not stored."""
    decision: Callable[[str, str], Obj | None] | None = None
    """(namespace, name) -> the decision about a pod of a scheduler that runs beside this server, in its own words."""

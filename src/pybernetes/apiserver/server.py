"""The API server as one object: what it is made of, and how it starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pybernetes.api.errors import ApiError
from pybernetes.api.features import gated_kinds
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import (
    APISERVICE,
    CUSTOMRESOURCEDEFINITION,
    FLOWSCHEMA,
    IPADDRESS,
    KINDS,
    SERVICE,
    SERVICECIDR,
)
from pybernetes.clock import Env
from pybernetes.store.types import Store
from pybernetes.wire.http.messages import Request, Response, Upgrade

from .admission.chain import chosen
from .admission.quotas import Quotas
from .admission.steps import Plugins
from .admission.webhooks.caller import WebhookCaller
from .aggregation.aggregator import Aggregator
from .allocators.ipaddresses import AddressBook
from .allocators.services import ServiceAllocator
from .auditids import AuditIds
from .authn.bootstraptoken import BootstrapTokens
from .authn.chain import Authenticator
from .authn.clientcert import ClientCertificates
from .authn.frontproxy import front_proxies
from .authn.serviceaccount import ServiceAccountTokens, TokenIssuer
from .authn.tokenfile import StaticTokens
from .authorizerfeed import CacheView, follow
from .authz.chain import chain_of
from .authz.node import NodeAuthorizer
from .authz.rbac import Rbac
from .cacher import Cacher
from .config import GIT_VERSION, ApiServerConfig
from .connect.serve import Connector
from .context import RequestContext
from .customresources.controller import CustomResources
from .deadlines import Deadlines
from .encode import error_response, respond
from .eventlease import EventLeases
from .flowcontrol.control import FlowControl
from .inprocess import InProcessTransport
from .kubeletclient import connector
from .ledger import Ledger
from .metrics import Metrics
from .openapi import OpenApi
from .pipeline import handle
from .registry import Registry
from .requesttimeout import within_timeout
from .services import Connect, Services
from .startup import (
    apiservices,
    authenticationinfo,
    bootstrap,
    compaction,
    flowcontrol,
    kubernetesservice,
    serviceaddresses,
)
from .startup.legacytokens import LegacyTokens
from .storage import Storage
from .user import MASTERS, User
from .verbs.templates import Templates

if TYPE_CHECKING:
    from .audit.auditor import Auditor

LOOPBACK = User("system:apiserver", groups=(MASTERS,))
"""Whom the server's own requests are from."""


class ApiServer:
    """Serves one store. Several API servers may serve the same store (etcd).

    The caller owns `store` and closes it after this. Use as an async context manager, or `start` and `close`.
    Make it inside the running loop. `connect` serves log, exec, attach, port-forward and proxy, where that is not to
    be done over the network.
    """

    def __init__(
        self,
        store: Store,
        env: Env,
        config: ApiServerConfig | None = None,
        *,
        kinds: Iterable[Kind] = KINDS,
        connect: Connect | None = None,
    ) -> None:
        config = config or ApiServerConfig()
        kinds = (*kinds, *gated_kinds(config.features))
        registry = Registry(kinds, window=config.watch_window, frozen=config.freeze_trees)
        rbac = Rbac()
        follow(registry, rbac)
        allocator = ServiceAllocator(config.service_cidr, config.service_node_ports, env.rng)
        registry.cache(SERVICE).observers.append(allocator.follow)
        for kind, observe in (
            (IPADDRESS, allocator.follow_addresses),
            (SERVICECIDR, allocator.follow_networks),
        ):
            if kind in registry.kinds:
                registry.cache(kind).observers.append(observe)
        verify_keys = _verify_keys(config)
        self._connector: Connector | None = None
        self._legacy_tokens = LegacyTokens(self.transport(LOOPBACK), env)
        cacher = Cacher(store, registry.caches.values())
        metrics = Metrics()
        storage = Storage(store, cacher, metrics)
        self.config = config
        self.services = Services(
            config=config,
            env=env,
            store=store,
            registry=registry,
            cacher=cacher,
            storage=storage,
            ledger=Ledger(config.ledger_size),
            metrics=metrics,
            authenticator=_authenticator(config, registry, verify_keys, env, self._legacy_tokens),
            verify_keys=verify_keys,
            issuer=_issuer(config, env),
            authorizer=chain_of(
                config.authorization_modes, {"RBAC": rbac, "Node": NodeAuthorizer(CacheView(registry))}
            ),
            rbac=rbac,
            admission=Plugins(chosen(config.enable_admission_plugins, config.disable_admission_plugins)),
            quotas=Quotas(registry, storage, env.now),
            webhooks=WebhookCaller(registry, env),
            allocator=allocator,
            addresses=AddressBook(registry, env),
            event_leases=EventLeases(store, config.event_ttl),
            openapi=OpenApi(registry, GIT_VERSION),
            connect=connect or self._connect,
            aggregator=Aggregator(registry, env, config, self.transport(LOOPBACK)),
            flows=FlowControl(registry, config),
            deadlines=Deadlines(config.request_timeout),
            templates=Templates(registry),
            audit_ids=AuditIds(env.rng),
            auditor=_auditor(config, env),
        )
        self.services.openapi.aggregator = self.services.aggregator
        self._custom_resources = (
            CustomResources(registry, cacher, self.transport(LOOPBACK), env, self.services.webhooks, metrics)
            if CUSTOMRESOURCEDEFINITION in registry.kinds
            else None
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ledger(self) -> Ledger:
        """Who wrote what, and why."""
        return self.services.ledger

    async def start(self) -> None:
        """Fills the cache, makes the bootstrap objects and returns when requests can be served."""
        services, config = self.services, self.config
        cacher = services.cacher
        self._spawn(cacher.run(), "watch cache")
        await cacher.filled.wait()
        if self._custom_resources is not None:
            await self._custom_resources.start()
            self._spawn(self._custom_resources.run(), "custom resources")
        if config.bootstrap:
            own, registry = self.transport(LOOPBACK), services.registry
            address = services.allocator.first_address
            await bootstrap.bootstrap(own, registry, config.features)
            if authenticationinfo.data_of(config):
                self._spawn(authenticationinfo.keep(own, registry, config), "authentication info")
            await kubernetesservice.publish(own, registry, config, address)
            self._spawn(kubernetesservice.keep(own, registry, config, address), "kubernetes service")
            await serviceaddresses.publish(own, services)
            self._spawn(serviceaddresses.keep(own, services), "service addresses")
            if APISERVICE in registry.kinds:
                await apiservices.publish(own, registry)
                if CUSTOMRESOURCEDEFINITION in registry.kinds:
                    self._spawn(apiservices.keep(own, registry), "custom APIServices")
            if FLOWSCHEMA in registry.kinds:
                await flowcontrol.publish(own, registry)
                self._spawn(flowcontrol.keep(own, registry, services.env.now), "flow control")
            await cacher.fresh()
        self._spawn(cacher.bookmarks(), "bookmarks")
        self._spawn(services.aggregator.run(), "aggregator")
        tracked = services.registry if config.bootstrap and services.verify_keys else None
        self._spawn(self._legacy_tokens.run(tracked), "legacy tokens")
        if config.compaction_interval > 0:
            self._spawn(compaction.compact(services.store, cacher, config.compaction_interval), "compaction")
        services.ready = True

    async def close(self) -> None:
        """Ends watches and background tasks."""
        self.services.stopping = True
        self.services.cacher.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        self.services.deadlines.close()
        await self.services.webhooks.close()
        await self.services.aggregator.close()
        if self.services.auditor is not None:
            self.services.auditor.close()
        if self._connector is not None:
            await self._connector.close()

    async def __aenter__(self) -> ApiServer:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def be_front_proxy(self, ca: bytes, certificate: bytes, key: bytes, name: str) -> None:
        """Gives the certificates of front proxies (PEM) to a server that was started before there were any: it shows
        its own to aggregated API servers, and believes who shows one for `name`."""
        config = replace(
            self.config,
            proxy_client_certificate=certificate,
            proxy_client_key=key,
            requestheader_client_ca=ca,
            requestheader_allowed_names=(name,),
        )
        services = self.services
        self.config = services.config = config
        services.aggregator.use(config)
        services.authenticator.front_proxies = front_proxies(config)
        keeping = authenticationinfo.keep(self.transport(LOOPBACK), services.registry, config)
        self._spawn(keeping, "authentication info")

    async def handler(self, request: Request) -> Response | Upgrade:
        """Answers one HTTP request: give this to `wire.http`'s server."""
        ctx = RequestContext(self.services, request)
        try:
            asked = within_timeout(ctx, request, handle) if "timeout=" in request.raw_query else handle(ctx)
            response = respond(ctx, await asked)
        except ApiError as error:
            response = error_response(ctx, error)
        named = ("Audit-Id", ctx.ensure_audit_id())
        flow = ctx.flow.headers if ctx.flow is not None else ()
        response.headers = (*response.headers, *flow, named)
        return response

    async def _connect(self, ctx: RequestContext) -> Response | Upgrade:
        """The default of `connect`; its clients are made at the first use."""
        if self._connector is None:
            self._connector = connector(self.config.kubelet_client)
        return await self._connector.connect(ctx)

    def transport(self, user: User) -> InProcessTransport:
        """A way in without HTTP, as `user` (trusted: who holds the server may be anyone)."""
        return InProcessTransport(self, user)

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(coroutine, name=f"apiserver {name}"))


def _auditor(config: ApiServerConfig, env: Env) -> Auditor | None:
    if config.audit is None:
        return None
    from .audit.auditor import Auditor

    return Auditor(config.audit, env)


def _verify_keys(config: ApiServerConfig) -> tuple[bytes, ...]:
    own = (config.service_account_signing_key,) if config.service_account_signing_key else ()
    return (*own, *config.service_account_verify_keys)


def _issuer(config: ApiServerConfig, env: Env) -> TokenIssuer | None:
    if not config.service_account_signing_key:
        return None
    return TokenIssuer(
        config.service_account_issuer,
        config.service_account_audiences,
        config.service_account_signing_key,
        env,
    )


def _static_tokens(config: ApiServerConfig) -> tuple[StaticTokens, ...]:
    return (StaticTokens.parse(config.token_auth.splitlines()),) if config.token_auth else ()


def _authenticator(
    config: ApiServerConfig,
    registry: Registry,
    verify_keys: tuple[bytes, ...],
    env: Env,
    legacy_tokens: LegacyTokens,
) -> Authenticator:
    accounts = None
    if verify_keys:
        accounts = ServiceAccountTokens(
            (config.service_account_issuer,),
            config.service_account_audiences,
            verify_keys,
            registry.core,
            env,
            legacy_tokens.used,
        )
    return Authenticator(
        certificates=ClientCertificates(),
        service_accounts=accounts,
        tokens=(*_static_tokens(config), BootstrapTokens(registry.core, env)),
        anonymous=config.anonymous,
        audiences=config.service_account_audiences,
        front_proxies=front_proxies(config),
    )

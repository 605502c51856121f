"""The parts of one API server that requests use: one value, made in `server.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pybernetes.clock import Env
from pybernetes.store.types import Store

from .attributes import Attributes
from .cacher import Cacher
from .config import ApiServerConfig
from .ledger import Ledger
from .registry import Registry
from .storage import Storage
from .user import User

if TYPE_CHECKING:
    from pybernetes.wire.http.messages import Request, Response, Upgrade

    from .admission.plugin import Plugin
    from .allocators.services import ServiceAllocator
    from .context import RequestContext
    from .eventlease import EventLeases
    from .metrics import Metrics
    from .openapi import OpenApi


class Decision(Protocol):
    """What an authorizer answers."""

    @property
    def allowed(self) -> bool: ...

    @property
    def reason(self) -> str: ...


Authorize = Callable[[Attributes], Decision]
Authenticate = Callable[["Request"], Awaitable[User]]
"""The user of an HTTP request (anonymous where that is allowed). Raises Unauthorized."""


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """What is known of a bearer token: `user` None where it is not valid."""

    user: User | None
    audiences: tuple[str, ...] = ()
    error: str = ""


class Tokens(Protocol):
    """Service account tokens: checking, and making them."""

    async def review(self, token: str, audiences: tuple[str, ...]) -> TokenStatus: ...

    def issue(
        self, *, namespace: str, name: str, uid: str, audiences: tuple[str, ...], seconds: int, bound: object
    ) -> tuple[str, float]:
        """The token, and when it expires in Unix seconds."""
        ...


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
    authenticate: Authenticate
    authorize: Authorize
    admission: tuple[Plugin, ...]
    allocator: ServiceAllocator
    event_leases: EventLeases
    openapi: OpenApi
    connect: Connect
    in_flight: int = 0
    mutating_in_flight: int = 0
    ready: bool = False
    stopping: bool = False

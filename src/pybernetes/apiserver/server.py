"""The API server as one object: what it is made of, and how it starts and ends."""

from __future__ import annotations

from pybernetes.clock import Env
from pybernetes.store.types import Store
from pybernetes.wire.http.messages import Request, Response

from .config import ApiServerConfig
from .inprocess import InProcessTransport
from .user import User


class ApiServer:
    """Serves one store. Several API servers may serve the same store (etcd).

    The caller owns `store` and closes it after this. Use as an async context manager, or `start` and `close`.
    """

    def __init__(self, store: Store, env: Env, config: ApiServerConfig | None = None) -> None: ...

    async def start(self) -> None:
        """Fills the cache, makes the bootstrap objects and returns when requests can be served."""

    async def close(self) -> None:
        """Ends watches and background tasks."""

    async def handler(self, request: Request) -> Response:
        """Answers one HTTP request: give this to `wire.http`'s server."""

    def transport(self, user: User) -> InProcessTransport:
        """A way in without HTTP, as `user` (trusted: who holds the server may be anyone)."""
        return InProcessTransport(self, user)

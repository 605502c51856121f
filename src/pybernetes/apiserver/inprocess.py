"""The way into the API server from the same process: the same pipeline, carrying trees, encoding nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from pybernetes.api.meta import Obj
from pybernetes.client.interface import Call, WatchEvent

from .user import User

if TYPE_CHECKING:
    from .server import ApiServer


class InProcessTransport:
    """`client.interface.Transport` over an `ApiServer` of this process.

    Trees that come back are those of the server's cache, shared by everybody: never change them.
    """

    def __init__(self, server: ApiServer, user: User) -> None:
        self._server = server
        self._user = user

    async def call(self, call: Call) -> Obj: ...

    def watch(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]: ...

    async def close(self) -> None:
        """Nothing is held open: the server ends watches."""

"""Clients with the rights of service accounts, for a controller manager that runs alone.

Each controller works under its own account (upstream's `--use-service-account-credentials`): a bound token is asked for
with the manager's own rights, and replaced when most of its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.client.discovery import Path
from pybernetes.client.https import HttpsTransport
from pybernetes.client.interface import Call, Client, WatchEvent
from pybernetes.client.kubeconfig import Access
from pybernetes.wire.tls import client_context

NAMESPACE = "kube-system"
SECONDS = 3600
RENEW_AFTER = 0.8 * SECONDS


class AccountTransport:
    """Implements `client.interface.Transport` as one service account. `manager` may create accounts and tokens."""

    def __init__(self, access: Access, manager: Client, account: str) -> None:
        ca = access.ca_pem.decode() or None
        self._access = replace(
            access, tls=client_context(ca) if access.tls else None, token="", token_file=None
        )
        self._manager = manager
        self._account = account
        self._lock = asyncio.Lock()
        self._current: HttpsTransport | None = None
        self._renew_at = 0.0

    async def call(self, call: Call) -> Obj:
        return await (await self._transport()).call(call)

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        async with (await self._transport()).watch(call) as events:
            yield events

    async def discover(self, path: Path) -> Obj:
        return await (await self._transport()).discover(path)

    async def close(self) -> None:
        if self._current is not None:
            await self._current.close()

    async def _transport(self) -> HttpsTransport:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._current is None or now >= self._renew_at:
                token = await self._token()
                previous, self._current = self._current, HttpsTransport(replace(self._access, token=token))
                self._renew_at = now + RENEW_AFTER
                if previous is not None:
                    await previous.close()
            return self._current

    async def _token(self) -> str:
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": self._account, "namespace": NAMESPACE},
            "spec": {"expirationSeconds": SECONDS},
        }
        try:
            answer = await self._manager.create(
                kinds.SERVICEACCOUNT, request, subresource="token", name=self._account
            )
        except NotFound:
            await self._create_account()
            answer = await self._manager.create(
                kinds.SERVICEACCOUNT, request, subresource="token", name=self._account
            )
        return str(answer["status"]["token"])

    async def _create_account(self) -> None:
        try:
            await self._manager.create(
                kinds.SERVICEACCOUNT, new_object(kinds.SERVICEACCOUNT, self._account, NAMESPACE)
            )
        except AlreadyExists:
            return

"""Keeping track of tokens in Secrets: since when it is done (a ConfigMap of kube-system), and when each was last used (a
label of its Secret, by the day). The controller that cleans such tokens up reads both.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.kinds import CONFIGMAP, SECRET
from pybernetes.api.meta import Obj, evolve, labels_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

if TYPE_CHECKING:
    from ..registry import Registry

log = logging.getLogger(__name__)

NAMESPACE, NAME = "kube-system", "kube-apiserver-legacy-service-account-token-tracking"
LAST_USED = "kubernetes.io/legacy-token-last-used"


class LegacyTokens:
    """What one API server notes. `own` is the way of its own requests."""

    def __init__(self, own: Transport, env: Env) -> None:
        self._own = own
        self._env = env
        self._used: dict[tuple[str, str], str] = {}
        """Namespace and name of Secrets whose label is to be written -> uid."""
        self._wake = asyncio.Event()

    async def publish(self, registry: Registry) -> None:
        """Says since when uses are noted, where nobody has said so."""
        found = registry.core("configmaps", NAMESPACE, NAME)
        today = {"since": day(self._env.now())}
        try:
            if found is None:
                metadata = {"name": NAME, "namespace": NAMESPACE}
                body: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": today}
                await self._own.call(Call("create", CONFIGMAP, NAMESPACE, body=body))
            elif not _is_day((found.get("data") or {}).get("since", "")):
                body = evolve(found, "data", today)
                await self._own.call(Call("update", CONFIGMAP, NAMESPACE, NAME, body=body))
        except (AlreadyExists, Conflict, NotFound):
            return  # another API server was faster: it does the same

    def used(self, secret: Obj) -> None:
        """Notes that the token of a Secret was used; costs nothing but the first time of a day."""
        if due(secret, self._env.now()):
            self._used[namespace_of(secret), name_of(secret)] = uid_of(secret)
            self._wake.set()

    async def run(self, registry: Registry | None) -> None:
        """Publishes where the registry is given; writes what is noted, until cancelled."""
        if registry is not None:
            try:
                await self.publish(registry)
            except ApiError as error:
                log.warning("ConfigMap %s/%s: %s", NAMESPACE, NAME, error)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._used:
                (namespace, name), uid = self._used.popitem()
                labels = {LAST_USED: day(self._env.now())}
                patch = {"metadata": {"uid": uid, "labels": labels}}
                try:
                    await self._own.call(
                        Call("patch", SECRET, namespace, name, body=patch, patch_type="merge")
                    )
                except ApiError as error:
                    log.warning("the use of the token in Secret %s/%s: %s", namespace, name, error)


def due(secret: Obj, now: float) -> bool:
    """Whether the label says neither today nor (clocks differ) tomorrow."""
    last = labels_of(secret).get(LAST_USED)
    return last not in (day(now), day(now, 1))


def day(now: float, later: int = 0) -> str:
    """The date of Unix time `now`, some days later."""
    return (datetime.fromtimestamp(now, UTC) + timedelta(days=later)).strftime("%Y-%m-%d")


def _is_day(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return True

"""Only one of several instances works: who holds a Lease leads.

The rule is client-go's: a lease is free when it has not been seen to change for its duration, measured on one's own
clock (clocks of machines are not compared). `step` is the whole decision; `LeaderElector` performs it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.meta import Obj
from pybernetes.clock import Env
from pybernetes.lang.timestamps import rfc3339_micro

from .interface import Client

log = logging.getLogger("leaderelection")

LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS = 15.0, 10.0, 2.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: how long a lease holds, for how long its holder tries to renew it, and between two tries
    (`--leader-elect-lease-duration`, `-renew-deadline`, `-retry-period`)."""

    lease: float = LEASE_SECONDS
    renew: float = RENEW_SECONDS
    retry: float = RETRY_SECONDS

    def problem(self) -> str:
        """What is wrong with it, in client-go's words, or ""."""
        if self.lease <= self.renew:
            return "leaseDuration must be greater than renewDeadline"
        if self.renew <= 1.2 * self.retry:
            return "renewDeadline must be greater than retryPeriod*JitterFactor"
        return ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was last seen of a lease, and since when (monotonic seconds) it has looked so."""

    record: tuple[str, str]
    """(holder, renewTime)."""
    since: float
    seconds: float = LEASE_SECONDS
    """How long its holder has claimed it for."""


def observe(lease: Obj | None, before: Observation | None, now: float) -> Observation | None:
    """The observation after a look at the lease."""
    if lease is None:
        return None
    spec = lease.get("spec") or {}
    record = (spec.get("holderIdentity") or "", spec.get("renewTime") or "")
    if before is not None and before.record == record:
        return before
    return Observation(record, now, spec.get("leaseDurationSeconds") or LEASE_SECONDS)


def may_take(seen: Observation | None, identity: str, now: float) -> bool:
    """Whether `identity` may write itself into the lease now."""
    if seen is None or seen.record[0] in ("", identity):
        return True
    return now - seen.since > seen.seconds


def lease_spec(lease: Obj | None, identity: str, at: float, seconds: float = LEASE_SECONDS) -> dict[str, Any]:
    """The spec to write: a renewal, or a take-over counted as a transition. `at` is Unix time."""
    spec = (lease or {}).get("spec") or {}
    stamp = rfc3339_micro(at)
    mine = spec.get("holderIdentity") == identity
    transitions = int(spec.get("leaseTransitions") or 0)
    return {
        **spec,
        "holderIdentity": identity,
        "leaseDurationSeconds": int(seconds),
        "acquireTime": spec.get("acquireTime", stamp) if mine else stamp,
        "renewTime": stamp,
        "leaseTransitions": transitions if mine or lease is None else transitions + 1,
    }


class LeaderElector:
    """Contends for `kube-system/<name>`. Losing the lease ends the work at once; a clean end gives the lease up."""

    def __init__(
        self,
        client: Client,
        env: Env,
        name: str,
        identity: str,
        namespace: str = "kube-system",
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._client = client
        self._env = env
        self._name = name
        self._identity = identity
        self._namespace = namespace
        self._seen: Observation | None = None

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Waits to lead, then runs `work` while leading; raises `LeadershipLost` when that ends."""
        while not await self._try():  # noqa: ASYNC110  (a lease is polled, as upstream does)
            await asyncio.sleep(self._timing.retry)
        log.info("%s leads %s", self._identity, self._name)
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return
            renewing.result()
            raise LeadershipLost(f"{self._identity} no longer leads {self._name}")
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.wait({working, renewing})
            await self._release()

    async def _renew(self) -> None:
        """Returns when the lease could not be renewed in time, also where the server just does not answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timing.renew
        while loop.time() < deadline:
            await asyncio.sleep(self._timing.retry)
            asked = loop.time()
            try:
                async with asyncio.timeout_at(deadline):
                    renewed = await self._try()
            except TimeoutError:
                return
            if renewed:
                deadline = asked + self._timing.renew

    async def _try(self) -> bool:
        now = asyncio.get_running_loop().time()
        try:
            lease = await self._get()
            self._seen = observe(lease, self._seen, now)
            if not may_take(self._seen, self._identity, now):
                return False
            spec = lease_spec(lease, self._identity, self._env.now(), self._timing.lease)
            written = await self._put(lease, spec)
        except (AlreadyExists, Conflict):
            return False
        except (ApiError, OSError) as error:
            log.warning("lease %s: %s", self._name, error)
            return False
        self._seen = observe(written, self._seen, now)
        return True

    async def _get(self) -> Obj | None:
        try:
            return await self._client.get(kinds.LEASE, self._name, self._namespace)
        except NotFound:
            return None

    async def _put(self, lease: Obj | None, spec: Obj) -> Obj:
        if lease is None:
            metadata = {"name": self._name, "namespace": self._namespace}
            new = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": metadata,
                "spec": spec,
            }
            return await self._client.create(kinds.LEASE, new)
        return await self._client.update(kinds.LEASE, {**lease, "spec": spec})

    async def _release(self) -> None:
        """Lets another instance lead at once instead of after the lease's duration."""
        try:
            async with asyncio.timeout(self._timing.retry):
                lease = await self._get()
                if lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                    given_up = {**lease, "spec": {**lease["spec"], "holderIdentity": ""}}
                    await self._client.update(kinds.LEASE, given_up)
        except (ApiError, OSError) as error:
            log.info("lease %s not given up: %s", self._name, error)


class LeadershipLost(Exception):
    """Another instance leads, or nobody could be asked in time."""

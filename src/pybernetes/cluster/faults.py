"""`Cluster.faults`: making things go wrong, on purpose and from the seed.

Each fault is at work until it is stopped: `stop()`, the end of its `with` block, or `faults.clear()`. Clients are named
by users, components by their names (`cluster.parts.components`), nodes by theirs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from types import TracebackType

from pybernetes.api.errors import NotFound
from pybernetes.api.kinds import LEASE
from pybernetes.api.meta import Obj, evolve, name_of
from pybernetes.kubelet.server.locate import bare_id
from pybernetes.lang.timestamps import rfc3339_micro
from pybernetes.sim.virtualclock import VirtualClock

from .composition import CONTROLLERS, SCHEDULER, Composition, kubelet_of
from .faultyserver import WRITES, FaultyApiServer, Rule, api_error

USERS = {
    CONTROLLERS: ("system:kube-controller-manager", "system:serviceaccount:kube-system:*"),
    SCHEDULER: ("system:kube-scheduler",),
}
"""Under which users a component comes to the API server; a kubelet's is `system:node:NAME`."""


class Fault:
    """A fault at work."""

    def __init__(self, undo: Callable[[], object], rule: Rule | None = None) -> None:
        self._undo: Callable[[], object] | None = undo
        self._rule = rule

    @property
    def happened(self) -> int:
        """How often it has hit a request."""
        return self._rule.happened if self._rule is not None else 0

    def stop(self) -> None:
        """Everything works again."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            undo()

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


class Faults:
    """The faults of one cluster."""

    def __init__(self, parts: Composition, clock: VirtualClock | None) -> None:
        self._parts = parts
        self._clock = clock
        self._active: list[Fault] = []

    # ---- requests

    def fail(
        self,
        code: int = 500,
        *,
        share: float = 1.0,
        user: str = "*",
        verbs: Sequence[str] = (),
        resource: str = "*",
        times: int | None = None,
    ) -> Fault:
        """Answers a share of a user's requests with an error (409, 410, 429, 500, 503, 504), so many `times` at most."""
        return self._rule(_Failing((user,), verbs, resource, times, code=code, share=share, rng=self._rng))

    def slow(
        self, seconds: float, *, user: str = "*", verbs: Sequence[str] = (), resource: str = "*"
    ) -> Fault:
        """Lets a user's requests wait before they are looked at."""
        return self._rule(_Slow((user,), verbs, resource, seconds=seconds))

    def drop_watches(self, *, user: str = "*", resource: str = "*") -> int:
        """Breaks the watches that are open, inside the process and over HTTPS, once; how many."""
        self._stir()
        return self._server.drop((user,), resource)

    def delay_watches(self, seconds: float, *, user: str = "*", resource: str = "*") -> Fault:
        """Events of a user's watches come late, each by so much. Open watches are broken first, to be opened anew."""
        fault = self._rule(_Late((user,), ("watch",), resource, seconds=seconds))
        self._server.drop((user,), resource)
        return fault

    # ---- components

    async def crash(self, component: str, *, after: float | None = None) -> Fault:
        """Ends a component as `kill -9` does; it comes back after so many seconds, or when the fault is stopped."""
        components = self._parts.components
        await components.stop(component)
        timer = None
        if after is not None:
            timer = asyncio.get_running_loop().call_later(after, components.start, component)

        def undo() -> None:
            if timer is not None:
                timer.cancel()
            components.start(component)

        return self._fault(undo)

    def crash_before_write(self, component: str, number: int = 1, *, after: float = 1.0) -> Fault:
        """Ends a component when it is about to make its `number`th write from now on: what it wrote before has
        happened, the rest has not. It comes back after so many seconds."""
        rule = _Crashing(
            USERS.get(component) or (f"system:node:{component.removeprefix('kubelet ')}",),
            WRITES,
            component=component,
            number=number,
            after=after,
            parts=self._parts,
        )
        return self._rule(rule)

    # ---- nodes

    def partition(self, node: str) -> Fault:
        """The node's kubelet and the API server do not reach each other; containers run on."""
        fault = self._rule(_Cut((self._node_user(node),)))
        self._server.drop((self._node_user(node),), "*")
        return fault

    async def pause(self, node: str) -> Fault:
        """The node's kubelet does nothing any more; containers run on."""
        name = kubelet_of(self._named(node))
        await self._parts.components.stop(name)
        return self._fault(lambda: self._parts.components.start(name))

    def jump_clock(self, node: str, seconds: float) -> Fault:
        """The node's clock is wrong by so much (timestamps it writes, not its timers)."""
        found = self._parts.nodes[self._named(node)]
        found.skew += seconds

        def undo() -> None:
            found.skew -= seconds

        return self._fault(undo)

    async def kill_container(
        self, pod: Obj, container: str = "", *, exit_code: int = 137, reason: str = ""
    ) -> None:
        """A container's process dies. Raises NotFound where it does not run."""
        node = self._parts.nodes.get(pod["spec"].get("nodeName") or "")
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if (
                node is not None
                and status["name"] in (container or status["name"],)
                and status.get("containerID")
            ):
                self._stir()
                node.runtime.crash(bare_id(status["containerID"]), exit_code, reason)
                return
        raise NotFound(f"pod {name_of(pod)} has no such container on a node of this cluster")

    # ---- leases

    async def lose_lease(
        self, name: str, namespace: str = "kube-system", *, to: str = "somebody-else"
    ) -> None:
        """A lease is taken by somebody else, who renews it no more. Raises NotFound."""
        client = self._parts.client("kubernetes-admin", "system:masters")
        lease = await client.get(LEASE, name, namespace)
        taken = evolve(lease, "spec", "holderIdentity", to)
        now = rfc3339_micro(self._parts.env.now())
        await client.update(
            LEASE, evolve(evolve(taken, "spec", "renewTime", now), "spec", "acquireTime", now)
        )

    # ---- all

    def clear(self) -> None:
        """Stops every fault that is at work."""
        for fault in reversed([*self._active]):
            fault.stop()

    @property
    def _server(self) -> FaultyApiServer:
        return self._parts.server

    @property
    def _rng(self) -> random.Random:
        return self._parts.env.rng

    def _named(self, node: str) -> str:
        if node not in self._parts.nodes:
            raise KeyError(f"no node {node!r}; there are {', '.join(self._parts.nodes)}")
        return node

    def _node_user(self, node: str) -> str:
        return f"system:node:{self._named(node)}"

    def _rule(self, rule: Rule) -> Fault:
        self._server.rules.append(rule)
        return self._fault(lambda: self._server.rules.remove(rule), rule)

    def _fault(self, undo: Callable[[], object], rule: Rule | None = None) -> Fault:
        """A fault that is at work: meanwhile time passes without putting upkeep together."""
        self._parts.disturbed += 1

        def end() -> None:
            self._parts.disturbed -= 1
            self._active.remove(fault)
            undo()
            self._stir()

        fault = Fault(end, rule)
        self._active.append(fault)
        return fault

    def _stir(self) -> None:
        if self._clock is not None:
            self._clock.stir()


class _Failing(Rule):
    def __init__(
        self,
        users: Sequence[str],
        verbs: Sequence[str],
        resource: str,
        left: int | None,
        *,
        code: int,
        share: float,
        rng: random.Random,
    ) -> None:
        super().__init__(users, verbs, resource, left)
        self._code, self._share, self._rng = code, share, rng

    async def before(self, user: str) -> None:
        if self._share >= 1 or self._rng.random() < self._share:
            self.count()
            raise api_error(self._code)


class _Slow(Rule):
    def __init__(self, users: Sequence[str], verbs: Sequence[str], resource: str, *, seconds: float) -> None:
        super().__init__(users, verbs, resource)
        self._seconds = seconds

    async def before(self, user: str) -> None:
        self.count()
        await asyncio.sleep(self._seconds)


class _Late(Rule):
    def __init__(self, users: Sequence[str], verbs: Sequence[str], resource: str, *, seconds: float) -> None:
        super().__init__(users, verbs, resource)
        self._seconds = seconds

    def delay(self) -> float:
        return self._seconds


class _Cut(Rule):
    async def before(self, user: str) -> None:
        self.count()
        raise ConnectionError("no route to host (an injected fault)")


class _Crashing(Rule):
    def __init__(
        self,
        users: Sequence[str],
        verbs: Sequence[str],
        *,
        component: str,
        number: int,
        after: float,
        parts: Composition,
    ) -> None:
        super().__init__(users, verbs, left=number)
        self._component, self._after, self._parts = component, after, parts
        self._stopping: asyncio.Task[None] | None = None

    async def before(self, user: str) -> None:
        self.count()
        if self.left:
            return
        self._stopping = asyncio.get_running_loop().create_task(self._crash())
        await asyncio.Event().wait()  # until the component is cancelled

    async def _crash(self) -> None:
        await self._parts.components.stop(self._component)
        await asyncio.sleep(self._after)
        self._parts.components.start(self._component)

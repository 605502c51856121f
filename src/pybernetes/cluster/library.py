"""`Cluster`: a whole cluster in the running event loop, for tests and simulations.

The components are those of every other size (`composition.py`); here is how one is used: objects in, waiting, time,
faults, a port on demand. Nothing of a cluster is left when its block ends, however it ends.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.client import ApiClient
from pybernetes.lang.durations import parse_go_duration
from pybernetes.scheduler.whatif import Placement, what_if
from pybernetes.sim.behaviour import Rule
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.sim.loop import Deadlock
from pybernetes.sim.script import Run
from pybernetes.sim.virtualclock import NoVirtualTime
from pybernetes.wire.http.messages import Reply

from .applying import Applier, Manifest, documents
from .composition import is_usable
from .faults import Faults
from .lifecycle import ClusterError, Lifecycle
from .naming import Target, find_kind, find_target
from .past import Past, revision_at
from .settle import settle
from .snapshot import load, save
from .story import Story
from .wait import Condition, WaitTimeout, wait_for

if TYPE_CHECKING:
    from pybernetes.scheduler.configuration.types import Configuration
    from pybernetes.scheduler.framework import Plugin

    from .serving import Served
    from .sync import SyncCluster

T = TypeVar("T")

Objects: TypeAlias = list[Obj]
START_SECONDS = 30.0
MADE_AT_START = (
    ("serviceaccount-controller", "serviceaccount/default"),
    ("root-ca-certificate-publisher-controller", "configmap/kube-root-ca.crt"),
)
"""What pods need, and which controller makes it in each namespace."""


class Cluster(Lifecycle):
    """`async with Cluster(nodes=3) as c:`

    `nodes`: how many hollow nodes, or what each is like. `time`: "real", or "virtual": one clock for everything on this
    event loop, which jumps as soon as everybody waits. `seed` fixes uids, names and every other draw (virtual time:
    0 unless given). `rules` say what containers do (`sim/behaviour.py`), before their pods' annotations; a `behaviour`
    in place of both. `controllers` is upstream's flag; `history` keeps every revision readable; `shuffle` (in
    virtual time) lets the seed decide the order in which tasks take their steps. `feature_gates` switches on what v1.37
    has off by default (`GenericWorkload`).
    """

    @staticmethod
    def run(main: Coroutine[Any, Any, T]) -> T:
        """`asyncio.run` on asyncio's own loop, on which virtual time works, whatever policy is set."""
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(main)

    @staticmethod
    def sync(nodes: int | Sequence[NodeSpec] = 1, **options: Any) -> SyncCluster:
        """The same cluster for code without asyncio: `with Cluster.sync(nodes=3) as c:` (see `SyncCluster`)."""
        from .sync import SyncCluster

        return SyncCluster(nodes, **options)

    _served: Served | None = None
    faults: Faults
    """Makes things go wrong (`faults.py`)."""

    async def _ready(self) -> None:
        """Until pods can be created in `default` and find a node."""
        self._applier = Applier(self.client, self.kinds)
        self.faults = Faults(self.parts, self._clock)
        for name in self._image.definitions if self._image is not None else ():
            await self.wait(f"customresourcedefinition/{name}", "Established", timeout=START_SECONDS)
        for controller, made in MADE_AT_START:
            if self.parts.runs(controller):
                await self.wait(made, "exists", namespace="default", timeout=START_SECONDS)
        if self._plan.nodes:
            await self.wait("nodes", is_usable, count=len(self._plan.nodes), timeout=START_SECONDS)

    # ---- objects

    def kinds(self) -> tuple[Kind, ...]:
        """Every kind that is served now."""
        return tuple(resource.kind for resource in self.parts.server.services.registry)

    def kind(self, word: str) -> Kind:
        """The kind called so: `deployments`, `deploy`, `Deployment`. Raises UnknownKind."""
        return find_kind(self.kinds(), word)

    def client_as(self, user: str, *groups: str) -> ApiClient:
        """A client with the rights of a user (`system:serviceaccount:NAMESPACE:NAME` for a service account)."""
        self._check()
        if user.startswith("system:serviceaccount:"):
            namespace = user.split(":")[2]
            groups = (*groups, "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return self.parts.client(user, *groups)

    @overload
    async def apply(self, what: Mapping[str, Any], *, namespace: str = "") -> Obj: ...
    @overload
    async def apply(self, what: Manifest, *, namespace: str = "") -> Obj | Objects: ...

    async def apply(self, what: Manifest, *, namespace: str = "") -> Obj | Objects:
        """Creates what is not there and changes what is, as `kubectl apply` does: from an object, a list of them, YAML
        or JSON text, a file or a directory. The object for one object, else a list. Raises ApiError."""
        self._check()
        applied: Objects = []
        for obj in documents(what):
            applied.append(await self._applier.apply(obj, namespace or self.namespace))
            if obj["kind"] == "Namespace" and self.parts.runs(
                MADE_AT_START[0][0]
            ):  # pods can be created when its service account is there
                name = obj["metadata"]["name"]
                await self.wait("serviceaccount/default", "exists", namespace=name)
        return applied[0] if isinstance(what, Mapping) and len(applied) == 1 else applied

    async def get(self, what: str | Obj, *, namespace: str = "") -> Obj:
        """An object, `kind/name`. Raises NotFound, UnknownKind."""
        target = self._target(what, namespace)
        return await self.client.get(target.kind, target.name, target.namespace)

    async def list(
        self, what: str, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> Objects:
        """The objects of a kind in one namespace; `namespace=""` is all of them."""
        self._check()
        kind = self.kind(what)
        space = self.namespace if namespace is None else namespace
        return (
            await self.client.list(kind, space if kind.namespaced else "", labels=labels, fields=fields)
        ).items

    async def patch(self, what: str | Obj, patch: Mapping[str, Any], *, namespace: str = "") -> Obj:
        """Merges `patch` into an object."""
        target = self._target(what, namespace)
        return await self.client.patch(target.kind, target.name, target.namespace, patch)

    async def scale(self, what: str | Obj, replicas: int, *, namespace: str = "") -> Obj:
        """Sets `spec.replicas`."""
        return await self.patch(what, {"spec": {"replicas": replicas}}, namespace=namespace)

    async def delete(
        self, what: str | Obj, *, namespace: str = "", wait: bool = True, timeout: float = 60.0
    ) -> None:
        """Deletes an object and (`wait`) waits until it is gone. Raises NotFound, WaitTimeout."""
        target = self._target(what, namespace)
        await self.client.delete(target.kind, target.name, target.namespace, propagation="Background")
        if wait:
            await wait_for(self.client, target, "deleted", timeout)

    async def logs(self, pod: str, *, namespace: str = "", container: str = "") -> str:
        """What a container has printed. Raises NotFound."""
        from .logs import logs_of

        return await logs_of(
            self.parts, await self.get(f"pod/{pod.removeprefix('pod/')}", namespace=namespace), container
        )

    def resolve(self, name: str, record: str = "A", *, namespace: str = "") -> Sequence[str]:
        """What the cluster's DNS answers a pod of a namespace: `web`, `web.other`, `web.default.svc.cluster.local`."""
        from .resolve import resolve

        self._check()
        return resolve(
            self.parts.dns, name, record, namespace or self.namespace, self.parts.config.cluster_domain
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        namespace: str = "",
    ) -> Reply:
        """An HTTP request in the simulated network, as a pod of a namespace makes it: `http://web/`, a Service's or a
        pod's address. Raises OSError where nobody answers."""
        self._check()
        return await self.parts.network.request(
            method, url, headers=headers, body=body, namespace=namespace or self.namespace
        )

    # ---- the past, copies, files

    def at(self, when: int | datetime.datetime) -> Past:
        """The cluster as it was at a revision or at a time, to read. Raises Expired where that is forgotten."""
        self._check()
        services = self.parts.server.services
        revision = when if isinstance(when, int) else revision_at(services.ledger, when.timestamp())
        if revision > services.cacher.revision:
            raise ClusterError(f"revision {revision} has not happened yet (now {services.cacher.revision})")
        return Past(self.store, services.registry, revision, self.namespace)

    def fork(self, *, seed: int | None = None) -> Cluster:
        """An independent copy that goes on from here: `async with c.fork() as other:`. What the two do not change they
        share. Python programs (`py://`) start anew in the copy; everything else runs on."""
        self._check()
        plan = replace(self._plan, nodes=[replace(n.spec, name=n.name) for n in self.parts.nodes.values()])
        other = Cluster(0, time="virtual" if self.virtual else "real", namespace=self.namespace)
        other.seed, other._plan, other._origin = self.seed if seed is None else seed, plan, self
        return other

    async def snapshot(self, path: str | Path) -> None:
        """Writes every object and the nodes to a file that `Cluster.load` reads."""
        self._check()
        specs = [replace(node.spec, name=node.name) for node in self.parts.nodes.values()]
        await save(Path(path), self.store, self.env.now(), specs)

    @staticmethod
    def load(path: str | Path, **options: Any) -> Cluster:
        """A cluster that begins with what a file holds: a snapshot, or the output of `kubectl get … -o yaml` (its
        nodes become hollow ones). Containers start anew. `options` are those of `Cluster`."""
        image = load(Path(path))
        cluster = Cluster(**{"nodes": [*image.nodes], **options})
        cluster._image = image
        return cluster

    # ---- what happened, and why

    async def story(self, what: str | Obj, *, namespace: str = "") -> Story:
        """What happened to an object and because of it, in order: each write with its author and how that was let in,
        its cause, what admission and the write changed; the scheduler's verdicts, rules and records. `str()` of it is a table."""
        from .localreader import LocalReader
        from .storyreading import read_story

        target = self._target(what, namespace)
        return await read_story(LocalReader(self.parts, self.client), target) or Story()

    async def why(self, what: str | Obj, *, namespace: str = "") -> str:
        """Why an object is as it is: pending, restarting, stuck, not there; of a pod that has a node, why this one, as
        long as the decision is kept."""
        from .localreader import LocalReader
        from .why import why
        from .whyplaced import placement

        target, reader = self._target(what, namespace), LocalReader(self.parts, self.client)
        told = await why(reader, target, [*self.parts.server.ledger])
        return "\n".join([*told, *await placement(reader, target)])

    def scheduler_plugins(
        self, *plugins: Plugin, configuration: str | Path | Configuration | None = None
    ) -> None:
        """From now on the scheduler decides with these plugins beside upstream's, and by a KubeSchedulerConfiguration (YAML
        text, or the path of a file); pods that wait are tried again. The next call replaces what this one set: without
        arguments the default is back. Raises ConfigurationError, and changes nothing then."""
        from .scheduling import schedule_by

        self._check()
        schedule_by(self.parts, plugins, configuration)

    # ---- waiting and time

    async def wait(
        self,
        what: str | Obj,
        condition: Condition = "Ready",
        *,
        namespace: str = "",
        timeout: float = 30.0,
        labels: str = "",
        count: int = 0,
    ) -> Obj:
        """Waits until an object (or all of a kind, `pods`, as many as `count`) satisfies a condition, and gives it
        (of several the first). `timeout` is in seconds of the cluster's clock.

        Conditions: the type of one (`Ready`, `Available`, `Ready=False`), `exists`, `deleted`, a path and a value
        (`status.phase=Running`), or a function of the object. Raises WaitTimeout, which says what was there instead. In virtual time
        it returns when all that follows at the same instant is done too.
        """
        target = self._target(what, namespace)
        found = await wait_for(self.client, target, condition, timeout, labels=labels, count=count)
        if self._clock is not None:
            await self._clock.idle()
        return found[0] if found else {}

    async def settle(self, *, quiet: float | None = None, timeout: float = 600.0) -> None:
        """Waits until the cluster has nothing left to do: nothing but signs of life was written for `quiet` seconds
        (default: 5 of virtual time, 0.25 of real time). Raises WaitTimeout."""
        self._check()
        await settle(self.parts, quiet if quiet is not None else 5.0 if self.virtual else 0.25, timeout)

    async def advance(self, duration: float | str | datetime.timedelta) -> None:
        """Lets virtual time pass (`"30d"`, `"1h30m"`, seconds): every timer that falls due fires, in order. Raises
        ClusterError in real time."""
        self._check()
        seconds = seconds_of(duration)
        if self._clock is None:
            raise ClusterError(
                'only virtual time can be advanced: make the cluster with Cluster(time="virtual"); '
                "in real time, asyncio.sleep is what there is"
            )
        if seconds < 0:
            raise ValueError(f"time goes forward only, not by {duration}")
        self._clock.stir()
        await asyncio.sleep(seconds)
        await self._clock.idle()

    @property
    def now(self) -> datetime.datetime:
        """The cluster's time, in UTC."""
        return datetime.datetime.fromtimestamp(self.env.now(), datetime.UTC)

    # ---- a port

    async def serve(self, *, port: int = 0) -> Served:
        """Serves HTTPS on a free port of 127.0.0.1, until the block ends: `url`, and `kubeconfig`, the path of the
        administrator's. The first call makes the certificates; later ones give the same."""
        from .serving import serve

        self._check()
        if self._served is None:
            self._served = await serve(self.parts, self._stack, self._clock, port)
        return self._served

    # ---- details

    def _target(self, what: str | Obj, namespace: str) -> Target:
        self._check()
        return find_target(self.kinds(), what, namespace or self.namespace)


def seconds_of(duration: float | str | datetime.timedelta) -> float:
    """Seconds of a number, a timedelta or words: Go's durations, and days (`30d`, `1d12h`). Raises DurationError."""
    if isinstance(duration, datetime.timedelta):
        return duration.total_seconds()
    if not isinstance(duration, str):
        return float(duration)
    days, has_days, rest = duration.partition("d")
    if not has_days:
        return parse_go_duration(duration)
    return float(days) * 86400 + (parse_go_duration(rest) if rest else 0.0)


__all__ = [
    "Cluster",
    "ClusterError",
    "Deadlock",
    "NoVirtualTime",
    "NodeSpec",
    "Placement",
    "Rule",
    "Run",
    "WaitTimeout",
    "what_if",
]

"""The kubelet: its parts wired together, one worker for each pod of the node."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from pybernetes.aio import upkeep
from pybernetes.api import kinds
from pybernetes.api.meta import MutableObj, Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import Informer
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from . import allocation, labels, podspec
from .admission import Admission, Refusal, Room
from .config import KubeletConfig
from .env import service_variables
from .fieldref import NodeFacts
from .gc import PERIOD, GarbageCollector
from .host import Host
from .images import ImageManager
from .node import NodeView, allocatable_of, capacity_of
from .nodereporter import NodeReporter
from .pleg import PLEG
from .podworker.parts import Parts
from .podworker.worker import PodWorker
from .probes.prober import Prober
from .recorder import Recorder, tell_about
from .references import References
from .runtime import CRIError, ImageService, RuntimeService, Version
from .status import StatusManager
from .tokens import Tokens
from .volumes.manager import VolumeManager

log = logging.getLogger("kubelet")

RUNTIME_RETRY = 0.5
WORKER_RETRY = 1.0


class Kubelet:
    """`run` until cancelled: containers go on running, and the next kubelet takes them over as they are."""

    def __init__(
        self,
        client: Client,
        runtime: RuntimeService,
        images: ImageService,
        host: Host,
        env: Env,
        config: KubeletConfig,
        *,
        services: Informer | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """`services` is an informer of all Services that somebody else runs (many kubelets in one process share
        it); None: the kubelet has its own. The same for `recorder`."""
        self.config = config
        self.runtime = runtime
        self._client = client
        self._env = env
        self._host = host
        self._images = images
        self._own_services = None if services else Informer(client, kinds.SERVICE)
        self._services = services or self._own_services
        self._own_recorder = None if recorder else EventRecorder(client, env, "kubelet", config.node_name)
        self._recorder: Recorder = recorder or self._own_recorder  # type: ignore[assignment]
        self._pods = Informer(client, kinds.POD, fields=f"spec.nodeName={config.node_name}")
        self._references = References(client, config.change_detection, self._reference_changed)
        self._tokens = Tokens(client, env)
        self._volumes = VolumeManager(config, host, self._references, self._tokens, self._node_facts, client)
        self._statuses = StatusManager(client)
        self._prober = Prober(host, runtime)
        self._image_manager = ImageManager(images, env, serialize=config.serialize_image_pulls)
        self._facts = NodeFacts(config.node_name, config.node_ips, {})
        self._admission = Admission({})
        self._workers: dict[str, PodWorker] = {}
        self._group: asyncio.TaskGroup | None = None
        self._parts: Parts | None = None
        self.ready = asyncio.Event()
        """Set once the pods of an earlier run are taken over and the node is registered."""

    async def run(self) -> None:
        version = await self._runtime_version()
        view = self._node_view(version)
        self._facts = NodeFacts(
            self.config.node_name,
            self.config.node_ips,
            allocatable_of(self.config, capacity_of(view)),
        )
        self._admission = Admission(self._facts.allocatable)
        self._parts = self._make_parts(version, view)
        reporter = NodeReporter(
            self._client,
            self._env,
            self._host,
            self.runtime,
            self._images,
            view,
            self._recorder,
            volumes_in_use=self._volumes.bound.in_use,
        )
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._pods.run(), name="informer pods")
                if self._own_services is not None:
                    group.create_task(self._own_services.run(), name="informer services")
                if self._own_recorder is not None:
                    group.create_task(self._own_recorder.run(), name="events")
                group.create_task(reporter.run(), name="node")
                await self._take_over()
                pleg = PLEG(self.runtime, self._runtime_changed, self._busy)
                group.create_task(pleg.run(), name="pleg")
                group.create_task(self._collect_forever(), name="gc")
                if self.config.change_detection == "Get":
                    group.create_task(self._sync_forever(), name="volumes")
                await reporter.registered.wait()
                self.ready.set()
        finally:
            self._group = None
            await self._prober.close()
            await self._references.close()
            await self._statuses.close()

    def pods(self) -> Sequence[Obj]:
        """The node's pods with the status as this kubelet last told or is about to tell it."""
        return [
            {**worker.pod, "status": self._statuses.get(worker.pod)}
            for worker in self._workers.values()
            if not worker.is_gone
        ]

    # --- starting ---

    async def _runtime_version(self) -> Version:
        while True:
            try:
                return await self.runtime.version()
            except CRIError as error:
                log.warning("waiting for the container runtime: %s", error)
                await asyncio.sleep(RUNTIME_RETRY)

    def _node_view(self, version: Version) -> NodeView:
        host = self._host
        return NodeView(self.config, host.machine_info(), host.capacity(), host.pressure(), version)

    def _node_facts(self) -> NodeFacts:
        return self._facts

    def _make_parts(self, version: Version, view: NodeView) -> Parts:
        return Parts(
            config=self.config,
            env=self._env,
            client=self._client,
            runtime=self.runtime,
            runtime_name=version.runtime_name,
            images=self._image_manager,
            host=self._host,
            volumes=self._volumes,
            references=self._references,
            prober=self._prober,
            statuses=self._statuses,
            recorder=self._recorder,
            node=self._node_facts,
            node_memory=view.capacity.memory,
            services=self._service_variables,
        )

    async def _take_over(self) -> None:
        """Workers for the API's pods and for what an earlier run left behind."""
        assert self._services is not None
        await self._pods.synced()
        await self._services.synced()
        for known in sorted(self._pods.list(), key=_order):
            self._begin(known)
        for uid, pod in (await self._left_behind()).items():
            if uid not in self._workers:
                self._begin(pod)
                self._workers[uid].gone()
        self._pods.on_event(self._pod_changed)

    async def _left_behind(self) -> dict[str, MutableObj]:
        """Every pod that the runtime has something of, made up from its labels, by uid."""
        while True:
            try:
                sandboxes = await self.runtime.list_pod_sandbox()
                containers = await self.runtime.list_containers()
                break
            except CRIError as error:
                log.warning("looking for pods of an earlier run: %s", error)
                await asyncio.sleep(RUNTIME_RETRY)
        pods: dict[str, MutableObj] = {}
        names: dict[str, dict[str, Obj]] = defaultdict(dict)
        for bearing in (*(s.labels for s in sandboxes), *(c.labels for c in containers)):
            if ref := labels.pod_ref(bearing):
                pods.setdefault(ref.uid, _made_up(ref))
        for container in containers:
            if ref := labels.pod_ref(container.labels):
                names[ref.uid][container.metadata.name] = {"name": container.metadata.name}
        for uid, by_name in names.items():
            pods[uid]["spec"]["containers"] = [*by_name.values()]
        return pods

    # --- pods ---

    def _pod_changed(
        self, change: Literal["ADDED", "MODIFIED", "DELETED"], old: Obj | None, new: Obj | None
    ) -> None:
        replaced = old is not None and (new is None or uid_of(new) != uid_of(old))
        if old is not None and replaced and (worker := self._workers.get(uid_of(old))):
            worker.update(old)
            worker.gone()
        if old is not None and (replaced or (new is not None and podspec.is_finished(new))):
            self._admission.release(uid_of(old))
        if new is None:
            self._grant_deferred()
            return
        worker = self._workers.get(uid_of(new))
        if worker is None:
            self._begin(new)
        elif change != "ADDED" or worker.pod is not new:
            worker.update(self._sized(worker, new))
        if old is not None and (podspec.is_finished(new) or not allocation.same(old, new)):
            self._grant_deferred()

    def _sized(self, worker: PodWorker, pod: Obj) -> Obj:
        """A newer version of the pod, with what it asks for where there is room, and else with what it has."""
        if podspec.is_finished(pod) or allocation.same(worker.pod, pod):
            worker.pend(None)
            return pod
        why = self._admission.resize(pod)
        tell = tell_about(self._recorder, pod)
        if why is None:
            tell("Normal", "ResizeStarted", allocation.told("started", pod))
        elif why != worker.pending:
            tell("Warning", f"Resize{why.reason}", allocation.told(why.reason, pod, why.message))
        worker.pend(why)
        if why is None:
            return pod
        return allocation.with_resources(pod, allocation.resources_by_name(worker.pod))

    def _grant_deferred(self) -> None:
        """There may be room: pods get the resources that they wait for, the more important first."""
        waiting = [
            w for w in self._workers.values() if w.pending is not None and w.pending.reason == "Deferred"
        ]
        for worker in sorted(waiting, key=lambda worker: allocation.importance(worker.pod)):
            pod = self._pods.get(f"{namespace_of(worker.pod)}/{name_of(worker.pod)}")
            if pod is not None and uid_of(pod) == worker.uid:
                worker.update(self._sized(worker, pod))

    def _begin(self, newest: Obj) -> None:
        assert self._parts is not None
        assert self._group is not None
        pod = allocation.as_told(newest)
        answer = None
        if is_deleting(pod):
            self._admission.count(pod)
        elif not podspec.is_finished(pod):
            answer = self._admission.admit(pod)
        refusal = answer if isinstance(answer, Refusal) else None
        leaving = [self._workers[uid] for uid in answer.victims] if isinstance(answer, Room) else []
        for victim in leaving:
            victim.preempt()
        worker = PodWorker(self._parts, pod, refusal, [victim.ended for victim in leaving])
        self._workers[worker.uid] = worker
        if pod is not newest:
            worker.update(self._sized(worker, newest))
        self._group.create_task(self._work(worker), name=f"pod {namespace_of(pod)}/{pod['metadata']['name']}")

    async def _work(self, worker: PodWorker) -> None:
        """A worker that meets a bug is logged and begun again: one pod must not take the node down."""
        while True:
            try:
                await worker.run()
                break
            except Exception:
                log.exception("worker of pod %s", worker.uid)
                await asyncio.sleep(WORKER_RETRY)
        self._workers.pop(worker.uid, None)
        self._admission.release(worker.uid)
        self._grant_deferred()

    def _reference_changed(self, pod_uid: str) -> None:
        if worker := self._workers.get(pod_uid):
            worker.references_changed()

    def _runtime_changed(self, pod_uid: str, container_id: str, sandbox_id: str) -> None:
        if worker := self._workers.get(pod_uid):
            worker.runtime_changed(container_id, sandbox_id)

    def _busy(self) -> bool:
        return any(worker.busy for worker in self._workers.values())

    def _service_variables(self, pod: Obj) -> Mapping[str, str] | None:
        assert self._services is not None
        if not self._services.has_synced:
            return None
        namespace = namespace_of(pod)
        services = [*self._services.list(namespace)]
        if namespace != "default" and (kubernetes := self._services.get("default/kubernetes")):
            services.append(kubernetes)
        return service_variables(services, namespace, links=pod["spec"].get("enableServiceLinks", True))

    # --- now and then ---

    async def _collect_forever(self) -> None:
        collector = GarbageCollector(
            self.config,
            self._env,
            self.runtime,
            self._images,
            self._host,
            self._volumes,
            lambda: self._workers.keys(),
        )
        while True:
            await collector.collect()
            await upkeep.pause(PERIOD)

    async def _sync_forever(self) -> None:
        """With change detection by `Get`, mounted objects are read again once in a while."""
        while True:
            await asyncio.sleep(self.config.sync_frequency)
            for worker in [*self._workers.values()]:
                if not podspec.is_finished(worker.pod):
                    worker.refresh_volumes()


def _order(pod: Obj) -> tuple[bool, str]:
    """What has run here comes before what has not, the older first."""
    return not (pod.get("status") or {}).get("startTime"), pod["metadata"].get("creationTimestamp", "")


def _made_up(ref: labels.PodRef) -> MutableObj:
    """A pod of which only the runtime's labels are left: enough to stop it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": ref.uid},
        "spec": {"containers": [], "volumes": []},
    }

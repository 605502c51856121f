"""`metrics.k8s.io` of a cluster inside a process: what `kubectl top` shows and HorizontalPodAutoscalers read.

In the place of metrics-server, from what the scripts of hollow containers say that they use. Found out at each question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pybernetes.api.cells import NAME
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Column, Kind
from pybernetes.api.kinds import NODE, POD
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.apiserver.context import RequestContext
from pybernetes.apiserver.replies import ListReply, Reply, TreeReply
from pybernetes.apiserver.selection import selection_of
from pybernetes.apiserver.version import Version, encode
from pybernetes.kubelet.server.locate import bare_id
from pybernetes.lang.timestamps import rfc3339

GROUP, API_VERSION = "metrics.k8s.io", "v1beta1"
WINDOW = "15s"
READ_ONLY = ("get", "list")

Usage = Callable[[str, str], tuple[float, int]]
"""(node, container's id) -> (cores, bytes). Raises LookupError for one that does not run."""


def _kind(kind: str, plural: str, column: Callable[[Obj, float], str], *, namespaced: bool) -> Kind:
    return Kind(
        GROUP,
        API_VERSION,
        kind,
        plural,
        namespaced,
        verbs=READ_ONLY,
        storage_prefix=f"{GROUP}/{plural}",
        columns=(NAME, Column("CPU", column), Column("Memory", _memory_cell)),
    )


def _cpu_cell(obj: Obj, _now: float) -> str:
    return str(_usage_of(obj)["cpu"])


def _memory_cell(obj: Obj, _now: float) -> str:
    return str(_usage_of(obj)["memory"])


def _usage_of(obj: Obj) -> Mapping[str, Any]:
    if "usage" in obj:
        own: Mapping[str, Any] = obj["usage"]
        return own
    usages = [container["usage"] for container in obj.get("containers") or ()]
    return _quantities(sum(_milli(u["cpu"]) for u in usages) / 1000, sum(_bytes(u["memory"]) for u in usages))


POD_METRICS = _kind("PodMetrics", "pods", _cpu_cell, namespaced=True)
NODE_METRICS = _kind("NodeMetrics", "nodes", _cpu_cell, namespaced=False)
KINDS = (NODE_METRICS, POD_METRICS)


class MetricsApi:
    """Answers reads of the two kinds; `computed` is for `Services.computed`."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self.computed = {
            (GROUP, "pods"): {
                "get": self._get(POD_METRICS, self._pods),
                "list": self._list(POD_METRICS, self._pods),
            },
            (GROUP, "nodes"): {
                "get": self._get(NODE_METRICS, self._nodes),
                "list": self._list(NODE_METRICS, self._nodes),
            },
        }

    def _get(self, kind: Kind, all_of: Callable[[RequestContext], Iterable[Obj]]) -> Any:
        async def get(ctx: RequestContext) -> Reply:
            for tree in all_of(ctx):
                if (name_of(tree), namespace_of(tree)) == (ctx.info.name, ctx.namespace):
                    return TreeReply(tree, 200, kind)
            name = f"{ctx.namespace}/{ctx.info.name}" if ctx.namespace else ctx.info.name
            raise NotFound(
                f'{kind.kind.lower()}.metrics.k8s.io "{name}" not found',
                group=GROUP,
                kind=kind.plural,
                name=ctx.info.name,
            )

        return get

    def _list(self, kind: Kind, all_of: Callable[[RequestContext], Iterable[Obj]]) -> Any:
        async def listed(ctx: RequestContext) -> Reply:
            selection = selection_of(kind, ctx.namespace, "", ctx.query)
            revision = ctx.services.cacher.revision
            versions = [
                Version(kind, f"{namespace_of(tree)}/{name_of(tree)}", encode(tree), revision)
                for tree in all_of(ctx)
            ]
            return ListReply(kind, [each for each in versions if selection.matches(each)], revision)

        return listed

    def _pods(self, ctx: RequestContext) -> Iterable[Obj]:
        """The metrics of pods with running containers, in the order of their names."""
        cache = ctx.services.registry.cache(POD)
        now = rfc3339(ctx.services.env.now())
        for _, version in sorted(cache.entries.items()):
            pod = version.tree()
            containers = self._containers(pod)
            if containers:
                yield {**_head(POD_METRICS, pod, now), "containers": containers}

    def _nodes(self, ctx: RequestContext) -> Iterable[Obj]:
        services = ctx.services
        now = rfc3339(services.env.now())
        used: dict[str, list[Mapping[str, Any]]] = {}
        for version in services.registry.cache(POD).entries.values():
            pod = version.tree()
            node = pod["spec"].get("nodeName")
            if node:
                used.setdefault(node, []).extend(each["usage"] for each in self._containers(pod))
        for _, version in sorted(services.registry.cache(NODE).entries.items()):
            node_tree = version.tree()
            usages = used.get(name_of(node_tree), [])
            cpu = sum(_milli(each["cpu"]) for each in usages) / 1000
            memory = sum(_bytes(each["memory"]) for each in usages)
            yield {**_head(NODE_METRICS, node_tree, now), "usage": _quantities(cpu, memory)}

    def _containers(self, pod: Obj) -> list[Obj]:
        node = pod["spec"].get("nodeName")
        found: list[Obj] = []
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if node and "running" in (status.get("state") or {}) and status.get("containerID"):
                try:
                    cpu, memory = self._usage(node, bare_id(status["containerID"]))
                except LookupError:
                    continue  # it has just ended
                found.append({"name": status["name"], "usage": _quantities(cpu, memory)})
        return found


def _head(kind: Kind, of: Obj, now: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name_of(of), "creationTimestamp": now}
    if kind.namespaced:
        metadata["namespace"] = namespace_of(of)
    if labels := labels_of(of):
        metadata["labels"] = labels
    return {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "timestamp": now,
        "window": WINDOW,
    }


def _quantities(cpu: float, memory: int) -> dict[str, str]:
    """As metrics-server writes them: nanocores and kibibytes."""
    nano = round(cpu * 1e9)
    return {"cpu": f"{nano}n" if nano else "0", "memory": f"{memory // 1024}Ki"}


def _milli(text: str) -> float:
    return float(text.removesuffix("n")) / 1e6


def _bytes(text: str) -> int:
    return int(text.removesuffix("Ki")) * 1024

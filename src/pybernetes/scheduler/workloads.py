"""Which pods belong together: the selectors of their Services and of the controller that owns them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pybernetes.api.meta import Obj
from pybernetes.client.informer import Handler
from pybernetes.lang import labelselector
from pybernetes.lang.labelselector import Requirement, Selector

from .podfacts import PodFacts

KEPT = 1024


class Objects(Protocol):
    """What is asked of an informer here."""

    def list(self, namespace: str = "") -> Sequence[Obj]: ...

    def get(self, key: str) -> Obj | None: ...

    def on_event(self, handler: Handler) -> None: ...


class Workloads:
    """The default selector of a pod (upstream's `helper.DefaultSelector`), kept while no workload changes."""

    def __init__(self, services: Objects, controllers: Mapping[str, Objects]) -> None:
        """`controllers`: the informers of the kinds that own pods, by kind."""
        self._services = services
        self._controllers = controllers
        self._kept: OrderedDict[PodFacts, Selector | None] = OrderedDict()
        for informer in (services, *controllers.values()):
            informer.on_event(self._changed)

    def selector(self, pod: PodFacts) -> Selector | None:
        """The labels of the Services that select the pod and the selector of its controller; None for neither."""
        if pod not in self._kept:
            self._kept[pod] = self._selector(pod)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[pod]

    def _selector(self, pod: PodFacts) -> Selector | None:
        pairs: dict[str, str] = {}
        for service in self._services.list(pod.namespace):
            wanted = (service.get("spec") or {}).get("selector") or {}
            if wanted and wanted.items() <= pod.labels.items():
                pairs.update(wanted)
        requirements = [Requirement(key, "=", (value,)) for key, value in sorted(pairs.items())]
        kind, name = pod.owner
        informer = self._controllers.get(kind)
        owner = informer.get(f"{pod.namespace}/{name}") if informer else None
        if owner is not None:
            requirements += _selector_of(owner).requirements
        return Selector(tuple(requirements)) if requirements else None

    def _changed(self, change: str, old: Obj | None, new: Obj | None) -> None:
        """A Service or controller that selects otherwise makes what was kept void; a new status does not."""
        if change != "MODIFIED" or old is None or new is None or _raw(old) != _raw(new):
            self._kept.clear()


def _raw(obj: Obj) -> Any:
    return (obj.get("spec") or {}).get("selector")


def _selector_of(owner: Obj) -> Selector:
    return labelselector.from_label_selector(_raw(owner) or {})


def keep_selector(obj: Obj) -> Obj:
    """What is worth caching of a Service or a controller."""
    metadata = obj["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    return {
        "apiVersion": obj.get("apiVersion", ""),
        "kind": obj.get("kind", ""),
        "metadata": kept,
        "spec": {"selector": _raw(obj)},
    }

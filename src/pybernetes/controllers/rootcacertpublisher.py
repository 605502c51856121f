"""root-ca-certificate-publisher-controller: the cluster's CA in every namespace, as ConfigMap `kube-root-ca.crt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Create, Plan, Update

NAME = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "
    "Kubernetes clusters."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A namespace and its ConfigMap of that name, if there is one."""

    namespace: Obj
    config_map: Obj | None


def observe(key: str, caches: Caches) -> Seen | None:
    namespace = caches.get(kinds.NAMESPACE, key)
    return Seen(namespace, caches.get(kinds.CONFIGMAP, f"{key}/{NAME}")) if namespace is not None else None


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    if is_deleting(seen.namespace) or not settings.root_ca:
        return Plan.nothing("nothing to publish")
    data = {"ca.crt": settings.root_ca}
    if seen.config_map is None:
        metadata: dict[str, Any] = {
            "name": NAME,
            "namespace": name_of(seen.namespace),
            "annotations": {"kubernetes.io/description": DESCRIPTION},
        }
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return Plan(
            (Create(kinds.CONFIGMAP, obj, "the namespace has none", exists_ok=True),), None, "publishing"
        )
    if seen.config_map.get("data") == data:
        return Plan.nothing("published")
    return Plan(
        (Update(kinds.CONFIGMAP, {**seen.config_map, "data": data}, "the CA changed"),), None, "publishing"
    )


def _namespace(config_map: Obj, _caches: Caches) -> tuple[str, ...]:
    return (namespace_of(config_map),) if name_of(config_map) == NAME else ()


CONTROLLER = ControllerDef(
    "root-ca-certificate-publisher-controller",
    watches=(itself(kinds.NAMESPACE), Watch(kinds.CONFIGMAP, _namespace)),
    observe=observe,
    plan=plan,
    account="root-ca-cert-publisher",
)

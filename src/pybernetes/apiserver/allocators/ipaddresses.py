"""IPAddress objects: one for each cluster address of a Service, written in the Service's own transaction.

So the two never disagree, whatever crashes, and of several API servers only one can give out an address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import IPADDRESS, SERVICE
from pybernetes.api.meta import MutableObj, Obj, name_of, namespace_of
from pybernetes.clock import Env
from pybernetes.lang import timestamps
from pybernetes.store.types import Delete, Put

from ..registry import Registry
from ..version import encode

MANAGED_BY, CONTROLLER = "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
FAMILY = "ipaddress.kubernetes.io/ip-family"
MANAGER = "kube-apiserver"
FIELDS: Obj = {
    "f:metadata": {"f:labels": {".": {}, f"f:{FAMILY}": {}, f"f:{MANAGED_BY}": {}}},
    "f:spec": {"f:parentRef": {".": {}, "f:name": {}, "f:namespace": {}, "f:resource": {}}},
}


def cluster_addresses(service: Obj | None) -> list[str]:
    """The addresses that a Service holds, in their canonical form."""
    spec = (service or {}).get("spec") or {}
    given = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [str(ipaddress.ip_address(text)) for text in given if text and text != "None"]


def parent_of(address: Obj) -> tuple[str, str]:
    """(namespace, name) of the Service that an IPAddress is for; empty where it is for something else."""
    parent = (address.get("spec") or {}).get("parentRef") or {}
    if parent.get("resource") != "services" or parent.get("group"):
        return "", ""
    return str(parent.get("namespace", "")), str(parent.get("name", ""))


def is_ours(address: Obj) -> bool:
    labels = address["metadata"].get("labels") or {}
    return bool(labels.get(MANAGED_BY) == CONTROLLER)


class AddressBook:
    """Makes the writes of IPAddresses that go with those of a Service."""

    def __init__(self, registry: Registry, env: Env) -> None:
        self._env = env
        self._cache = registry.cache(IPADDRESS) if IPADDRESS in registry.kinds else None

    def beside(self, kind: Kind, old: Obj | None, new: Obj | None) -> Sequence[Put | Delete]:
        """What is to be written together with the change of a Service from `old` to `new` (None: not there)."""
        if kind is not SERVICE or self._cache is None:
            return ()
        before, after = cluster_addresses(old), cluster_addresses(new)
        gone = [Delete(self._cache.key("", text)) for text in before if text not in after]
        if new is None:
            return gone
        come = [self.put(text, new) for text in after if text not in before]
        return [*gone, *come]

    def put(self, text: str, service: Obj) -> Put:
        """The write of a new IPAddress for a Service."""
        assert self._cache is not None
        return Put(self._cache.key("", text), encode(self._object(text, service)))

    def _object(self, text: str, service: Obj) -> MutableObj:
        now = timestamps.rfc3339(self._env.now())
        labels = {FAMILY: f"IPv{ipaddress.ip_address(text).version}", MANAGED_BY: CONTROLLER}
        owner = {
            "manager": MANAGER,
            "operation": "Update",
            "apiVersion": IPADDRESS.api_version,
            "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": FIELDS,
        }
        return {
            "kind": IPADDRESS.kind,
            "apiVersion": IPADDRESS.api_version,
            "metadata": {
                "name": text,
                "uid": self._env.uid(),
                "creationTimestamp": now,
                "labels": labels,
                "managedFields": [owner],
            },
            "spec": {
                "parentRef": {
                    "resource": SERVICE.plural,
                    "namespace": namespace_of(service),
                    "name": name_of(service),
                }
            },
        }

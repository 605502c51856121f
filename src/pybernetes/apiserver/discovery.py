"""What this server serves, told to clients: `/api`, `/apis`, `/apis/apps/v1`, and all at once (aggregated v2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from pybernetes.api.kind import Kind

from .registry import Registry

AGGREGATED = "apidiscovery.k8s.io"
CONNECTED = {
    "attach": ("PodAttachOptions", ("create", "get")),
    "exec": ("PodExecOptions", ("create", "get")),
    "log": ("Pod", ("get",)),
    "portforward": ("PodPortForwardOptions", ("create", "get")),
}
"""Kind and verbs of subresources that are streams."""
PROXIES = {"pods": "PodProxyOptions", "nodes": "NodeProxyOptions", "services": "ServiceProxyOptions"}
PROXY_VERBS = ("create", "delete", "get", "patch", "update")
CREATED = {
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
"""Group, version and kind of what is created at a subresource."""
CHANGED = ("get", "patch", "update")


def api_versions(address: str) -> dict[str, Any]:
    """`/api`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(registry: Registry) -> dict[str, Any]:
    """`/apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(n, v) for n, v in _groups(registry)],
    }


def group(registry: Registry, name: str) -> dict[str, Any] | None:
    """`/apis/apps`."""
    versions = dict(_groups(registry)).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(registry: Registry, group_name: str, version: str) -> dict[str, Any] | None:
    """`/api/v1` or `/apis/apps/v1`."""
    kinds = [kind for kind in registry.kinds if (kind.group, kind.version) == (group_name, version)]
    if not kinds:
        return None
    group_version = f"{group_name}/{version}" if group_name else version
    resources = [entry for kind in kinds for entry in _resources(kind)]
    tree = {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
    return {"kind": "APIResourceList", "apiVersion": "v1", **tree} if group_name else tree


def aggregated(registry: Registry, *, core: bool, version: str = "v2") -> dict[str, Any]:
    """The whole of `/api` (core) or `/apis` in one document."""
    pairs = [pair for pair in registry.group_versions() if (not pair[0]) == core]
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, group_version in pairs:
        kinds = [kind for kind in registry.kinds if (kind.group, kind.version) == (name, group_version)]
        groups.setdefault(name, []).append(
            {
                "version": group_version,
                "resources": [_aggregated(kind) for kind in kinds],
                "freshness": "Current",
            }
        )
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
            "versions": v,
        }
        for name, v in groups.items()
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }


def etag(document: Any) -> str:
    """The tag by which clients ask whether a document has changed."""
    digest = hashlib.sha512(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f'"{digest.upper()}"'


def _groups(registry: Registry) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for name, version in registry.group_versions():
        if name:
            groups.setdefault(name, []).append(version)
    return list(groups.items())


def _group(name: str, versions: Iterable[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def _resources(kind: Kind) -> list[dict[str, Any]]:
    """The entries of a kind and its subresources in an APIResourceList."""
    own: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular or kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        own["shortNames"] = list(kind.short_names)
    if kind.categories:
        own["categories"] = list(kind.categories)
    if "get" in kind.verbs:
        own["storageVersionHash"] = _storage_hash(kind)
    entries = [own]
    for name in kind.subresources:
        response, verbs = _subresource(kind, name)
        entry: dict[str, Any] = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": response[2],
            "verbs": list(verbs),
        }
        if response[:2] != (kind.group, kind.version):
            entry.update(group=response[0], version=response[1])
        entries.append(entry)
    return entries


def _aggregated(kind: Kind) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": _response_kind(kind.group, kind.version, kind.kind),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular or kind.kind.lower(),
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    subresources = [
        {"subresource": name, "responseKind": _response_kind(*response), "verbs": list(verbs)}
        for name in kind.subresources
        for response, verbs in (_subresource(kind, name),)
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry


def _response_kind(group_name: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group_name, "version": version, "kind": kind}


def _subresource(kind: Kind, name: str) -> tuple[tuple[str, str, str], tuple[str, ...]]:
    """Group, version and kind of what a subresource answers, and its verbs."""
    if name == "scale":
        return ("autoscaling", "v1", "Scale"), CHANGED
    if name == "proxy":
        return (kind.group, kind.version, PROXIES.get(kind.plural, kind.kind)), PROXY_VERBS
    if name in CREATED:
        return CREATED[name], ("create",)
    if name in CONNECTED:
        shown, verbs = CONNECTED[name]
        return (kind.group, kind.version, shown), verbs
    if name == "finalize":
        return (kind.group, kind.version, kind.kind), ("update",)
    return (kind.group, kind.version, kind.kind), CHANGED


def _storage_hash(kind: Kind) -> str:
    """A short hash by which clients notice that the stored version has changed."""
    text = f"{kind.group}/{kind.storage_version or kind.version}/{kind.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()

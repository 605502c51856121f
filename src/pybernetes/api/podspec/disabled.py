"""Fields of pod specs whose feature is alpha in v1.37: the schema knows them, a server drops them.

An object that has such a field from elsewhere keeps it: then nothing is dropped from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..meta import MutableObj, Obj

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_HANDLERS = ("postStart", "preStop")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_FILES = ("configMap", "secret", "downwardAPI", "projected")
_PROJECTIONS = (
    "configMap",
    "secret",
    "downwardAPI",
    "serviceAccountToken",
    "clusterTrustBundle",
    "podCertificate",
)
_EVICTION = "evictionResponders"


def drop_alpha(spec: MutableObj, old: Obj | None) -> None:
    """Changes the spec in place. `old` is the one that was there."""
    found = list(_uses(spec))
    if not found:
        return
    kept = {name for _, name in _uses(old)} if old is not None else set()
    for holder, name in found:
        if name not in kept:
            holder.pop(name, None)


def _uses(spec: Any) -> Iterator[tuple[Any, str]]:
    """(who has it, the field)."""
    if spec.get(_EVICTION) is not None:
        yield spec, _EVICTION
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume)
    for field in _CONTAINERS:
        for container in spec.get(field) or ():
            yield from _of_container(container)


def _of_volume(volume: Any) -> Iterator[tuple[Any, str]]:
    """A directory's mode; whose the files of a volume are."""
    empty = volume.get("emptyDir")
    if empty is not None and empty.get("mode") is not None:
        yield empty, "mode"
    for name in _FILES:
        source = volume.get(name)
        if source is None:
            continue
        if source.get("defaultUser") is not None:
            yield source, "defaultUser"
        for part in (source, *_parts(source)):
            for holder in (part, *(part.get("items") or ())):
                if holder.get("user") is not None:
                    yield holder, "user"


def _parts(source: Any) -> Iterator[Any]:
    for projection in source.get("sources") or ():
        yield from (projection[name] for name in _PROJECTIONS if projection.get(name))


def _of_container(container: Any) -> Iterator[tuple[Any, str]]:
    for mount in container.get("volumeMounts") or ():
        if mount.get("bindMountOptions") is not None:
            yield mount, "bindMountOptions"
    lifecycle = container.get("lifecycle")
    if lifecycle:
        if lifecycle.get("stopSignal") is not None:
            yield lifecycle, "stopSignal"
        for name in _HANDLERS:
            yield from _of_handler(lifecycle.get(name))
    for name in _PROBES:
        yield from _of_handler(container.get(name))


def _of_handler(handler: Any) -> Iterator[tuple[Any, str]]:
    if not handler:
        return
    http, grpc = handler.get("httpGet"), handler.get("grpc")
    if http is not None and http.get("protocol") is not None:
        yield http, "protocol"
    if grpc is not None and grpc.get("mode") is not None:
        yield grpc, "mode"

"""Warnings of volumes whose files lie over each other: one path is another, or is above it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..meta import Obj


class _Path(NamedTuple):
    path: str
    source: str
    """What the file is made of, where several sources are in one volume."""

    def __str__(self) -> str:
        return f"{json.dumps(self.path)} ({self.source})" if self.source else json.dumps(self.path)


def overlap_warnings(volumes: Sequence[Obj]) -> Iterator[str]:
    """Of the volumes of a pod spec."""
    for volume in volumes:
        name = json.dumps(volume.get("name", ""))
        for field, word, named in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
            ("downwardAPI", "DownwardAPI", ""),
        ):
            source = volume.get(field)
            if source is not None and source.get("items") is not None:
                what = f"{word} {json.dumps(source.get(named, ''))}" if named else word
                yield from _overlaps(_paths(source["items"], ""), f"volume {name} ({what})")
        projected = volume.get("projected")
        if projected is not None:
            yield from _of_projected(projected.get("sources") or (), name)


def _of_projected(sources: Iterable[Any], name: str) -> Iterator[str]:
    paths: list[_Path] = []
    for source in sources:
        if any(value is not None for value in source.values()):
            paths += _projected(source)
        else:
            yield f"volume {name} (Projected) has no sources provided"
    yield from _overlaps(paths, f"volume {name} (Projected)")


def _projected(source: Any) -> Iterable[_Path]:
    for field, word in (("configMap", "ConfigMap"), ("secret", "Secret")):
        part = source.get(field)
        if part is not None and part.get("items") is not None:
            return _paths(part["items"], f"{word} {json.dumps(part.get('name', ''))}")
    if (source.get("downwardAPI") or {}).get("items") is not None:
        return _paths(source["downwardAPI"]["items"], "DownwardAPI")
    if (token := source.get("serviceAccountToken")) is not None:
        return [_Path(token.get("path", ""), "ServiceAccountToken")]
    if (bundle := source.get("clusterTrustBundle")) is not None:
        shown = bundle.get("name") if bundle.get("name") is not None else bundle.get("signerName")
        return [_Path(bundle.get("path", ""), f"ClusterTrustBundle {json.dumps(shown or '')}")]
    certificate = source.get("podCertificate") or {}
    fields = (
        ("certificateChainPath", "PodCertificate chain"),
        ("keyPath", "PodCertificate key"),
        ("credentialBundlePath", "PodCertificate credential bundle"),
    )
    return [_Path(certificate[field], word) for field, word in fields if certificate.get(field)]


def _paths(items: Iterable[Any], source: str) -> list[_Path]:
    return [_Path(item.get("path", ""), source) for item in items]


def _overlaps(paths: Iterable[_Path], where: str) -> Iterator[str]:
    seen: list[_Path] = []
    for each in paths:
        found = each._replace(path=each.path.rstrip("/"))
        for other in seen:
            if found.path and other.path and _touch(found.path, other.path):
                yield f"{where}: overlapping paths: {found} with {other}"
        seen.append(found)


def _touch(a: str, b: str) -> bool:
    return f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/")

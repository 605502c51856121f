"""Making a container image out of a directory, as an OCI archive that containerd and skopeo read. Standard library only."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What a container of the image does by default."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    working_dir: str = "/"
    stop_signal: str = ""
    architecture: str = "amd64"


def write_archive(target: Path, name: str, root: Path, config: ImageConfig) -> None:
    """Writes the OCI archive of an image `name` (`docker.io/library/nginx:latest`) with the tree below `root` as its one
    layer. Times and owners are fixed, so the same tree gives the same digest."""
    plain = _layer(root)
    layer = gzip.compress(plain, compresslevel=1, mtime=0)
    configuration = _json(
        {
            "architecture": config.architecture,
            "os": "linux",
            "config": {
                key: value
                for key, value in (
                    ("Entrypoint", [*config.entrypoint]),
                    ("Cmd", [*config.cmd]),
                    ("Env", [*config.env]),
                    ("WorkingDir", config.working_dir),
                    ("StopSignal", config.stop_signal),
                )
                if value
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, configuration),
            "layers": [_descriptor(LAYER, layer)],
        }
    )
    named = {
        **_descriptor(MANIFEST, manifest),
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        },
    }
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]})
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (configuration, manifest, layer):
            _add(archive, f"blobs/sha256/{_digest(blob).partition(':')[2]}", blob)


def _layer(root: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_neutral)
    return buffer.getvalue()


def _neutral(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":"), sort_keys=True).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))

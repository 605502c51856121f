"""Images made from a directory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from pybernetes.host.ociimage import ImageConfig, write_archive


def build(tmp_path: Path, name: str) -> Path:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    (root / "program").write_text("#!")
    (root / "program").chmod(0o755)
    target = tmp_path / name
    write_archive(target, "registry.test/tool:1", root, ImageConfig(entrypoint=("/program",)))
    return target


def blob(archive: tarfile.TarFile, descriptor: dict[str, Any]) -> bytes:
    """A blob by its descriptor, whose digest and size must hold."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    member = archive.extractfile(f"blobs/{algorithm}/{digest}")
    assert member is not None
    content = member.read()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, descriptor["size"])
    return content


def test_the_archive_holds_together_from_its_index_to_its_layer(tmp_path: Path) -> None:
    with tarfile.open(build(tmp_path, "image.tar")) as archive:
        member = archive.extractfile("index.json")
        assert member is not None
        named = json.loads(member.read())["manifests"][0]
        assert named["annotations"]["io.containerd.image.name"] == "registry.test/tool:1"
        manifest = json.loads(blob(archive, named))
        config = json.loads(blob(archive, manifest["config"]))
        plain = gzip.decompress(blob(archive, manifest["layers"][0]))
    assert config["config"]["Entrypoint"] == ["/program"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(plain)) as layer:
        program = layer.getmember("program")
    assert (program.mode, program.uid, program.mtime) == (0o755, 0, 0)


def test_the_same_tree_gives_the_same_image(tmp_path: Path) -> None:
    first = build(tmp_path, "one.tar").read_bytes()
    assert build(tmp_path, "two.tar").read_bytes() == first

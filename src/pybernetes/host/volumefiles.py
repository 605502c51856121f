"""Files of projected volumes, changed all at one instant.

A volume's real files are in a directory `..<timestamp>`; `..data` is a link to it, and each name in the volume is a link
through `..data`. A new payload is written beside the old one and `..data` is replaced by a rename: a reader sees the old
files or the new ones, never some of each. This is upstream's layout, which programs that watch volumes rely on.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pybernetes.kubelet.host import FileProjection

DATA = "..data"
PREFIX = "..2"  # of payload directories, whose names begin with a year


def write_payload(
    directory: Path, files: Mapping[str, FileProjection], fs_group: int | None, stamp: str
) -> bool:
    """Makes the volume hold exactly `files` (relative paths). `stamp` begins the name of the payload's directory.
    Answers whether anything changed. Raises OSError; ValueError for a path that leaves the volume."""
    for name in files:
        _check(name)
    directory.mkdir(parents=True, exist_ok=True)
    current = _current(directory)
    if current is not None and _same(current, files, fs_group):
        return False
    payload = Path(tempfile.mkdtemp(prefix=f"..{stamp}.", dir=directory))
    payload.chmod(0o755)
    for name, projection in files.items():
        _write(payload / name, projection, fs_group)
    _link(directory / DATA, payload.name)
    _publish_names(directory, files)
    for old in directory.glob(f"{PREFIX}*"):
        if old.name != payload.name:
            shutil.rmtree(old)
    return True


def _check(name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise ValueError(f"invalid path in a volume: {name!r}")


def _current(directory: Path) -> Path | None:
    link = directory / DATA
    return directory / os.readlink(link) if link.is_symlink() else None


def _same(payload: Path, files: Mapping[str, FileProjection], fs_group: int | None) -> bool:
    present = {str(path.relative_to(payload)) for path in payload.rglob("*") if path.is_file()}
    if present != set(files):
        return False
    return all(_is(payload / name, projection, fs_group) for name, projection in files.items())


def _is(path: Path, projection: FileProjection, fs_group: int | None) -> bool:
    status = path.stat()
    owner, group = projection.uid or 0, fs_group or 0
    return (
        status.st_mode & 0o7777 == projection.mode
        and (status.st_uid, status.st_gid) == (owner, group)
        and path.read_bytes() == projection.data
    )


def _write(path: Path, projection: FileProjection, fs_group: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(projection.data)
    os.chown(path, projection.uid or 0, fs_group or 0)
    path.chmod(projection.mode)


def _link(link: Path, target: str) -> None:
    """Replaces a link in one step."""
    temporary = link.with_name(f"{link.name}_tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(link)


def _publish_names(directory: Path, files: Mapping[str, FileProjection]) -> None:
    """One link per top-level name, and none for names that are gone."""
    wanted = {PurePosixPath(name).parts[0] for name in files}
    for path in directory.iterdir():
        if path.is_symlink() and path.name != DATA and path.name not in wanted:
            path.unlink()
    for name in wanted:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")

"""`subPath` never leaves its volume."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pybernetes.host import subpath


def opened(volume: Path, sub_path: str) -> str:
    """Where the descriptor leads."""
    descriptor = subpath.open_inside(str(volume), sub_path)
    try:
        return os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), volume)
    finally:
        os.close(descriptor)


def test_an_absent_path_is_made_as_directories_with_the_mode_of_the_volume(tmp_path: Path) -> None:
    tmp_path.chmod(0o1773)
    assert opened(tmp_path, "a/b") == "a/b"
    assert (tmp_path / "a/b").stat().st_mode & 0o7777 == 0o1773


def test_a_file_and_the_volume_itself_are_sub_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert opened(tmp_path, "file") == "file"
    assert opened(tmp_path, "") == "."


def test_links_inside_the_volume_are_followed(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026/key").write_text("x")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "key").symlink_to("..data/key")
    assert opened(tmp_path, "key") == "..2026/key"


@pytest.mark.parametrize("sub_path", ["../outside", "out", "out/deeper", "absolute/passwd"])
def test_a_path_that_leaves_the_volume_is_refused(tmp_path: Path, sub_path: str) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "outside").mkdir()
    (volume / "out").symlink_to("../outside")
    (volume / "absolute").symlink_to("/etc")
    with pytest.raises(OSError, match="leaves the volume") as refusal:
        subpath.open_inside(str(volume), sub_path)
    assert refusal.value.errno == errno.EINVAL


def test_a_directory_swapped_for_a_link_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path resolves as it was before the swap; the walk meets the link."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "dir").symlink_to("/etc")
    monkeypatch.setattr(os.path, "realpath", lambda path: os.path.normpath(path))
    with pytest.raises(OSError, match="link") as refusal:
        subpath.open_inside(str(volume), "dir")
    assert refusal.value.errno == errno.ELOOP

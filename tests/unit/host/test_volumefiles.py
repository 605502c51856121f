"""Payloads of projected volumes change all at one instant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pybernetes.host.volumefiles import write_payload
from pybernetes.kubelet.host import FileProjection

FILES = {"a": FileProjection(b"1"), "deep/b": FileProjection(b"2", 0o400)}


def contents(directory: Path) -> dict[str, bytes]:
    """What a reader sees through the links."""
    found = {}
    for name in os.listdir(directory):
        if not name.startswith(".."):
            top = directory / name
            for path in [top] if top.is_file() else sorted(top.rglob("*")):
                found[str(path.relative_to(directory))] = path.read_bytes()
    return found


def test_files_are_links_through_the_data_link(tmp_path: Path) -> None:
    assert write_payload(tmp_path, FILES, None, "2026_01_02_03_04_05")
    assert contents(tmp_path) == {"a": b"1", "deep/b": b"2"}
    assert os.readlink(tmp_path / "a") == "..data/a"
    assert os.readlink(tmp_path / "deep") == "..data/deep"
    assert os.readlink(tmp_path / "..data").startswith("..2026_01_02_03_04_05.")
    assert (tmp_path / "deep/b").stat().st_mode & 0o777 == 0o400


def test_the_same_payload_is_not_written_again(tmp_path: Path) -> None:
    write_payload(tmp_path, FILES, None, "2026_1")
    before = os.readlink(tmp_path / "..data")
    assert not write_payload(tmp_path, FILES, None, "2026_2")
    assert os.readlink(tmp_path / "..data") == before


def test_a_new_payload_replaces_the_old_whole(tmp_path: Path) -> None:
    write_payload(tmp_path, FILES, None, "2026_1")
    reader = os.open(tmp_path / "a", os.O_RDONLY)
    assert write_payload(tmp_path, {"c": FileProjection(b"3")}, None, "2026_2")
    assert contents(tmp_path) == {"c": b"3"}
    assert len([name for name in os.listdir(tmp_path) if name.startswith("..2")]) == 1
    assert os.read(reader, 10) == b"1"
    os.close(reader)


def test_a_changed_mode_is_a_change(tmp_path: Path) -> None:
    write_payload(tmp_path, {"a": FileProjection(b"1", 0o644)}, None, "2026_1")
    assert write_payload(tmp_path, {"a": FileProjection(b"1", 0o600)}, None, "2026_2")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..data", ""])
def test_a_path_that_leaves_the_volume_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        write_payload(tmp_path, {name: FileProjection(b"")}, None, "2026_1")
    assert os.listdir(tmp_path) == []

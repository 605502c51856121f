"""Control groups as files, in a directory that stands for /sys/fs/cgroup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes.host.cgroups import Cgroups
from pybernetes.kubelet.host import CgroupLimits

POD = ("kubepods", "burstable", "pod1")
LIMITS = CgroupLimits(cpu_shares=512, cpu_quota=50_000, memory=64 << 20, pids=100)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """The files that the kernel would make with each directory exist beforehand."""
    for controller, files in (
        ("cpu", ("cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us")),
        ("memory", ("memory.limit_in_bytes",)),
        ("pids", ("pids.max",)),
    ):
        directory = tmp_path.joinpath(controller, "n1", *POD)
        directory.mkdir(parents=True)
        for file in files:
            (directory / file).write_text("")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    return tmp_path


def test_version_1_has_one_directory_per_controller(v1: Path) -> None:
    groups = Cgroups(v1, "/n1")
    asyncio.run(groups.ensure(POD, LIMITS))
    below = "n1/kubepods/burstable/pod1"
    assert (v1 / "cpu" / below / "cpu.shares").read_text() == "512"
    assert (v1 / "cpu" / below / "cpu.cfs_quota_us").read_text() == "50000"
    assert (v1 / "cpu" / below / "cpu.cfs_period_us").read_text() == "100000"
    assert (v1 / "memory" / below / "memory.limit_in_bytes").read_text() == str(64 << 20)
    assert (v1 / "pids" / below / "pids.max").read_text() == "100"
    assert groups.path(POD) == "/" + below
    assert groups.children(("kubepods", "burstable")) == ["pod1"]


def test_zero_leaves_a_limit_as_it_is(v1: Path) -> None:
    groups = Cgroups(v1, "n1")
    asyncio.run(groups.ensure(POD, LIMITS))
    asyncio.run(groups.ensure(POD, CgroupLimits(memory=-1)))
    assert (v1 / "cpu" / groups.path(POD)[1:] / "cpu.shares").read_text() == "512"
    assert (v1 / "memory" / groups.path(POD)[1:] / "memory.limit_in_bytes").read_text() == "-1"


def test_version_2_has_one_directory_and_enables_controllers_on_the_way(v2: Path) -> None:
    groups = Cgroups(v2)
    asyncio.run(groups.ensure(POD, LIMITS))
    directory = v2.joinpath(*POD)
    assert (directory / "cpu.max").read_text() == "50000 100000"
    assert (directory / "memory.max").read_text() == str(64 << 20)
    assert (directory / "pids.max").read_text() == "100"
    for ancestor in (v2, v2 / "kubepods", v2 / "kubepods/burstable"):
        assert (ancestor / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert not (directory / "cgroup.subtree_control").exists(), "processes live in the last one"


@pytest.mark.parametrize(("shares", "weight"), [(2, "1"), (1024, "39"), (262144, "10000")])
def test_shares_become_weights_as_runc_converts_them(v2: Path, shares: int, weight: str) -> None:
    asyncio.run(Cgroups(v2).ensure(("a",), CgroupLimits(cpu_shares=shares)))
    assert (v2 / "a" / "cpu.weight").read_text() == weight


def test_no_limit_is_the_word_max_in_version_2(v2: Path) -> None:
    asyncio.run(Cgroups(v2).ensure(("a",), CgroupLimits(cpu_quota=-1, memory=-1, pids=-1)))
    assert (v2 / "a" / "cpu.max").read_text() == "max 100000"
    assert (v2 / "a" / "memory.max").read_text() == (v2 / "a" / "pids.max").read_text() == "max"


def test_what_was_never_there_has_no_children_and_is_removed_in_peace(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    groups = Cgroups(tmp_path)
    assert groups.children(("none",)) == []
    asyncio.run(groups.remove(("none",)))


def test_removal_takes_children_along_in_every_hierarchy(tmp_path: Path) -> None:
    for controller in ("cpu", "memory", "unified"):
        (tmp_path / controller / "kubepods" / "pod1" / "container").mkdir(parents=True)
    asyncio.run(Cgroups(tmp_path).remove(("kubepods",)))
    assert not list(tmp_path.glob("*/kubepods"))

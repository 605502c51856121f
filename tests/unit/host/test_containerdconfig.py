"""containerd's configuration as text; how its processes are found."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pybernetes.host.containerd import Containerd, ContainerdConfig
from pybernetes.host.containerdconfig import MachineFacts, config_text, write_mirror
from pybernetes.host.processes import inside, processes

CRI = "io.containerd.grpc.v1.cri"


def test_everything_of_it_is_below_its_own_directories() -> None:
    text = config_text(
        Path("/s"), Path("/r"), MachineFacts("/usr/sbin/runc", restrict_oom=True, overlay=True)
    )
    tree = tomllib.loads(text)
    assert (tree["root"], tree["state"], tree["grpc"]["address"]) == (
        "/s/root",
        "/r/state",
        "/r/containerd.sock",
    )
    cri = tree["plugins"][CRI]
    assert cri["registry"]["config_path"] == "/s/certs.d"
    assert cri["cni"]["conf_dir"] == "/s/net.d"
    assert (cri["stream_server_address"], cri["restrict_oom_score_adj"]) == ("127.0.0.1", True)
    options = cri["containerd"]["runtimes"]["runc"]["options"]
    assert (options["BinaryName"], options["Root"]) == ("/usr/sbin/runc", "/r/runc")


def test_a_machine_without_overlays_copies_layers() -> None:
    text = config_text(Path("/s"), Path("/r"), MachineFacts("runc", restrict_oom=False, overlay=False))
    cri = tomllib.loads(text)["plugins"][CRI]
    assert (cri["containerd"]["snapshotter"], cri["restrict_oom_score_adj"]) == ("native", False)


def test_a_mirror_stands_for_every_registry_and_is_taken_back(tmp_path: Path) -> None:
    write_mirror(tmp_path, "http://127.0.0.1:5055")
    for registry in ("docker.io", "_default"):
        hosts = tomllib.loads((tmp_path / registry / "hosts.toml").read_text())
        assert hosts["server"] == "http://127.0.0.1:5055", "never the registry itself"
        assert hosts["host"]["http://127.0.0.1:5055"]["capabilities"] == ["pull", "resolve"]
    write_mirror(tmp_path, "")
    assert not list(tmp_path.glob("*/hosts.toml"))


def test_processes_are_found_by_program_and_arguments(tmp_path: Path) -> None:
    for pid, words in (("7", "/usr/bin/containerd\0-c\0/a/config.toml\0"), ("8", ""), ("9", "other\0-c\0")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text(words)
    (tmp_path / "10").mkdir()  # ended meanwhile
    (tmp_path / "self").mkdir()
    assert processes("containerd", lambda words: "/a/config.toml" in words, tmp_path) == [7]
    assert processes("containerd", lambda words: "/b" in words, tmp_path) == []


def test_a_directory_is_not_taken_for_its_neighbour() -> None:
    assert inside(Path("/a/run"), "/a/run/containerd.sock")
    assert not inside(Path("/a/run"), "/a/run2/containerd.sock")


@pytest.mark.parametrize("length", range(60, 120))
def test_every_socket_has_a_path_that_the_kernel_takes(length: int) -> None:
    state = Path("/" + "s" * (length - 1))
    made = Containerd(ContainerdConfig(state))
    assert len(str(made.run_dir / "containerd.sock.ttrpc")) <= 104
    assert (made.run_dir == state / "run") == (len(str(state)) <= 104 - len("/run/containerd.sock.ttrpc"))

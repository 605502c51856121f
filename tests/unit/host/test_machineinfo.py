"""Facts of the machine, from text."""

from __future__ import annotations

from pathlib import Path

from pybernetes.host import machineinfo
from pybernetes.kubelet.host import ResolvConf


def test_resolv_conf_is_read_as_the_resolver_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# comment\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a\nsearch b c\noptions ndots:2 rotate\n"
    )
    assert machineinfo.resolv_conf(str(file)) == ResolvConf(
        ("192.0.2.1", "192.0.2.2"), ("b", "c"), ("ndots:2", "rotate")
    )
    assert machineinfo.resolv_conf(str(tmp_path / "none")) == ResolvConf()


def test_the_servers_behind_a_stub_on_loopback_are_taken(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\nsearch x\n")
    assert machineinfo.resolv_conf(str(stub), str(real)).nameservers == ("127.0.0.53",)
    real.write_text("nameserver 192.0.2.9\n")
    assert machineinfo.resolv_conf(str(stub), str(real)) == ResolvConf(("192.0.2.9",))


def test_capacity_and_pressure_are_of_one_machine(tmp_path: Path) -> None:
    capacity, pressure = machineinfo.capacity(str(tmp_path)), machineinfo.pressure(str(tmp_path))
    assert capacity.cpu >= 1
    assert 0 < pressure.memory_available < capacity.memory
    assert pressure.disk_available <= pressure.disk_capacity == capacity.ephemeral_storage
    assert 0 < pressure.pids_available < pressure.pids_max
    assert machineinfo.machine_info().boot_id

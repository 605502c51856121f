"""The records of the Kubernetes DNS specification, over a small fixed cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from pybernetes.dns import message as m
from pybernetes.dns.zone import answer

WEB = {
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "clusterIP": "10.96.0.9",
        "clusterIPs": ["10.96.0.9"],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    },
}
DB = {
    "metadata": {"name": "db", "namespace": "default"},
    "spec": {"clusterIP": "None", "clusterIPs": ["None"]},
}
OUT = {
    "metadata": {"name": "out", "namespace": "default"},
    "spec": {"type": "ExternalName", "externalName": "www.example.org"},
}
DB_SLICE = {
    "metadata": {"name": "db-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "db"}},
    "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
    "endpoints": [
        {"addresses": ["10.244.0.5"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.244.0.6"], "conditions": {"ready": True}},
        {"addresses": ["10.244.0.7"], "conditions": {"ready": False}},
    ],
}


class FixedView:
    def service(self, namespace: str, name: str) -> Any:
        return next(
            (s for s in (WEB, DB, OUT) if s["metadata"] == {"name": name, "namespace": namespace}), None
        )

    def slices(self, _namespace: str, service: str) -> Iterable[Any]:
        return [DB_SLICE] if service == "db" else []

    def has_namespace(self, name: str) -> bool:
        return name == "default"

    def services_with_ip(self, ip: str) -> Iterable[Any]:
        return [WEB] if ip == "10.96.0.9" else []

    def slices_with_ip(self, ip: str) -> Iterable[Any]:
        return [DB_SLICE] if ip in ("10.244.0.5", "10.244.0.6") else []


def ask(name: str, qtype: int) -> m.Answer | None:
    return answer(FixedView(), "cluster.local", name, qtype, serial=4)


def data(name: str, qtype: int) -> list[Any]:
    found = ask(name, qtype)
    assert found is not None
    assert found.rcode == m.NOERROR
    return [record.data for record in found.answers]


NAMES: list[tuple[str, int, list[Any]]] = [
    ("web.default.svc.cluster.local", m.A, ["10.96.0.9"]),
    ("web.default.svc.cluster.local", m.AAAA, []),
    ("_http._tcp.web.default.svc.cluster.local", m.SRV, [(0, 100, 80, "web.default.svc.cluster.local")]),
    ("db.default.svc.cluster.local", m.A, ["10.244.0.5", "10.244.0.6"]),
    ("db-0.db.default.svc.cluster.local", m.A, ["10.244.0.5"]),
    ("10-244-0-6.db.default.svc.cluster.local", m.A, ["10.244.0.6"]),
    ("out.default.svc.cluster.local", m.A, ["www.example.org"]),
    ("1-2-3-4.default.pod.cluster.local", m.A, ["1.2.3.4"]),
    ("dns-version.cluster.local", m.TXT, ["1.1.0"]),
    ("9.0.96.10.in-addr.arpa", m.PTR, ["web.default.svc.cluster.local"]),
    ("5.0.244.10.in-addr.arpa", m.PTR, ["db-0.db.default.svc.cluster.local"]),
    ("default.svc.cluster.local", m.A, []),
]


@pytest.mark.parametrize(("name", "qtype", "expected"), NAMES)
def test_names_that_exist(name: str, qtype: int, expected: list[Any]) -> None:
    assert data(name, qtype) == expected


@pytest.mark.parametrize(
    "name",
    [
        "nope.default.svc.cluster.local",
        "web.other.svc.cluster.local",
        "db-9.db.default.svc.cluster.local",
        "_https._tcp.web.default.svc.cluster.local",
        "1-2-3-4.other.pod.cluster.local",
        "x.out.default.svc.cluster.local",
        "something.cluster.local",
    ],
)
def test_names_that_do_not_exist_are_denied_with_an_soa(name: str) -> None:
    found = ask(name, m.A)
    assert found is not None
    assert found.rcode == m.NXDOMAIN
    assert [record.type for record in found.authority] == [m.SOA]


@pytest.mark.parametrize("name", ["example.org", "cluster.local.example.org", "9.9.9.9.in-addr.arpa"])
def test_other_names_are_not_ours(name: str) -> None:
    assert ask(name, m.PTR) is None


def test_srv_of_a_headless_service_brings_addresses_along() -> None:
    found = ask("_sql._tcp.db.default.svc.cluster.local", m.SRV)
    assert found is not None
    assert [record.data for record in found.answers] == [
        (0, 100, 5432, "db-0.db.default.svc.cluster.local"),
        (0, 100, 5432, "10-244-0-6.db.default.svc.cluster.local"),
    ]
    assert [record.data for record in found.additional] == ["10.244.0.5", "10.244.0.6"]

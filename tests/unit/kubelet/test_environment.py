"""Environment, downward API, resolv.conf, hosts file: values from values."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pybernetes.api.meta import Obj
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.dns import host_name, hosts_file, pod_dns
from pybernetes.kubelet.env import ConfigError, EnvContext, environment, references, service_variables
from pybernetes.kubelet.expansion import expand, unresolved
from pybernetes.kubelet.fieldref import FieldError, NodeFacts, field_value, resource_value
from pybernetes.kubelet.host import ResolvConf

NODE = NodeFacts("n1", ("10.0.0.1",), {"cpu": "4", "memory": "8Gi"})
POD: Obj = {
    "metadata": {
        "name": "web",
        "namespace": "ns",
        "uid": "u",
        "labels": {"b": "2", "a": 'x"y'},
        "annotations": {"k": "v"},
    },
    "spec": {"containers": [], "serviceAccountName": "sa"},
    "status": {"podIPs": [{"ip": "10.1.1.1"}, {"ip": "fd00::1"}]},
}
OBJECTS = {
    ("configmap", "conf"): {"data": {"A": "1", "B.C": "2"}},
    ("secret", "s"): {"data": {"P": base64.b64encode(b"pw").decode()}},
}


def env_of(services: dict[str, str] | None = None, **container: Any) -> dict[str, str]:
    def lookup(kind: str, name: str) -> Obj | None:
        return OBJECTS.get((kind, name))

    context = EnvContext(POD, NODE, lookup, services or {})
    return environment({"name": "c", **container}, context)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)-$(B)", "1-2"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("100$", "100$"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


def test_unresolved_names() -> None:
    assert unresolved("$(A)/$(B)/$$(C)", {"A": "1"}) == ["B"]


def test_later_variables_win_and_may_use_earlier_ones() -> None:
    values = env_of(
        {"WEB_SERVICE_HOST": "10.96.0.1"},
        envFrom=[{"configMapRef": {"name": "conf"}}, {"prefix": "S_", "secretRef": {"name": "s"}}],
        env=[
            {"name": "A", "value": "own"},
            {"name": "URL", "value": "http://$(WEB_SERVICE_HOST)/$(A)/$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "EMPTY"},
        ],
    )
    assert values == {
        "A": "own",
        "B.C": "2",
        "S_P": "pw",
        "URL": "http://10.96.0.1/own/$(LATER)",
        "LATER": "x",
        "EMPTY": "",
        "WEB_SERVICE_HOST": "10.96.0.1",
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "web"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "10.1.1.1"),
        ({"configMapKeyRef": {"name": "conf", "key": "A"}}, "1"),
        ({"secretKeyRef": {"name": "s", "key": "P"}}, "pw"),
        ({"secretKeyRef": {"name": "none", "key": "P", "optional": True}}, None),
        ({"configMapKeyRef": {"name": "conf", "key": "Z", "optional": True}}, None),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "4"),
    ],
)
def test_sources(source: Obj, expected: str | None) -> None:
    values = env_of(env=[{"name": "V", "valueFrom": source}])
    assert values.get("V") == expected


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        (
            {"env": [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "s", "key": "Z"}}}]},
            "couldn't find key Z in Secret ns/s",
        ),
        (
            {"env": [{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "Z"}}}]},
            "couldn't find key Z in ConfigMap ns/conf",
        ),
    ],
)
def test_what_is_missing(container: Obj, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        env_of(**container)
    assert str(caught.value) == message


def test_references_are_all_objects_that_are_named() -> None:
    container = {
        "envFrom": [{"secretRef": {"name": "s"}}],
        "env": [{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "A"}}}],
    }
    assert references(container) == {("secret", "s"), ("configmap", "conf")}


def service(name: str, namespace: str, ip: str, *ports: Obj) -> Obj:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": list(ports)},
    }


def test_service_variables() -> None:
    services = [
        service("my-db", "ns", "10.96.0.9", {"port": 5432, "name": "sql"}, {"port": 53, "protocol": "UDP"}),
        service("headless", "ns", "None", {"port": 1}),
        service("elsewhere", "other", "10.96.0.8", {"port": 1}),
        service("kubernetes", "default", "10.96.0.1", {"port": 443, "name": "https"}),
    ]
    values = service_variables(services, "ns", links=True)
    assert values == {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        "KUBERNETES_PORT": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
        "KUBERNETES_PORT_443_TCP_PORT": "443",
        "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
        "MY_DB_SERVICE_HOST": "10.96.0.9",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_PORT": "tcp://10.96.0.9:5432",
        "MY_DB_PORT_5432_TCP": "tcp://10.96.0.9:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "10.96.0.9",
        "MY_DB_PORT_53_UDP": "udp://10.96.0.9:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.96.0.9",
    }
    without = service_variables(services, "ns", links=False)
    assert set(without) == {key for key in values if key.startswith("KUBERNETES")}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.namespace", "ns"),
        ("metadata.labels", 'a="x\\"y"\nb="2"'),
        ("metadata.labels['b']", "2"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['k']", "v"),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "sa"),
        ("status.hostIP", "10.0.0.1"),
        ("status.podIPs", "10.1.1.1,fd00::1"),
    ],
)
def test_fields(path: str, expected: str) -> None:
    assert field_value(POD, path, NODE) == expected


def test_an_unknown_field() -> None:
    with pytest.raises(FieldError):
        field_value(POD, "spec.containers", NODE)


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "1m", "250"),
        ("limits.memory", "1Mi", "64"),
        ("limits.memory", "", "67108864"),
        ("requests.memory", "1Ki", "65536"),
        ("limits.ephemeral-storage", "", "0"),
    ],
)
def test_resources(resource: str, divisor: str, expected: str) -> None:
    container = {"resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}}}
    assert resource_value(container, resource, divisor, NODE) == expected


CONFIG = KubeletConfig("n1", ("10.0.0.1",), cluster_dns=("10.96.0.10",))
HOST = ResolvConf(("1.1.1.1",), ("example.com",), ("edns0",))


def test_resolv_conf_by_policy() -> None:
    def dns(config: KubeletConfig = CONFIG, **spec: Any) -> tuple[tuple[str, ...], ...]:
        made = pod_dns({**POD, "spec": spec}, config, HOST)
        return made.servers, made.searches, made.options

    cluster = (
        ("10.96.0.10",),
        ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"),
        ("ndots:5",),
    )
    host = (("1.1.1.1",), ("example.com",), ("edns0",))
    assert dns() == cluster
    assert dns(dnsPolicy="Default") == host
    assert dns(hostNetwork=True) == host
    assert dns(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet") == cluster
    assert dns(KubeletConfig("n1", ("10.0.0.1",))) == host
    own = {
        "nameservers": ["9.9.9.9"],
        "searches": ["a.b"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "x"}],
    }
    assert dns(dnsPolicy="None", dnsConfig=own) == (("9.9.9.9",), ("a.b",), ("ndots:2", "x"))
    assert dns(dnsConfig=own)[2] == ("ndots:2", "x")


def test_the_hosts_file() -> None:
    spec = {
        "hostname": "h",
        "subdomain": "sub",
        "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}],
    }
    text = hosts_file({**POD, "spec": spec}, ["10.1.1.1"], CONFIG)
    assert "10.1.1.1\th.sub.ns.svc.cluster.local\th\n" in text
    assert text.endswith("# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n")
    assert "10.1.1.1\tweb\n" in hosts_file(POD, ["10.1.1.1"], CONFIG)


def test_long_host_names_are_cut() -> None:
    name = "a" * 62 + "-" + "b" * 20
    assert host_name({**POD, "metadata": {"name": name}}) == "a" * 62

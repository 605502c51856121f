"""From a container's spec to the runtime's configuration, and the cgroups around it."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.meta import Obj
from pybernetes.kubelet import cgroups
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import Prepared, container_config, port_number, pull_policy
from pybernetes.kubelet.env import ConfigError
from pybernetes.kubelet.host import CgroupLimits
from pybernetes.kubelet.images import auths_for, registry_of
from pybernetes.kubelet.podspec import qos_class
from pybernetes.kubelet.resources import oom_score
from pybernetes.kubelet.runtime import ContainerConfig, Image, Mount, SecurityProfile
from pybernetes.kubelet.sandbox import sandbox_config
from pybernetes.kubelet.status import status_patch
from pybernetes.sim.hollow_host import HollowHost, HollowMachine

CONFIG = KubeletConfig("n1", ("10.0.0.1",), cluster_dns=("10.96.0.10",))
GIB = 1 << 30


def pod(*containers: Obj, **spec: Any) -> Obj:
    metadata = {"name": "web", "namespace": "ns", "uid": "u1", "labels": {"app": "web"}}
    return {"metadata": metadata, "spec": {"containers": list(containers), **spec}}


def made(container: Obj, image: Image | None = None, **spec: Any) -> ContainerConfig:
    full = {"name": "c", "image": "nginx", **container}
    prepared = Prepared(image or Image("sha256:1"), {"A": "1"}, (Mount("/data", "/vol"),), 16 * GIB)
    return container_config(pod(full, **spec), full, 2, prepared, CONFIG)


def resources(kind: str = "limits", **amounts: str) -> Obj:
    return {"resources": {kind: amounts}}


def test_the_whole_configuration() -> None:
    config = made({"command": ["sh", "-c"], "args": ["echo $(A) $$(A)"], "workingDir": "/w", "tty": True})
    assert (config.metadata.name, config.metadata.attempt) == ("c", 2)
    assert config.command == ("sh", "-c")
    assert config.args == ("echo 1 $(A)",)
    assert config.log_path == "c/2.log"
    assert dict(config.envs) == {"A": "1"}
    assert [m.container_path for m in config.mounts] == ["/data", "/etc/hosts", "/dev/termination-log"]
    assert config.mounts[-1].host_path == "/var/lib/kubelet/pods/u1/containers/c/2"
    assert config.labels == {
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "ns",
        "io.kubernetes.pod.uid": "u1",
        "io.kubernetes.container.name": "c",
    }
    assert config.annotations["io.kubernetes.container.restartCount"] == "2"
    assert config.tty
    assert config.security_context.masked_paths


def test_a_pod_may_bring_its_own_hosts_file() -> None:
    config = made({"volumeMounts": [{"name": "v", "mountPath": "/etc/hosts"}]})
    assert [m.container_path for m in config.mounts] == ["/data", "/dev/termination-log"]


def test_the_containers_security_wins_over_the_pods() -> None:
    shared = {
        "runAsUser": 1,
        "runAsGroup": 2,
        "fsGroup": 3,
        "supplementalGroups": [4],
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    own = {
        "runAsUser": 9,
        "capabilities": {"add": ["NET_ADMIN"], "drop": ["CAP_CHOWN"]},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
    }
    context = made({"securityContext": own}, securityContext=shared).security_context
    assert (context.run_as_user, context.run_as_group) == (9, 2)
    assert context.supplemental_groups == (4, 3)
    assert context.capabilities.add == ("NET_ADMIN",)
    assert context.capabilities.drop == ("CHOWN",)
    assert context.no_new_privs
    assert context.readonly_rootfs
    assert context.seccomp == SecurityProfile("RuntimeDefault")
    privileged = made({"securityContext": {"privileged": True}}).security_context
    assert privileged.privileged
    assert privileged.masked_paths == ()


@pytest.mark.parametrize(
    ("own", "image", "problem"),
    [
        ({"runAsUser": 0}, Image("i"), "container's runAsUser breaks non-root policy"),
        ({}, Image("i", uid=0), "container has runAsNonRoot and image will run as root"),
        ({}, Image("i"), "container has runAsNonRoot and image will run as root"),
        ({}, Image("i", username="www"), "container has runAsNonRoot and image has non-numeric user (www)"),
        ({"runAsUser": 5}, Image("i", uid=0), ""),
        ({}, Image("i", uid=5), ""),
    ],
)
def test_run_as_non_root(own: Obj, image: Image, problem: str) -> None:
    container = {"securityContext": {"runAsNonRoot": True, **own}}
    if not problem:
        assert made(container, image).security_context.run_as_user == 5
        return
    with pytest.raises(ConfigError) as caught:
        made(container, image)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("container", "shares", "quota", "memory"),
    [
        ({}, 2, 0, 0),
        (resources("requests", cpu="250m"), 256, 0, 0),
        (resources(cpu="500m", memory="64Mi"), 512, 50_000, 64 * 1024 * 1024),
        (resources(cpu="1m"), 2, 1000, 0),
    ],
)
def test_linux_resources(container: Obj, shares: int, quota: int, memory: int) -> None:
    found = made(container).resources
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit_in_bytes) == (shares, quota, memory)


@pytest.mark.parametrize(
    ("containers", "qos", "score"),
    [
        ([{}], "BestEffort", 1000),
        ([resources(cpu="1", memory="1Gi")], "Guaranteed", -997),
        ([resources("requests", memory="8Gi")], "Burstable", 500),
        ([resources("requests", cpu="1")], "Burstable", 999),
        ([resources("requests", memory="16Gi")], "Burstable", 3),
        ([resources(cpu="1", memory="1Gi"), {}], "Burstable", 938),
        ([resources(cpu="1")], "Burstable", 999),
    ],
)
def test_quality_of_service(containers: list[Obj], qos: str, score: int) -> None:
    named = [{"name": f"c{i}", **c} for i, c in enumerate(containers)]
    owner = pod(*named)
    assert qos_class(owner) == qos
    assert oom_score(owner, named[0], 16 * GIB) == score


def test_the_pods_cgroup() -> None:
    guaranteed = pod({"name": "a", **resources(cpu="500m", memory="1Gi")})
    assert cgroups.pod_cgroup(guaranteed) == ("kubepods", "podu1")
    assert cgroups.pod_limits(guaranteed) == CgroupLimits(512, 50_000, 100_000, GIB)
    half = pod({"name": "a", **resources(cpu="500m", memory="1Gi")}, {"name": "b"})
    assert cgroups.pod_cgroup(half) == ("kubepods", "burstable", "podu1")
    assert cgroups.pod_limits(half) == CgroupLimits(512, 0, 100_000, 0)
    assert cgroups.pod_cgroup(pod({"name": "a"})) == ("kubepods", "besteffort", "podu1")
    assert cgroups.pod_limits(pod({"name": "a"})).cpu_shares == 2


def test_a_pod_needs_its_largest_init_step_or_all_that_runs_on() -> None:
    inits = [
        {"name": "big", **resources(cpu="3")},
        {"name": "side", "restartPolicy": "Always", **resources(cpu="1")},
        {"name": "later", **resources(cpu="1500m")},
    ]
    owner = pod({"name": "c", **resources(cpu="1")}, initContainers=inits, overhead={"cpu": "100m"})
    assert cgroups.pod_total(owner, "limits", "cpu") == (3100, True)


def test_the_sandbox() -> None:
    port = {"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}
    container = {"name": "c", "ports": [port, {"containerPort": 81}]}
    host = HollowHost(HollowMachine("n1"))
    config = sandbox_config(pod(container), CONFIG, host, 1)
    assert config.hostname == "web"
    assert config.log_directory == "/var/log/pods/ns_web_u1"
    assert config.cgroup_parent == "/kubepods/besteffort/podu1"
    assert config.labels["app"] == "web"
    assert [(p.container_port, p.host_port) for p in config.port_mappings] == [(80, 8080)]
    assert config.security_context.namespace_options.network == "POD"
    shared = sandbox_config(
        pod(container, hostNetwork=True, hostPID=True, shareProcessNamespace=False), CONFIG, host, 0
    )
    assert shared.hostname == ""
    assert shared.port_mappings == ()
    assert shared.security_context.namespace_options.network == "NODE"
    assert shared.security_context.namespace_options.pid == "NODE"


@pytest.mark.parametrize(
    ("image", "policy", "expected"),
    [
        ("nginx", None, "Always"),
        ("nginx:latest", None, "Always"),
        ("nginx:1", None, "IfNotPresent"),
        ("host:5000/nginx", None, "Always"),
        ("nginx@sha256:0", None, "IfNotPresent"),
        ("nginx", "Never", "Never"),
    ],
)
def test_pull_policies(image: str, policy: str | None, expected: str) -> None:
    assert pull_policy({"image": image, "imagePullPolicy": policy}) == expected


def test_ports_by_name() -> None:
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    assert [port_number(container, port) for port in (80, "web", "81")] == [80, 8080, 81]
    with pytest.raises(ValueError, match="couldn't find port: nope"):
        port_number(container, "nope")


def test_pull_secrets() -> None:
    assert [registry_of(ref) for ref in ("nginx", "a/b", "ghcr.io/x/y:1", "localhost/x", "h:5000/x")] == [
        "docker.io",
        "docker.io",
        "ghcr.io",
        "localhost",
        "h:5000",
    ]
    text = (
        '{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"},'
        ' "ghcr.io": {"username": "g", "password": "h"}, "ghcr.io/x": {"username": "x", "password": "y"}}}'
    )
    import base64

    secret = {"data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}}
    assert [(a.username, a.password) for a in auths_for("nginx:1", [secret])] == [("u", "p")]
    assert [a.username for a in auths_for("ghcr.io/x/y:1", [secret])] == ["x", "g"]
    assert auths_for("quay.io/x", [secret]) == []
    assert (
        auths_for("nginx", [{"data": {".dockerconfigjson": "e30="}}, {"data": {".dockercfg": "Wzld"}}]) == []
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"phase": "Running"}, {"phase": "Running"}),
        ({"phase": "Running"}, {"phase": "Running"}, None),
        ({"phase": "Failed", "reason": "x"}, {"phase": "Failed"}, {"reason": None}),
        ({"nominatedNodeName": "n"}, {}, None),
        (
            {"podIPs": [{"ip": "1"}]},
            {"podIPs": [{"ip": "2"}]},
            {"podIPs": [{"ip": "2"}, {"$patch": "replace"}]},
        ),
        (
            {"conditions": [{"type": "Ready", "status": "False", "reason": "r"}]},
            {"conditions": [{"type": "Ready", "status": "True"}]},
            {"conditions": [{"type": "Ready", "status": "True", "reason": None}]},
        ),
        (
            {"conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}]},
            {"conditions": [{"type": "Ready", "status": "True"}]},
            None,
        ),
    ],
)
def test_only_what_differs_is_told(old: Obj, new: Obj, expected: Obj | None) -> None:
    assert status_patch(old, new) == expected

"""What the kubelet makes of containers, on hollow nodes: environment, arguments, restarts, init containers,
paths, hosts (upstream: test/e2e/common/node)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.api.meta import Obj
from pybernetes.lang import quantity
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import gone, until
from tests.conformance.workloads import pod

POD = kinds.POD


def container(program: str, name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": IMAGE + program, **fields}


async def told(c: Cluster, ns: str, **fields: Any) -> Any:
    """What a container sees: `env` and `args`."""
    await c.client.create(
        POD, pod("seen", ns, containers=[container("seen", **fields)], restartPolicy="Never")
    )
    await c.wait("pod/seen", "status.phase=Succeeded", namespace=ns)
    return json.loads(await c.logs("seen", namespace=ns))


def reference(name: str, **source: Any) -> Obj:
    return {"name": name, "valueFrom": source}


# ---- environment


async def test_config_map_variable(c: Cluster, ns: str) -> None:
    """[sig-node] ConfigMap should be consumable via environment variable [NodeConformance] [Conformance]"""
    await c.client.create(
        kinds.CONFIGMAP, {"metadata": {"name": "m", "namespace": ns}, "data": {"data-1": "value-1"}}
    )
    env = [reference("CONFIG_DATA_1", configMapKeyRef={"name": "m", "key": "data-1"})]
    assert (await told(c, ns, env=env))["env"]["CONFIG_DATA_1"] == "value-1"


async def test_config_map_environment(c: Cluster, ns: str) -> None:
    """[sig-node] ConfigMap should be consumable via the environment [NodeConformance] [Conformance]"""
    data = {"data_1": "value-1", "data_2": "value-2", "data_3": "value-3"}
    await c.client.create(kinds.CONFIGMAP, {"metadata": {"name": "m", "namespace": ns}, "data": data})
    source = {"configMapRef": {"name": "m"}}
    env = (await told(c, ns, envFrom=[source, {"prefix": "p-", **source}]))["env"]
    assert env.items() >= {**data, **{f"p-{key}": value for key, value in data.items()}}.items()


async def test_secret_variable(c: Cluster, ns: str) -> None:
    """[sig-node] Secrets should be consumable from pods in env vars [NodeConformance] [Conformance]"""
    await c.client.create(
        kinds.SECRET, {"metadata": {"name": "s", "namespace": ns}, "data": {"data-1": "dmFsdWUtMQ=="}}
    )
    env = [reference("SECRET_DATA", secretKeyRef={"name": "s", "key": "data-1"})]
    assert (await told(c, ns, env=env))["env"]["SECRET_DATA"] == "value-1"


async def test_secret_environment(c: Cluster, ns: str) -> None:
    """[sig-node] Secrets should be consumable via the environment [NodeConformance] [Conformance]"""
    data = {"data_1": "dmFsdWUtMQ==", "data_2": "dmFsdWUtMg=="}
    await c.client.create(kinds.SECRET, {"metadata": {"name": "s", "namespace": ns}, "data": data})
    source = {"secretRef": {"name": "s"}}
    env = (await told(c, ns, envFrom=[source, {"prefix": "p-", **source}]))["env"]
    expected = {"data_1": "value-1", "data_2": "value-2", "p-data_1": "value-1", "p-data_2": "value-2"}
    assert env.items() >= expected.items()


RESOURCES = {
    "CPU_LIMIT": ("limits.cpu", "2"),
    "MEMORY_LIMIT": ("limits.memory", "67108864"),
    "CPU_REQUEST": ("requests.cpu", "1"),
    "MEMORY_REQUEST": ("requests.memory", "33554432"),
}


async def test_resources_as_variables(c: Cluster, ns: str) -> None:
    """[sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars [NodeConformance] [Conformance]"""
    amounts = {"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"cpu": "1250m", "memory": "64Mi"}}
    env = [reference(name, resourceFieldRef={"resource": field}) for name, (field, _) in RESOURCES.items()]
    found = (await told(c, ns, env=env, resources=amounts))["env"]
    assert found.items() >= {name: value for name, (_, value) in RESOURCES.items()}.items()


async def test_allocatable_as_limits(c: Cluster, ns: str) -> None:
    """[sig-node] Downward API should provide default limits.cpu/memory from node allocatable [NodeConformance] [Conformance]"""
    env = [
        reference(name, resourceFieldRef={"resource": f"limits.{name.lower()}"}) for name in ("CPU", "MEMORY")
    ]
    found = (await told(c, ns, env=env))["env"]
    node = await c.client.get(kinds.NODE, "node1")
    allocatable = node["status"]["allocatable"]
    assert found["CPU"] == allocatable["cpu"]
    assert int(found["MEMORY"]) == quantity.parse_quantity(allocatable["memory"])


async def fields_told(c: Cluster, ns: str, **paths: str) -> tuple[dict[str, str], Obj]:
    env = [reference(name, fieldRef={"apiVersion": "v1", "fieldPath": path}) for name, path in paths.items()]
    found = (await told(c, ns, env=env))["env"]
    return found, await c.client.get(POD, "seen", ns)


async def test_host_ip_as_variable(c: Cluster, ns: str) -> None:
    """[sig-node] Downward API should provide host IP as an env var [NodeConformance] [Conformance]"""
    env, made = await fields_told(c, ns, HOST_IP="status.hostIP")
    assert env["HOST_IP"] == made["status"]["hostIP"]


async def test_uid_as_variable(c: Cluster, ns: str) -> None:
    """[sig-node] Downward API should provide pod UID as env vars [NodeConformance] [Conformance]"""
    env, made = await fields_told(c, ns, POD_UID="metadata.uid")
    assert env["POD_UID"] == made["metadata"]["uid"]


async def test_names_as_variables(c: Cluster, ns: str) -> None:
    """[sig-node] Downward API should provide pod name, namespace and IP address as env vars [NodeConformance] [Conformance]"""
    paths = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_IP": "status.podIP"}
    env, made = await fields_told(c, ns, **paths)
    assert env["POD_NAME"] == "seen"
    assert env["POD_NAMESPACE"] == ns
    assert env["POD_IP"] == made["status"]["podIP"]


async def test_composed_variables(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should allow composing env vars into new env vars [NodeConformance] [Conformance]"""
    env = [
        {"name": "FOO", "value": "foo-value"},
        {"name": "BAR", "value": "bar-value"},
        {"name": "FOOBAR", "value": "$(FOO);;$(BAR)"},
    ]
    assert (await told(c, ns, env=env))["env"]["FOOBAR"] == "foo-value;;bar-value"


TEST_VAR = [{"name": "TEST_VAR", "value": "test-value"}]


async def test_expanded_command(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should allow substituting values in a container's command [NodeConformance] [Conformance]"""
    command = ["sh", "-c", 'echo "$(TEST_VAR)" $$(TEST_VAR)']
    assert (await told(c, ns, env=TEST_VAR, command=command))["args"] == [
        "sh",
        "-c",
        'echo "test-value" $(TEST_VAR)',
    ]


async def test_expanded_arguments(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should allow substituting values in a container's args [NodeConformance] [Conformance]"""
    fields = {"command": ["sh", "-c"], "args": ["echo $(TEST_VAR)", "$(UNKNOWN)"]}
    assert (await told(c, ns, env=TEST_VAR, **fields))["args"] == [
        "sh",
        "-c",
        "echo test-value",
        "$(UNKNOWN)",
    ]


# ---- ends and restarts


async def status_of(c: Cluster, ns: str, name: str) -> Any:
    return (await c.client.get(POD, name, ns))["status"]


async def test_restart_policies(c: Cluster, ns: str) -> None:
    """[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status [NodeConformance] [Conformance]"""
    for name, policy, phase, restarts, ready, state in (
        ("rpa", "Always", "Running", 2, True, "running"),
        ("rpof", "OnFailure", "Succeeded", 1, False, "terminated"),
        ("rpn", "Never", "Failed", 0, False, "terminated"),
    ):
        made = pod(name, ns, containers=[container("third_time_lucky")], restartPolicy=policy)
        await c.client.create(POD, made)

        async def reached(name: str = name, phase: str = phase, restarts: int = restarts) -> Any:
            status = await status_of(c, ns, name)
            [own] = status.get("containerStatuses") or ({"restartCount": -1},)
            return own if (status["phase"], own["restartCount"]) == (phase, restarts) else None

        own = await until(f"{name} is {phase}", reached, 300)

        async def settled(name: str = name, ready: bool = ready, state: str = state) -> bool:
            [own] = (await status_of(c, ns, name))["containerStatuses"]
            return own["ready"] == ready and list(own["state"]) == [state]

        await until(f"{name} is {state}", settled)
        assert own["restartCount"] == restarts


async def test_printed_output(c: Cluster, ns: str) -> None:
    """[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs [NodeConformance] [Conformance]"""
    await c.client.create(POD, pod("p", ns, containers=[container("fails")], restartPolicy="Never"))
    await c.wait("pod/p", "status.phase=Failed", namespace=ns)
    assert await c.logs("p", namespace=ns) == "failing\n"


async def test_reason_of_failure(c: Cluster, ns: str) -> None:
    """[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason [NodeConformance] [Conformance]"""
    await c.client.create(POD, pod("p", ns, containers=[container("fails")]))

    async def ended() -> Any:
        statuses = (await status_of(c, ns, "p")).get("containerStatuses") or ({"state": {}},)
        return [s["state"]["terminated"] for s in statuses if "terminated" in s["state"]] or [
            s["lastState"]["terminated"] for s in statuses if s.get("lastState")
        ]

    [terminated] = await until("the container has ended", ended)
    assert (terminated["exitCode"], terminated["reason"]) == (1, "Error")


async def test_delete_what_fails(c: Cluster, ns: str) -> None:
    """[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete [NodeConformance] [Conformance]"""
    await c.client.create(POD, pod("p", ns, containers=[container("fails")]))
    await asyncio.sleep(60)
    await c.client.delete(POD, "p", ns)
    await gone(c.client, POD, "p", ns)


# ---- init containers


def initialised(ns: str, policy: str, first: str, second: str, main: str) -> dict[str, Any]:
    inits = [container(first, "init1"), container(second, "init2")]
    return pod("init", ns, initContainers=inits, containers=[container(main, "run1")], restartPolicy=policy)


def condition(status: Any, type_: str) -> Any:
    [found] = [each for each in status["conditions"] if each["type"] == type_]
    return found


async def test_init_containers_of_a_finite_pod(c: Cluster, ns: str) -> None:
    """[sig-node] InitContainer [NodeConformance] should invoke init containers on a RestartNever pod [Conformance]"""
    await c.client.create(POD, initialised(ns, "Never", "succeeds", "succeeds", "succeeds"))
    status = (await c.wait("pod/init", "status.phase=Succeeded", namespace=ns))["status"]
    assert condition(status, "Initialized")["status"] == "True"
    for each in status["initContainerStatuses"]:
        assert each["ready"]
        assert each["state"]["terminated"]["exitCode"] == 0


async def test_init_containers_of_a_lasting_pod(c: Cluster, ns: str) -> None:
    """[sig-node] InitContainer [NodeConformance] should invoke init containers on a RestartAlways pod [Conformance]"""
    await c.client.create(POD, initialised(ns, "Always", "succeeds", "succeeds", "healthy"))
    status = (await c.wait("pod/init", "status.phase=Running", namespace=ns))["status"]
    assert condition(status, "Initialized")["status"] == "True"
    assert [each["ready"] for each in status["initContainerStatuses"]] == [True, True]


async def test_failing_init_container_of_a_lasting_pod(c: Cluster, ns: str) -> None:
    """[sig-node] InitContainer [NodeConformance] should not start app containers if init containers fail on a RestartAlways pod [Conformance]"""
    await c.client.create(POD, initialised(ns, "Always", "fails", "succeeds", "healthy"))

    async def restarted() -> Any:
        status = await status_of(c, ns, "init")
        statuses = status.get("initContainerStatuses") or ({"restartCount": 0},)
        return status if statuses[0]["restartCount"] >= 3 else None

    status = await until("init1 was restarted", restarted, 300)
    assert status["phase"] == "Pending"
    assert "waiting" in status["initContainerStatuses"][1]["state"]
    assert list(status["containerStatuses"][0]["state"]) == ["waiting"]
    initialized = condition(status, "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [init1 init2]"


async def test_failing_init_container_of_a_finite_pod(c: Cluster, ns: str) -> None:
    """[sig-node] InitContainer [NodeConformance] should not start app containers and fail the pod if init containers fail on a RestartNever pod [Conformance]"""
    await c.client.create(POD, initialised(ns, "Never", "succeeds", "fails", "healthy"))
    status = (await c.wait("pod/init", "status.phase=Failed", namespace=ns))["status"]
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert status["initContainerStatuses"][1]["state"]["terminated"]["exitCode"] == 1
    assert list(status["containerStatuses"][0]["state"]) == ["waiting"]
    assert condition(status, "Initialized")["message"] == "containers with incomplete status: [init2]"


# ---- paths below a volume


def below(ns: str, expression: str, variable: Obj) -> dict[str, Any]:
    """A pod that mounts a part of a volume, named by a variable."""
    mount = {"name": "workdir", "mountPath": "/logscontainer", "subPathExpr": expression}
    env = [{"name": "POD_NAME", **variable}]
    volumes = [{"name": "workdir", "emptyDir": {}}]
    return pod("below", ns, containers=[container("places", env=env, volumeMounts=[mount])], volumes=volumes)


async def cannot_start(c: Cluster, ns: str, made: Obj, why: str) -> None:
    await c.client.create(POD, made)

    async def waiting() -> Any:
        [own] = (await status_of(c, ns, "below")).get("containerStatuses") or ({"state": {}},)
        reason = own["state"].get("waiting", {}).get("reason")
        return own["state"]["waiting"] if reason == "CreateContainerConfigError" else None

    assert why in (await until("the container cannot be made", waiting))["message"]


async def test_sub_path(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should allow substituting values in a volume subpath [Conformance]"""
    named = {"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
    await c.client.create(POD, below(ns, "$(POD_NAME)", named))
    await c.wait("pod/below", namespace=ns)
    found = dict(line.split() for line in (await c.logs("below", namespace=ns)).splitlines())
    assert found["/logscontainer"].endswith("/kubernetes.io~empty-dir/workdir/below")


async def test_absolute_sub_path(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path [Conformance]"""
    made = below(ns, "$(POD_NAME)", {"value": "/tmp"})
    await cannot_start(c, ns, made, "must not be an absolute path")


async def test_sub_path_upwards(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks [Conformance]"""
    made = below(ns, "$(POD_NAME)", {"value": ".."})
    await cannot_start(c, ns, made, "must not contain '..'")


async def test_sub_path_that_is_mended(c: Cluster, ns: str) -> None:
    """[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Slow] [Conformance]"""
    path = "metadata.annotations['mysubpath']"
    made = below(ns, "$(POD_NAME)", {"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}})
    made["metadata"]["annotations"] = {"mysubpath": "../invalid"}
    await cannot_start(c, ns, made, "must not contain '..'")
    await c.client.patch(POD, "below", ns, {"metadata": {"annotations": {"mysubpath": "mypath"}}})
    await c.wait("pod/below", namespace=ns, timeout=180)


async def test_bad_sysctls(c: Cluster, ns: str) -> None:
    """[sig-node] Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls [MinimumKubeletVersion:1.21] [Conformance]"""
    names = ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..")
    sysctls = [{"name": name, "value": "100000000"} for name in names]
    with pytest.raises(Invalid) as refused:
        await c.client.create(POD, pod("p", ns, securityContext={"sysctls": sysctls}))
    assert 'spec.securityContext.sysctls[0].name: Invalid value: "foo-"' in refused.value.message
    assert 'spec.securityContext.sysctls[3].name: Invalid value: "bar.."' in refused.value.message
    assert "safe-and-unsafe" not in refused.value.message
    assert "kernel.shmmax" not in refused.value.message


# ---- /etc/hosts


async def hosts_of(c: Cluster, ns: str, **spec: Any) -> tuple[list[str], Obj]:
    """The lines of a pod's /etc/hosts, with single blanks, and the pod."""
    await c.client.create(POD, pod("hosts", ns, containers=[container("hosts")], **spec))
    made = await c.wait("pod/hosts", namespace=ns)
    return [" ".join(line.split()) for line in (await c.logs("hosts", namespace=ns)).splitlines()], made


async def test_host_aliases(c: Cluster, ns: str) -> None:
    """[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts [NodeConformance] [Conformance]"""
    lines, _ = await hosts_of(c, ns, hostAliases=[{"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}])
    assert "# Entries added by HostAliases." in lines
    assert "123.45.67.89 foo bar" in lines


async def test_managed_hosts(c: Cluster, ns: str) -> None:
    """[sig-network] DNS should provide /etc/hosts entries for the cluster [Conformance]"""
    await c.client.create(
        kinds.SERVICE, {"metadata": {"name": "dns-test", "namespace": ns}, "spec": {"clusterIP": "None"}}
    )
    lines, made = await hosts_of(c, ns, hostname="querier-1", subdomain="dns-test")
    assert lines[0] == "# Kubernetes-managed hosts file."
    assert "127.0.0.1 localhost" in lines
    name = f"querier-1.dns-test.{ns}.svc.cluster.local"
    assert f"{made['status']['podIP']} {name} querier-1" in lines

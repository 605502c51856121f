"""The kubelet's values and CRI's messages say the same."""

from __future__ import annotations

import grpc
import pytest
from cri_api.v1 import api_pb2 as pb

from pybernetes.host.cri import convert, events
from pybernetes.kubelet import runtime as k

METADATA = k.PodSandboxMetadata("web", "uid-1", "default", 2)


def test_a_sandbox_goes_over_with_everything_it_was_given() -> None:
    message = convert.sandbox_config(
        k.PodSandboxConfig(
            METADATA,
            hostname="web",
            dns_config=k.DNSConfig(("10.96.0.10",), ("cluster.local",), ("ndots:5",)),
            port_mappings=(k.PortMapping("UDP", 53, 5353, "127.0.0.1"),),
            labels={"app": "web"},
            cgroup_parent="/kubepods/poduid-1",
            security_context=k.LinuxSandboxSecurityContext(
                k.NamespaceOption(network="NODE"),
                run_as_user=0,
                seccomp=k.SecurityProfile("Localhost", "profiles/x"),
            ),
            sysctls={"kernel.shm_rmid_forced": "1"},
        )
    )
    assert (message.metadata.name, message.metadata.attempt) == ("web", 2)
    assert list(message.dns_config.options) == ["ndots:5"]
    assert message.port_mappings[0].protocol == pb.Protocol.UDP
    assert message.linux.cgroup_parent == "/kubepods/poduid-1"
    security = message.linux.security_context
    assert security.namespace_options.network == pb.NamespaceMode.NODE
    assert security.HasField("run_as_user"), "user 0 is not the same as none"
    assert not security.HasField("run_as_group")
    assert security.seccomp.profile_type == pb.SecurityProfile.ProfileType.Localhost


def test_a_container_goes_over_with_everything_it_was_given() -> None:
    message = convert.container_config(
        k.ContainerConfig(
            k.ContainerMetadata("c", 3),
            "sha256:1",
            user_specified_image="nginx",
            args=("-g", "daemon off;"),
            envs=(("A", "1"), ("A", "2")),
            mounts=(k.Mount("/in", "/out", readonly=True, propagation="HOST_TO_CONTAINER"),),
            devices=(("/dev/a", "/dev/b", "rwm"),),
            resources=k.LinuxContainerResources(cpu_shares=102, hugepage_limits={"2MB": 4}),
            security_context=k.LinuxContainerSecurityContext(k.Capabilities(("NET_ADMIN",), ("ALL",))),
            stop_signal="SIGRTMIN+3",
        )
    )
    assert [(pair.key, pair.value) for pair in message.envs] == [("A", "1"), ("A", "2")]
    assert message.mounts[0].propagation == pb.MountPropagation.PROPAGATION_HOST_TO_CONTAINER
    assert message.devices[0].host_path == "/dev/b"
    assert message.linux.resources.hugepage_limits[0].limit == 4
    assert list(message.linux.security_context.capabilities.drop_capabilities) == ["ALL"]
    assert message.stop_signal == pb.Signal.SIGRTMINPLUS3


def test_an_unknown_stop_signal_is_refused() -> None:
    with pytest.raises(ValueError):
        convert.stop_signal("SIGNONE")


def test_a_sandbox_status_names_all_addresses_the_primary_first() -> None:
    network = pb.PodSandboxNetworkStatus(ip="10.1.0.2", additional_ips=[pb.PodIP(ip="fd00::2")])
    status = convert.sandbox_status(
        pb.PodSandboxStatus(id="s", state=pb.SANDBOX_NOTREADY, created_at=1_500_000_000, network=network)
    )
    assert status.ips == ("10.1.0.2", "fd00::2")
    assert (status.state, status.created_at) == ("NOTREADY", 1.5)


def test_a_container_that_has_not_ended_has_no_end() -> None:
    status = convert.container_status(
        pb.ContainerStatus(id="c", state=pb.CONTAINER_RUNNING, started_at=2_000_000_000)
    )
    assert (status.state, status.started_at, status.finished_at) == ("RUNNING", 2.0, 0.0)


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return bytes((number << 3,)) + bytes((value,))
    return bytes((number << 3 | 2, len(value))) + value


def exit_event(container: bytes, process: bytes) -> bytes:
    exited = field(1, container) + field(2, process) + field(3, 99) + field(4, 1)
    inner = field(1, b"containerd.events.TaskExit") + field(2, exited)
    stamp = field(1, 7) + field(2, 0)
    return field(1, stamp) + field(2, b"k8s.io") + field(3, b"/tasks/exit") + field(4, inner)


def test_the_end_of_a_containers_own_process_is_an_event() -> None:
    assert events.parse(exit_event(b"c1", b"c1")) == k.ContainerEvent("c1", "STOPPED", 7.0)


def test_the_end_of_a_command_run_in_a_container_is_none() -> None:
    assert events.parse(exit_event(b"c1", b"exec-5")) is None


class Refused(grpc.aio.AioRpcError):
    """A status as the runtime answers it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (grpc.StatusCode.NOT_FOUND, "no such container", k.NotFound),
        (grpc.StatusCode.UNAVAILABLE, "connection refused", k.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", k.DeadlineExceeded),
        (grpc.StatusCode.UNKNOWN, 'name "a" is reserved for "b"', k.NameReserved),
        (grpc.StatusCode.UNKNOWN, "anything", k.CRIError),
    ],
)
def test_statuses_become_the_kubelets_errors(
    code: grpc.StatusCode, details: str, expected: type[k.CRIError]
) -> None:
    import asyncio

    from pybernetes.host.cri.errors import answered

    async def call() -> None:
        raise Refused(code, details)

    with pytest.raises(k.CRIError) as caught:
        asyncio.run(answered(call()))
    assert type(caught.value) is expected
    assert details in str(caught.value)

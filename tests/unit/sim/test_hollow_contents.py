"""What a hollow runtime holds is found by id and by pod, and never where it is gone."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.kubelet import labels as kubelet_labels
from pybernetes.kubelet.runtime import (
    ContainerConfig,
    ContainerMetadata,
    ContainerStatus,
    PodSandbox,
    PodSandboxConfig,
    PodSandboxMetadata,
)
from pybernetes.sim.hollow_container import HollowContainer
from pybernetes.sim.hollow_contents import Contents, HollowSandbox

PODS = ("a", "b", "")
DOINGS = st.lists(
    st.tuples(st.sampled_from(("make", "fill", "remove", "empty")), st.integers(0, 30)), max_size=60
)


def marks(pod: str) -> Mapping[str, str]:
    return {kubelet_labels.POD_UID: pod, "app": "x"} if pod else {"app": "x"}


def sandbox(number: int, pod: str) -> HollowSandbox:
    metadata = PodSandboxMetadata(pod or "stranger", pod, "default", number)
    made = PodSandbox(f"s{number}", metadata, "READY", 1.0, marks(pod))
    return HollowSandbox(made, PodSandboxConfig(metadata, labels=marks(pod)), ())


def container(number: int, home: HollowSandbox) -> HollowContainer:
    status = ContainerStatus(
        f"c{number}", ContainerMetadata("c", number), "RUNNING", 1.0, labels=home.sandbox.labels
    )
    return HollowContainer(ContainerConfig(ContainerMetadata("c", number), "i"), home.sandbox.id, status)


@settings(max_examples=60, deadline=None)
@given(DOINGS)
def test_what_is_found_is_what_is_there(doings: list[tuple[str, int]]) -> None:
    contents = Contents()
    sandboxes: dict[str, HollowSandbox] = {}
    containers: dict[str, HollowContainer] = {}
    for number, (doing, at) in enumerate(doings):
        home = [*sandboxes.values()][at % len(sandboxes)] if sandboxes else None
        if doing == "make":
            made = sandbox(number, PODS[at % len(PODS)])
            contents.add_sandbox(made)
            sandboxes[made.sandbox.id] = made
        elif doing == "fill" and home is not None:
            filled = container(number, home)
            contents.add_container(filled)
            containers[filled.status.id] = filled
        elif doing == "remove" and home is not None:
            assert contents.remove_sandbox(home.sandbox.id)
            del sandboxes[home.sandbox.id]
            containers = {i: c for i, c in containers.items() if c.sandbox_id != home.sandbox.id}
        elif doing == "empty" and containers:
            gone = [*containers][at % len(containers)]
            assert contents.remove_container(gone)
            assert not contents.remove_container(gone)
            del containers[gone]
    for pod in PODS:
        mine = [s for s in sandboxes.values() if marks(pod).items() <= s.sandbox.labels.items()]
        assert contents.sandboxes_of(labels=marks(pod)) == mine
        inside = {c.status.id for c in containers.values() if marks(pod).items() <= c.status.labels.items()}
        assert {c.status.id for c in contents.containers_of(labels=marks(pod))} == inside
    for sandbox_id in ("s0", "s1", "s2", "none"):
        expected = [s for s in sandboxes.values() if s.sandbox.id == sandbox_id]
        assert contents.sandboxes_of(sandbox_id) == expected
        there = [c for c in containers.values() if c.sandbox_id == sandbox_id]
        assert contents.inside(sandbox_id) == contents.containers_of(sandbox_id=sandbox_id) == there
    assert contents.containers_of() == [*containers.values()]

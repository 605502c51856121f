"""What a hollow runtime holds: sandboxes, and the containers in them, found by id and by pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.kubelet import labels as kubelet_labels
from pybernetes.kubelet.runtime import PodSandbox, PodSandboxConfig

from .hollow_container import HollowContainer


@dataclass(slots=True)
class HollowSandbox:
    sandbox: PodSandbox
    config: PodSandboxConfig
    ips: tuple[str, ...]


class Contents:
    """A node may have hundreds of pods: nothing here looks at those of others. All in the order of their making."""

    def __init__(self) -> None:
        self.sandboxes: dict[str, HollowSandbox] = {}
        self.containers: dict[str, HollowContainer] = {}
        self._of_pod: dict[str, dict[str, HollowSandbox]] = {}
        self._inside: dict[str, dict[str, HollowContainer]] = {}

    def add_sandbox(self, entry: HollowSandbox) -> None:
        sandbox = entry.sandbox
        self.sandboxes[sandbox.id] = entry
        self._of_pod.setdefault(_pod(sandbox.labels), {})[sandbox.id] = entry

    def add_container(self, container: HollowContainer) -> None:
        container_id = container.status.id
        self.containers[container_id] = container
        self._inside.setdefault(container.sandbox_id, {})[container_id] = container

    def remove_sandbox(self, sandbox_id: str) -> bool:
        """With the containers in it. Whether it was there."""
        for container_id in self._inside.pop(sandbox_id, {}):
            del self.containers[container_id]
        entry = self.sandboxes.pop(sandbox_id, None)
        if entry is None:
            return False
        pod = _pod(entry.sandbox.labels)
        siblings = self._of_pod[pod]
        del siblings[sandbox_id]
        if not siblings:
            del self._of_pod[pod]
        return True

    def remove_container(self, container_id: str) -> bool:
        """Whether it was there."""
        container = self.containers.pop(container_id, None)
        if container is None:
            return False
        siblings = self._inside[container.sandbox_id]
        del siblings[container_id]
        if not siblings:
            del self._inside[container.sandbox_id]
        return True

    def inside(self, sandbox_id: str) -> list[HollowContainer]:
        """The containers of a sandbox."""
        return [*self._inside.get(sandbox_id, {}).values()]

    def sandboxes_of(
        self, sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> list[HollowSandbox]:
        """Those with this id ("": any) that have all of these labels."""
        if sandbox_id:
            entry = self.sandboxes.get(sandbox_id)
            found = [] if entry is None else [entry]
        elif labels and (pod := _pod(labels)):
            found = [*self._of_pod.get(pod, {}).values()]
        else:
            found = [*self.sandboxes.values()]
        return [entry for entry in found if _has(entry.sandbox.labels, labels)]

    def containers_of(
        self, container_id: str = "", sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> list[HollowContainer]:
        """Those with this id, in this sandbox ("": any) that have all of these labels."""
        if container_id:
            container = self.containers.get(container_id)
            found = [] if container is None else [container]
        elif sandbox_id:
            found = self.inside(sandbox_id)
        elif labels and (pod := _pod(labels)):
            found = [each for home in self._of_pod.get(pod, {}) for each in self.inside(home)]
        else:
            found = [*self.containers.values()]
        return [
            each
            for each in found
            if (not sandbox_id or each.sandbox_id == sandbox_id) and _has(each.status.labels, labels)
        ]


def _pod(labels: Mapping[str, str]) -> str:
    return labels.get(kubelet_labels.POD_UID, "")


def _has(labels: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    return not wanted or wanted.items() <= labels.items()

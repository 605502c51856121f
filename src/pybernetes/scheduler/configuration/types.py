"""What a KubeSchedulerConfiguration says, checked and with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.meta import Obj

BACKOFF = (1.0, 10.0)


class ConfigurationError(ValueError):
    """The configuration cannot be used. The message names the file and the field."""

    def __init__(self, source: str, path: str, problem: str) -> None:
        super().__init__(f"{source}: {path}: {problem}" if path else f"{source}: {problem}")
        self.path = path


@dataclass(frozen=True, slots=True)
class PluginSet:
    """`enabled`: (name, weight; 0 for the plugin's own, place in the file); `disabled`: names, or "*" for all."""

    enabled: tuple[tuple[str, int, str], ...] = ()
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """`plugins` by upstream's extension point, "multiPoint" too; `arguments`: (tree, place in the file) by plugin."""

    name: str = "default-scheduler"
    plugins: Mapping[str, PluginSet] = field(default_factory=dict)
    arguments: Mapping[str, tuple[Obj, str]] = field(default_factory=dict)
    path: str = "profiles[0]"


@dataclass(frozen=True, slots=True)
class Extender:
    """An HTTP extender. A verb that is "" is not asked; `seconds` is the timeout of one call."""

    url_prefix: str
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    bind_verb: str = ""
    weight: int = 0
    https: bool = False
    tls: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 5.0
    node_cache_capable: bool = False
    managed_resources: frozenset[str] = frozenset()
    ignored_resources: frozenset[str] = frozenset()
    """Of the managed ones, those that NodeResourcesFit leaves to the extender."""
    ignorable: bool = False

    def interested(self, requests: Mapping[str, int]) -> bool:
        """Whether a pod with these requests is the extender's business."""
        return not self.managed_resources or not self.managed_resources.isdisjoint(requests)


@dataclass(frozen=True, slots=True)
class LeaderElection:
    """Upstream's fields; durations in seconds."""

    leader_elect: bool = True
    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0
    namespace: str = "kube-system"
    name: str = "kube-scheduler"


@dataclass(frozen=True, slots=True)
class Configuration:
    """`source` names the file in messages."""

    profiles: tuple[ProfileSettings, ...] = (ProfileSettings(),)
    extenders: tuple[Extender, ...] = ()
    backoff: tuple[float, float] = BACKOFF
    """The first and the longest wait of a pod after a failed attempt, in seconds."""
    leader_election: LeaderElection = field(default_factory=LeaderElection)
    kubeconfig: str = ""
    source: str = "configuration"

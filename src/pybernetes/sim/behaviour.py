"""What the containers of hollow nodes do: a `Behaviour` decides at each start of a container, knowing its `Launch`.

The usual one is a table of rules before the pods' annotations; an image `py://module:function` is a Python coroutine.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from pybernetes.kubelet.criconfig import ContainerConfig, PodSandboxConfig
from pybernetes.lang import labelselector

from .script import FOREVER, Program, Run, Span, run_of

PYTHON = "py://"


@dataclass(frozen=True)
class Launch:
    """A container that is about to start."""

    config: ContainerConfig
    sandbox: PodSandboxConfig

    @property
    def container(self) -> str:
        return self.config.metadata.name

    @property
    def image(self) -> str:
        """The image as the pod names it."""
        return self.config.user_specified_image or self.config.image

    @property
    def pod(self) -> str:
        return self.sandbox.metadata.name

    @property
    def namespace(self) -> str:
        return self.sandbox.metadata.namespace

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's (and the kubelet's own)."""
        return self.sandbox.labels

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.sandbox.annotations

    @property
    def attempt(self) -> int:
        """How often the container was started before in this pod."""
        return self.config.metadata.attempt


Behaviour = Callable[[Launch], Run]
"""May raise ValueError: the container cannot be started, for that reason."""


@dataclass(frozen=True)
class Rule:
    """What containers do that match all of it: `image`, `container`, `pod` and `namespace` are patterns with `*`;
    `labels` is a selector of pods; `attempts` limits it to the first so many starts. `pull` is how long pulling the
    image takes and `pull_error` why it fails (by image alone)."""

    run: Run = FOREVER
    image: str = "*"
    container: str = "*"
    pod: str = "*"
    namespace: str = "*"
    labels: str = ""
    attempts: int | None = None
    pull: Span = 0.0
    pull_error: str = ""

    @cached_property
    def _selector(self) -> labelselector.Selector:
        return labelselector.parse(self.labels)

    def matches(self, launch: Launch) -> bool:
        return (
            fnmatchcase(launch.image, self.image)
            and fnmatchcase(launch.container, self.container)
            and fnmatchcase(launch.pod, self.pod)
            and fnmatchcase(launch.namespace, self.namespace)
            and (self.attempts is None or launch.attempt < self.attempts)
            and (not self.labels or self._selector.matches(launch.labels))
        )


def as_annotated(launch: Launch) -> Run:
    """By the image, where it is a Python function; as the pod's annotations say (`script.py`); else for ever."""
    if launch.image.startswith(PYTHON):
        return Run(program=load_program(launch.image))
    return run_of(launch.annotations, launch.container)


def by_rules(rules: Sequence[Rule]) -> Behaviour:
    """The first rule that matches, else `as_annotated`."""

    def behaviour(launch: Launch) -> Run:
        found = next((rule.run for rule in rules if rule.matches(launch)), None)
        if found is None or (found == FOREVER and launch.image.startswith(PYTHON)):
            return as_annotated(launch)
        return found

    return behaviour


def load_program(image: str) -> Program:
    """The coroutine function of `py://module:function`. Raises ValueError where there is none."""
    module_name, _, name = image.removeprefix(PYTHON).partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{image}: {error}") from error
    if not inspect.iscoroutinefunction(found):
        raise ValueError(f"{image}: not a coroutine function (async def)")
    return found  # type: ignore[no-any-return]

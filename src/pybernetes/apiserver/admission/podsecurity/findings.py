"""The words of pod security: how many containers, which, and what they did wrong, as upstream says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that a pod does not pass: `privileged (container "c" must not set …)`."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


def plural(word: str, count: int, more: str = "") -> str:
    """`word` for one, else `more` or the word with an s."""
    return word if count == 1 else more or f"{word}s"


def quoted(names: Iterable[str]) -> str:
    """`"a", "b"`."""
    return ", ".join(f'"{name}"' for name in names)


def named(word: str, names: Sequence[str]) -> str:
    """`containers "a", "b"`."""
    return f"{plural(word, len(names))} {quoted(names)}"


def containers(spec: Obj) -> Iterator[Obj]:
    """Every container: init, plain, ephemeral."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def names_where(spec: Obj, condition: Callable[[Obj], bool]) -> list[str]:
    """The names of the containers of which it is true."""
    return [container.get("name", "") for container in containers(spec) if condition(container)]


def security(holder: Obj, *path: str) -> Any:
    """What is at `securityContext.<path>` of a pod's spec or a container; None where nothing is."""
    value: Any = holder.get("securityContext")
    for step in path:
        if not value:
            return None
        value = value.get(step)
    return value


def setters(spec: Obj, bad: Callable[[Obj], bool]) -> list[str]:
    """Who does it: `pod`, `container "a"`. `bad` judges the pod's spec and each container."""
    found = ["pod"] if bad(spec) else []
    if names := names_where(spec, bad):
        found.append(named("container", names))
    return found


def windows(spec: Obj) -> bool:
    """Whether the pod says that it is for Windows, where some of Linux's settings do not exist."""
    return bool((spec.get("os") or {}).get("name") == "windows")


def user_namespaced(spec: Obj) -> bool:
    """Whether root in the pod is nobody on the node (`hostUsers: false`)."""
    return spec.get("hostUsers") is False

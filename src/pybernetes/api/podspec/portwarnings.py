"""Warnings of the ports of containers that get in each other's way."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..meta import Obj


def each_container(spec: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            yield container, f"{path}.{part}[{index}]"


def port_warnings(spec: Obj, path: str) -> Iterator[str]:
    """`path` is that of the spec."""
    yield from _ports(spec, path)
    yield from _port_names(spec, path)


def _ports(spec: Obj, path: str) -> Iterator[str]:
    known: dict[tuple[int, str], list[tuple[str, Obj]]] = {}
    for container, at in each_container(spec, path):
        for index, port in enumerate(container.get("ports") or ()):
            here = f"{at}.ports[{index}]"
            if port.get("hostIP") and not port.get("hostPort"):
                yield f"{here}: hostIP set without hostPort: {_port_in_go(port)}"
            others = known.setdefault((port.get("containerPort", 0), port.get("protocol", "TCP")), [])
            for field, other in others:
                if word := _clash(port, other):
                    yield f"{here}: {word} port definition with {field}"
            others.append((here, port))


def _port_in_go(port: Obj) -> str:
    fields = (("Name", ""), ("HostPort", 0), ("ContainerPort", 0), ("Protocol", ""), ("HostIP", ""))
    given = {name.lower(): value for name, value in port.items()}
    return "{" + " ".join(f"{name}:{given.get(name.lower(), empty)}" for name, empty in fields) + "}"


def _port_names(spec: Obj, path: str) -> Iterator[str]:
    """Who asks for a port by name gets the first of that name."""
    known: dict[str, str] = {}
    for container, at in each_container(spec, path):
        for index, port in enumerate(container.get("ports") or ()):
            name, here = port.get("name"), f"{at}.ports[{index}]"
            if not name:
                continue
            other = known.setdefault(name, here)
            if other != here:
                yield (
                    f"{here}: duplicate port name {json.dumps(name)} with {other}, "
                    f"services and probes that select ports by name will use {other}"
                )


def _clash(port: Obj, other: Obj) -> str:
    addresses = port.get("hostIP") or "", other.get("hostIP") or ""
    numbers = port.get("hostPort") or 0, other.get("hostPort") or 0
    if addresses[0] == addresses[1] and numbers[0] == numbers[1]:
        return "duplicate"
    if 0 in numbers:
        return "overlapping"
    if numbers[0] == numbers[1] and (addresses[0] == "") != (addresses[1] == ""):
        return "dangerously ambiguous"
    return ""

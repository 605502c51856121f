"""Feature gates: parts of v1.37 that are off unless they are asked for, under upstream's names.

A gate that is on by default upstream is simply part of this program; only those are here that can be switched on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .kind import Kind
from .kinds import PODGROUP, WORKLOAD
from .meta import MutableObj, Obj
from .podspec.disabled import drop_alpha


@dataclass(frozen=True, slots=True)
class Gate:
    """`kinds` are served where the gate is on and `--runtime-config` has their version."""

    name: str
    stage: str
    kinds: tuple[Kind, ...] = ()


GENERIC_WORKLOAD = Gate("GenericWorkload", "BETA", (WORKLOAD, PODGROUP))
GATES: Mapping[str, Gate] = {gate.name: gate for gate in (GENERIC_WORKLOAD,)}


class FeatureError(ValueError):
    """A gate or an API that cannot be had; the message names the flag."""


def read(feature_gates: str = "", runtime_config: str | None = None) -> frozenset[str]:
    """The gates that are on, from `--feature-gates` and `--runtime-config` (`name=true,…`). Only an API server has the
    second (None elsewhere), and must serve what the gates need. Raises FeatureError."""
    wanted = {
        name
        for name, value in _pairs("--feature-gates", feature_gates)
        if _is_true("--feature-gates", name, value)
    }
    for name, _ in _pairs("--feature-gates", feature_gates):
        if name not in GATES:
            raise FeatureError(
                f"--feature-gates: unrecognized feature gate: {name}; known are {', '.join(GATES)}"
            )
    if runtime_config is None:
        return frozenset(wanted)
    apis = dict(_pairs("--runtime-config", runtime_config))
    _check_apis(apis)
    for name in sorted(wanted):
        for kind in GATES[name].kinds:
            version = f"{kind.group}/{kind.version}"
            general = apis.get("api/beta", apis.get("api/all", "false"))
            if not _is_true("--runtime-config", version, apis.get(version, general)):
                raise FeatureError(
                    f"--feature-gates: {name} needs the API {version}: add --runtime-config={version}=true"
                )
    return frozenset(wanted)


def _check_apis(apis: Mapping[str, str]) -> None:
    known = {"api/all", "api/beta", "api/alpha", "api/ga"} | {
        f"{kind.group}/{kind.version}" for gate in GATES.values() for kind in gate.kinds
    }
    for name in apis:
        if name not in known:
            raise FeatureError(f"--runtime-config: unknown API {name}; known are {', '.join(sorted(known))}")


def _pairs(flag: str, text: str) -> list[tuple[str, str]]:
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals and flag == "--feature-gates":
            raise FeatureError(f"{flag}: missing bool value for {name}")
        found.append((name, value or "true"))
    return found


def _is_true(flag: str, name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise FeatureError(f"{flag}: invalid value of {name}={value}, err: parsing {value!r}: invalid syntax")
    return value.lower() in ("true", "1", "t")


def known_gates(names: Iterable[str]) -> frozenset[str]:
    """The names, where all of them are gates. Raises FeatureError."""
    for name in names:
        if name not in GATES:
            raise FeatureError(f"unrecognized feature gate: {name}; known are {', '.join(GATES)}")
    return frozenset(names)


def gated_kinds(features: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds that these gates add."""
    return tuple(kind for name in sorted(features) for kind in GATES[name].kinds)


# Fields that only a gate makes known.

_POD_SPECS: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
FIELD = "schedulingGroup"


def drop_disabled(kind: Kind, new: MutableObj, old: Obj | None, features: frozenset[str]) -> None:
    """Takes fields out of an object whose gates are off, unless the object had them before."""
    path = _POD_SPECS.get(kind.kind)
    spec = None if path is None else _at(new, path)
    if path is None or spec is None:
        return
    before = _at(old, path)
    drop_alpha(spec, before)
    if GENERIC_WORKLOAD.name not in features and FIELD in spec and FIELD not in (before or {}):
        del spec[FIELD]


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        tree = tree.get(step) if tree is not None else None
    return tree

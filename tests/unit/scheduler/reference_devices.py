"""Which devices serve which requests of ResourceClaims: everything is tried, in the order of preference.

A device is a name, a model, a NUMA node (or none), perhaps a taint and what it takes of a counter that all share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

SIZES = (10, 20, 40)
COUNTERS = 40
Device = dict[str, Any]


def every(devices: list[Device], claims: list[Any]) -> Iterator[list[tuple[int, Any, tuple[Device, ...]]]]:
    """Every way to give each request of each claim one of its alternatives and devices for it, the preferred first."""
    slots = [
        (number, request)
        for number, one in enumerate(claims)
        for request in one["spec"]["devices"]["requests"]
    ]

    def ways(request: Any) -> Iterator[tuple[Any, tuple[Device, ...]]]:
        for alternative in request.get("firstAvailable") or [{**request["exactly"], "name": ""}]:
            for chosen in itertools.combinations(devices, alternative["count"]):
                yield alternative, chosen

    for picked in itertools.product(*(list(ways(request)) for _, request in slots)):
        yield [
            (number, {**alternative, "request": request["name"]}, chosen)
            for (number, request), (alternative, chosen) in zip(slots, picked, strict=True)
        ]


def is_valid(
    way: list[tuple[int, Any, tuple[Device, ...]]], claims: list[Any], used: set[str], devices: list[Device]
) -> bool:
    given = [each for _, _, chosen in way for each in chosen]
    if len({each["name"] for each in given}) != len(given) or used & {each["name"] for each in given}:
        return False
    taken = sum(each["takes"] for each in devices if each["name"] in used)
    if any(each["takes"] for each in given) and taken + sum(each["takes"] for each in given) > COUNTERS:
        return False
    for _, alternative, chosen in way:
        for each in chosen:
            if each["tainted"] and not alternative.get("tolerations"):
                return False
            model = next(
                (s["cel"]["expression"][-2] for s in alternative.get("selectors") or ()), each["model"]
            )
            if model != each["model"]:
                return False
    return all(
        meets(
            constraint, [d for n, a, chosen in way if n == number and concerns(constraint, a) for d in chosen]
        )
        for number, one in enumerate(claims)
        for constraint in one["spec"]["devices"]["constraints"]
    )


def concerns(constraint: Any, alternative: Any) -> bool:
    return not constraint["requests"] or alternative["request"] in constraint["requests"]


def meets(constraint: Any, devices: list[Device]) -> bool:
    values = [each["numa"] for each in devices]
    if None in values:
        return False
    return len(set(values)) <= 1 if "matchAttribute" in constraint else len(set(values)) == len(values)

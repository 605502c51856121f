"""The search against trying everything, on small random worlds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .devices import allocated, claim, device, either, names, slice_, solve, wanted
from .reference_devices import COUNTERS, SIZES, Device, every, is_valid


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Device], list[Any], list[str]]:
    """(devices, claims, names of those in use). A device has a model, a NUMA node (or none), perhaps a taint and a
    claim on the shared counter."""
    devices = [
        {
            "name": f"d{i}",
            "model": draw(st.sampled_from("xy")),
            "numa": draw(st.sampled_from((None, 0, 1))),
            "tainted": draw(st.booleans()) and draw(st.booleans()),
            "takes": draw(st.sampled_from((0, *SIZES))),
        }
        for i in range(draw(st.integers(0, 5)))
    ]
    claims = []
    for number in range(draw(st.integers(1, 2))):
        requests = [request(draw, f"r{i}") for i in range(draw(st.integers(1, 2)))]
        constraints = [
            {draw(st.sampled_from(("matchAttribute", "distinctAttribute"))): "gpu.example.com/numa",
             "requests": [f"r{draw(st.integers(0, len(requests) - 1))}"] if draw(st.booleans()) else []}
            for _ in range(draw(st.integers(0, 1)))
        ]  # fmt: skip
        claims.append(claim(f"c{number}", *requests, constraints=constraints))
    used = [each["name"] for each in devices if draw(st.booleans()) and draw(st.booleans())]
    return devices, claims, used


def request(draw: st.DrawFn, name: str) -> dict[str, Any]:
    def one() -> dict[str, Any]:
        rest: dict[str, Any] = {"count": draw(st.integers(1, 2))}
        if draw(st.booleans()):
            rest["tolerations"] = [{"operator": "Exists"}]
        model = draw(st.sampled_from((None, "x", "y")))
        selectors = [f'device.attributes["gpu.example.com"].model == "{model}"'] if model else []
        return wanted("gpu", *selectors, **rest)

    if draw(st.booleans()):
        return {"name": name, "exactly": one()}
    return either(name, *(one() for _ in range(draw(st.integers(1, 2)))))


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_the_search_finds_what_trying_everything_finds_first(
    world: tuple[list[Device], list[Any], list[str]],
) -> None:
    devices, claims, used = world
    trees = []
    for each in devices:
        rest: dict[str, Any] = {"model": each["model"]}
        if each["numa"] is not None:
            rest["numa"] = each["numa"]
        if each["tainted"]:
            rest["taints"] = [{"key": "k", "effect": "NoSchedule"}]
        if each["takes"]:
            rest["consumesCounters"] = [
                {"counterSet": "gpu", "counters": {"memory": {"value": str(each["takes"])}}}
            ]
        trees.append(device(each["name"], **rest))
    shared = [{"name": "gpu", "counters": {"memory": {"value": str(COUNTERS)}}}]
    slices = [slice_("s", *trees, node="a", sharedCounters=shared)]
    found = names(solve(claims, slices, in_use=[allocated(claim("other"), *used)] if used else []))
    valid = (way for way in every(devices, claims) if is_valid(way, claims, set(used), devices))
    first = next(valid, None)
    if first is None:
        assert found is None
        return
    expected: list[list[str]] = [[] for _ in claims]
    for number, alternative, chosen in first:
        name = alternative["request"] + (f"/{alternative['name']}" if alternative["name"] else "")
        expected[number] += [f"{name}={each['name']}" for each in chosen]
    assert found == expected

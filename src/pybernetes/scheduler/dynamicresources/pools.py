"""From ResourceSlices to pools of devices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from pybernetes.api.meta import Obj, name_of

from .devices import Device, NodeRule, Pool, PoolId, nano, node_rule


def pool_of(slice_: Obj) -> PoolId:
    return slice_["spec"]["driver"], slice_["spec"]["pool"]["name"]


def build(slices: Iterable[Obj], taint_rules: Sequence[Obj] = ()) -> Pool | None:
    """The pool that slices of one pool make; None where there are none. Older generations do not count."""
    ordered = sorted(slices, key=name_of)
    if not ordered:
        return None
    newest = max(int(each["spec"]["pool"].get("generation") or 0) for each in ordered)
    current = [each for each in ordered if int(each["spec"]["pool"].get("generation") or 0) == newest]
    pool = pool_of(current[0])
    devices = tuple(device for each in current for device in _devices(each, pool, taint_rules))
    rules = _different(rule for each in current for rule in _rules(each))
    names = [device.id[2] for device in devices]
    return Pool(
        id=pool,
        devices=devices,
        rules=rules,
        counters=_counters(current),
        incomplete=len(current) != int(current[0]["spec"]["pool"].get("resourceSliceCount") or 0),
        invalid=len(set(names)) != len(names),
        conditional=any(device.tree.get("bindingConditions") for device in devices),
        nodes=frozenset(rule.name for rule in rules) if all(rule.name for rule in rules) else None,
    )


def _different(rules: Iterable[NodeRule]) -> tuple[NodeRule, ...]:
    return tuple({(each.name, each.everywhere, orjson.dumps(each.selector)): each for each in rules}.values())


def _rules(slice_: Obj) -> list[NodeRule]:
    spec = slice_["spec"]
    if spec.get("perDeviceNodeSelection"):
        return [node_rule(device) for device in spec.get("devices") or ()]
    return [node_rule(spec)]


def _devices(slice_: Obj, pool: PoolId, taint_rules: Sequence[Obj]) -> Iterable[Device]:
    spec = slice_["spec"]
    whole = None if spec.get("perDeviceNodeSelection") else node_rule(spec)
    for tree in spec.get("devices") or ():
        device = (*pool, tree["name"])
        yield Device(
            id=device,
            tree=tree,
            rule=whole if whole is not None else node_rule(tree),
            taints=(*(tree.get("taints") or ()), *_ruled(device, taint_rules)),
            capacity={
                name: nano(each["value"]) for name, each in sorted((tree.get("capacity") or {}).items())
            },
            consumes=tuple(
                (each["counterSet"], _amounts(each.get("counters") or {}))
                for each in tree.get("consumesCounters") or ()
            ),
            shareable=bool(tree.get("allowMultipleAllocations")),
        )


def _ruled(device: tuple[str, str, str], taint_rules: Sequence[Obj]) -> Iterable[Obj]:
    """The taints that DeviceTaintRules put on a device; a rule without a selector is about none."""
    for rule in taint_rules:
        selector = rule["spec"].get("deviceSelector")
        if selector is None:
            continue
        wanted = (selector.get("driver"), selector.get("pool"), selector.get("device"))
        if all(want is None or want == have for want, have in zip(wanted, device, strict=True)):
            yield rule["spec"]["taint"]


def _counters(slices: Iterable[Obj]) -> dict[str, Mapping[str, int]]:
    return {
        each["name"]: _amounts(each.get("counters") or {})
        for slice_ in slices
        for each in slice_["spec"].get("sharedCounters") or ()
    }


def _amounts(counters: Mapping[str, Obj]) -> dict[str, int]:
    return {name: nano(each["value"]) for name, each in counters.items()}

"""The `allocation` of a claim's status. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.api.meta import Obj, uid_of
from pybernetes.lang import quantity

from .asked import Asked, Request
from .devices import AllocationError
from .search import Chosen


def allocation(asked: Asked, chosen: Sequence[Chosen], node: str) -> dict[str, Any]:
    """What a claim got, for a node. Raises AllocationError."""
    results = [_result(asked, number, each) for number, each in enumerate(chosen)]
    devices: dict[str, Any] = {"results": results} if results else {}
    if config := _config(asked, chosen):
        devices["config"] = config
    found: dict[str, Any] = {"devices": devices}
    selector = _node_selector(chosen, node)
    if selector is not None:
        found["nodeSelector"] = selector
    return found


def preference(asked: Asked, chosen: Sequence[Chosen]) -> int:
    """How good the chosen alternatives are: 8 for a first one, 7 for a second one, …"""
    used = {each.request for each in chosen}
    return sum(
        8 - place
        for alternatives, ranked in zip(asked.requests, asked.ranked, strict=True)
        if ranked
        for place, request in enumerate(alternatives)
        if request in used
    )


def _result(asked: Asked, number: int, chosen: Chosen) -> dict[str, Any]:
    device, request = chosen.device, chosen.request
    driver, pool, name = device.id
    found: dict[str, Any] = {"request": request.name, "driver": driver, "pool": pool, "device": name}
    if request.admin:
        found["adminAccess"] = True
    if request.tolerations:
        found["tolerations"] = list(request.tolerations)
    for field in ("bindingConditions", "bindingFailureConditions"):
        if device.tree.get(field):
            found[field] = device.tree[field]
    if chosen.taken is not None:
        found["shareID"] = _share(uid_of(asked.tree) or asked.key, request.name, number)
        if chosen.taken:
            found["consumedCapacity"] = _amounts(device.tree["capacity"], chosen.taken)
    return found


def _share(claim: str, request: str, number: int) -> str:
    """The same share of the same claim always has the same id."""
    digest = hashlib.sha256(f"{claim} {request} {number}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _amounts(capacity: Mapping[str, Obj], taken: Mapping[str, int]) -> dict[str, str]:
    return {
        name: quantity.format_quantity(amount, quantity.parse(capacity[name]["value"]).format)
        for name, amount in taken.items()
    }


def _config(asked: Asked, chosen: Sequence[Chosen]) -> list[dict[str, Any]]:
    """The classes' configuration first, each class once, then the claim's own as far as it is about what was chosen."""
    served = _served(asked, chosen)
    found: list[dict[str, Any]] = []
    of_class: dict[str, list[dict[str, Any]]] = {}
    for request in served:
        name = request.device_class["metadata"]["name"]
        if name in of_class:
            for entry in of_class[name]:
                entry["requests"].append(request.name)
            continue
        of_class[name] = [
            {"source": "FromClass", "requests": [request.name], **config}
            for config in (request.device_class.get("spec") or {}).get("config") or ()
        ]
        found += of_class[name]
    means = {name for request in served for name in request.names}
    for config in asked.tree["spec"]["devices"].get("config") or ():
        wanted = config.get("requests") or ()
        if not wanted or any(name in means for name in wanted):
            found.append({"source": "FromClaim", **config})
    for entry in found:
        if len(entry.get("requests") or ()) in (0, len(asked.requests)):
            entry.pop("requests", None)
    return found


def _served(asked: Asked, chosen: Sequence[Chosen]) -> list[Request]:
    """The request, or the alternative of it, that was chosen, for each request of the claim."""
    used = {each.request for each in chosen}
    return [request for alternatives in asked.requests for request in alternatives if request in used]


def _node_selector(chosen: Sequence[Chosen], node: str) -> dict[str, Any] | None:
    """The nodes from which all devices are reached; None where these are all."""
    term: dict[str, list[Obj]] = {"matchFields": [], "matchExpressions": []}
    for each in chosen:
        rule = each.device.rule
        if rule.name or each.device.tree.get("bindsToNode"):
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        terms = (rule.selector or {}).get("nodeSelectorTerms") or ()
        if len(terms) > 1:
            raise AllocationError(f"unsupported ResourceSlice.NodeSelector with {len(terms)} terms")
        for wanted in terms:
            for part, known in term.items():
                known += [one for one in wanted.get(part) or () if one not in known]
    filled = {part: found for part, found in term.items() if found}
    return {"nodeSelectorTerms": [filled]} if filled else None

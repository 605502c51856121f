"""Waiting for objects: conditions as words, and what to tell when they do not come true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.api.errors import Expired
from pybernetes.api.meta import Obj, key_of
from pybernetes.client.interface import Client

from .naming import Target

Predicate = Callable[[Obj], bool]
Condition = str | Predicate

GONE = ("deleted", "gone", "delete")
THERE = ("created", "exists", "create")


class WaitTimeout(TimeoutError):
    """What was waited for did not happen in time. The message says what was there instead."""


def predicate_of(condition: Condition) -> Predicate:
    """What a condition asks of one object.

    A function of the object; `exists`; `Ready` (or any condition's type, also `Ready=False`); or a dotted path and a
    value, such as `status.phase=Running` or `status.readyReplicas=3`.
    """
    if callable(condition):
        return condition
    if condition.lower() in THERE:
        return lambda _obj: True
    name, has_value, value = condition.removeprefix("condition=").partition("=")
    if "." in name:
        path = name.strip("{}").lstrip(".").split(".")
        return lambda obj: _text(_at(obj, path)) == value
    wanted = value if has_value else "True"
    return lambda obj: _status(obj, name) == wanted.capitalize()


async def wait_for(
    client: Client, target: Target, condition: Condition, timeout: float, *, labels: str = "", count: int = 0
) -> list[Obj]:
    """The objects once all of them satisfy the condition, and there are `count` (0: one or more); with `deleted`,
    once none is left. Raises WaitTimeout after `timeout` seconds of the loop."""
    gone = isinstance(condition, str) and condition.lower() in GONE
    holds = (lambda _obj: False) if gone else predicate_of(condition)
    seen: dict[str, Obj] = {}

    def done() -> bool:
        if gone:
            return not seen
        enough = len(seen) == count if count else bool(seen)
        return enough and all(holds(obj) for obj in seen.values())

    try:
        async with asyncio.timeout(timeout):
            await _follow(client, target, labels, seen, done)
    except TimeoutError:
        raise WaitTimeout(_complaint(target, condition, timeout, seen, holds)) from None
    return [*seen.values()]


async def _follow(
    client: Client, target: Target, labels: str, seen: dict[str, Obj], done: Callable[[], bool]
) -> None:
    """Keeps `seen` as the server has it until `done`."""
    fields = f"metadata.name={target.name}" if target.name else ""
    while True:
        page = await client.list(target.kind, target.namespace, labels=labels, fields=fields)
        seen.clear()
        seen.update((key_of(obj), obj) for obj in page.items)
        if done():
            return
        watching = client.watch(
            target.kind,
            target.namespace,
            labels=labels,
            fields=fields,
            resource_version=page.resource_version,
        )
        try:
            async with watching as events:
                async for event in events:
                    if event.type == "BOOKMARK":
                        continue
                    if event.type == "DELETED":
                        seen.pop(key_of(event.object), None)
                    else:
                        seen[key_of(event.object)] = event.object
                    if done():
                        return
        except (Expired, ConnectionError):
            continue  # from the beginning


def _complaint(
    target: Target, condition: Condition, timeout: float, seen: Mapping[str, Obj], holds: Predicate
) -> str:
    wanted = condition if isinstance(condition, str) else getattr(condition, "__name__", "the condition")
    where = f" in namespace {target.namespace}" if target.namespace else ""
    if not seen:
        return f"{target}{where}: not {wanted} after {timeout:g} s; there is none"
    lines = [f"{key}: {describe(obj)}" for key, obj in sorted(seen.items()) if not holds(obj)]
    return f"{target}{where}: not {wanted} after {timeout:g} s; " + "; ".join(
        lines[:5] or [f"{len(seen)} found"]
    )


def describe(obj: Obj) -> str:
    """The state of an object in a few words: phase, conditions that are not True, waiting containers."""
    status = obj.get("status") or {}
    words = [str(status["phase"])] if status.get("phase") else []
    for entry in status.get("conditions") or ():
        if entry.get("status") != "True":
            why = ": ".join(part for part in (entry.get("reason"), entry.get("message")) if part)
            words.append(f"{entry['type']}={entry.get('status')}" + (f" ({why})" if why else ""))
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            words.append(f"{container['name']} waits: {waiting.get('reason', '')}")
    return ", ".join(words) or "without status"


def _status(obj: Obj, condition_type: str) -> str:
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry["type"].lower() == condition_type.lower():
            observed = entry.get("observedGeneration", (obj["status"]).get("observedGeneration"))
            if observed is not None and observed < (obj["metadata"].get("generation") or 0):
                return ""  # about an earlier version of the object
            return str(entry["status"])
    return ""


def _at(tree: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

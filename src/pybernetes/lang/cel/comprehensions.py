"""Macros that go through a list or a map, and those on optionals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .errors import CelError
from .frames import Frame, Run
from .nodes import Macro
from .values import NONE, Optional

_Step = Callable[[Frame, Any, Any], None]


def comprehension(node: Macro, over: Run, bodies: list[Run]) -> Run:
    """The macro as a function."""
    if node.kind == "bind":
        return _bind(node, over, bodies[0])
    if node.kind in ("optMap", "optFlatMap"):
        return _on_optional(node, over, bodies[0])
    rounds = _rounds(over, node.slots)
    make = _KINDS[node.kind]
    if len(bodies) == 2:
        return make(rounds, bodies[1], bodies[0])
    return make(rounds, bodies[0], None)


_Rounds = Callable[[Frame], Iterator[Any]]


def _rounds(over: Run, slots: tuple[str, ...]) -> _Rounds:
    """A generator that binds the variables for each round and yields the first's value."""

    def rounds(frame: Frame) -> Iterator[Any]:
        whole = over(frame)
        values = frame.values
        if len(slots) == 1:
            (slot,) = slots
            for item in _items(whole):
                frame.spend(1)
                values[slot] = item
                yield item
            return
        first, second = slots
        for key, item in _pairs(whole):
            frame.spend(1)
            values[first], values[second] = key, item
            yield key

    return rounds


def _items(whole: Any) -> Iterable[Any]:
    if isinstance(whole, list | tuple | Mapping):
        return whole
    raise CelError("no such overload")


def _pairs(whole: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(whole, list | tuple):
        return enumerate(whole)
    if isinstance(whole, Mapping):
        return whole.items()
    raise CelError("no such overload")


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise CelError("no such overload")


def _search(rounds: _Rounds, body: Run, stop: bool) -> Run:
    """`all` (`stop` False) and `exists` (`stop` True): an error counts only where no item decides."""

    def run(frame: Frame) -> Any:
        failure: CelError | None = None
        for _ in rounds(frame):
            try:
                if _truth(body(frame)) is stop:
                    return stop
            except CelError as error:
                failure = error
        if failure is not None:
            raise failure
        return not stop

    return run


def _all(rounds: _Rounds, body: Run, _test: Run | None) -> Run:
    return _search(rounds, body, False)


def _exists(rounds: _Rounds, body: Run, _test: Run | None) -> Run:
    return _search(rounds, body, True)


def _exists_one(rounds: _Rounds, body: Run, _test: Run | None) -> Run:
    return lambda frame: sum(_truth(body(frame)) for _ in rounds(frame)) == 1


def _filter(rounds: _Rounds, body: Run, _test: Run | None) -> Run:
    return lambda frame: [item for item in rounds(frame) if _truth(body(frame))]


def _map(rounds: _Rounds, body: Run, test: Run | None) -> Run:
    if test is None:
        return lambda frame: [body(frame) for _ in rounds(frame)]
    return lambda frame: [body(frame) for _ in rounds(frame) if _truth(test(frame))]


def _transform_map(rounds: _Rounds, body: Run, test: Run | None) -> Run:
    return lambda frame: {key: body(frame) for key in rounds(frame) if test is None or _truth(test(frame))}


def _transform_entry(rounds: _Rounds, body: Run, test: Run | None) -> Run:
    def run(frame: Frame) -> Any:
        made: dict[Any, Any] = {}
        for _ in rounds(frame):
            if test is not None and not _truth(test(frame)):
                continue
            entry = body(frame)
            if not isinstance(entry, Mapping):
                raise CelError("no such overload")
            for key, value in entry.items():
                if key in made:
                    raise CelError(f"insert failed: key {key} already exists")
                made[key] = value
        return made

    return run


def _sort_by(rounds: _Rounds, body: Run, _test: Run | None) -> Run:
    def run(frame: Frame) -> Any:
        pairs = [(body(frame), item) for item in rounds(frame)]
        if len({type(key) for key, _ in pairs}) > 1:
            raise CelError("list elements must have the same type")
        try:
            return [item for _, item in sorted(pairs, key=lambda pair: pair[0])]
        except TypeError as error:
            raise CelError("list elements must be comparable") from error

    return run


_KINDS: Mapping[str, Callable[[_Rounds, Run, Run | None], Run]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
    "transformList": _map,
    "transformMap": _transform_map,
    "transformMapEntry": _transform_entry,
    "sortBy": _sort_by,
}


def _bind(node: Macro, value: Run, body: Run) -> Run:
    (slot,) = node.slots

    def run(frame: Frame) -> Any:
        frame.spend(1)
        frame.values[slot] = value(frame)
        return body(frame)

    return run


def _on_optional(node: Macro, over: Run, body: Run) -> Run:
    (slot,), flat = node.slots, node.kind == "optFlatMap"

    def run(frame: Frame) -> Any:
        frame.spend(1)
        given = over(frame)
        if not isinstance(given, Optional):
            raise CelError("no such overload")
        if not given.has:
            return NONE
        frame.values[slot] = given.value
        made = body(frame)
        return made if flat else Optional(True, made)

    return run

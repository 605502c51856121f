"""Trees that raise when somebody writes to them, to catch in tests who changes a shared object.

The classes are subclasses of dict and list, so that JSON encoders, `==` and `isinstance` see ordinary trees; a copy
(`dict(tree)`, `{**tree}`, `list(items)`, `copy`, `deepcopy`) is an ordinary, changeable one at the copied level.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn


class FrozenError(TypeError):
    """A shared tree was about to be changed."""


def _refuse(self: object, *_args: object, **_kwargs: object) -> NoReturn:
    raise FrozenError(
        f"this {type(self).__name__} is shared and must not be changed: build a new one (api.meta.evolve)"
    )


class FrozenDict(dict[str, Any]):
    __slots__ = ()
    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return freeze, (thaw(self),)


class FrozenList(list[Any]):
    __slots__ = ()
    __setitem__ = __delitem__ = append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __iadd__ = __imul__ = _refuse

    def copy(self) -> list[Any]:
        return list(self)

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return freeze, (thaw(self),)


def freeze(tree: Any) -> Any:
    """The same JSON tree, frozen all the way down. Parts that are frozen already are shared."""
    if isinstance(tree, (FrozenDict, FrozenList)):
        return tree
    if isinstance(tree, dict):
        return FrozenDict((key, freeze(value)) for key, value in tree.items())
    if isinstance(tree, (list, tuple)):
        return FrozenList(freeze(value) for value in tree)
    return tree


def thaw(tree: Any) -> Any:
    """An ordinary deep copy of a tree."""
    if isinstance(tree, dict):
        return {key: thaw(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [thaw(value) for value in tree]
    return tree

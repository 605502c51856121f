"""An object seen through its schema: which paths it sets, and which paths two objects differ in.

`Type` is what a `PatchSchema` says, in the form that a walk needs; it is made once for each place in a schema and kept.
Maps and structs merge unless the schema calls them atomic; lists are atomic unless it calls them sets or maps. Where no
schema is known (`deduced`) maps merge and lists are atomic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..patch_schema import PatchSchema
from .fieldset import EMPTY, ITSELF, FieldSet, in_order, key_step, name_step, text_step, value_step

LEAF: Final = 0
"""A scalar, or anything atomic."""
STRUCT: Final = 1
MAP: Final = 2
LIST_MAP: Final = 3
LIST_SET: Final = 4
DEDUCED: Final = 5
"""Whatever the value is."""

Child = tuple[str, "Type"]


class Repeated(list[Any]):
    """Items of a list that have the same keys: they have one owner, together."""


class Type:
    """The schema of one value. `shape` is one of the constants above; `item` is that of a map's values or a list's items."""

    __slots__ = ("children", "defaults", "item", "keys", "scalar", "schema", "shape")

    def __init__(self, schema: PatchSchema | None) -> None:
        self.schema = schema
        self.children: dict[str, Child] = {}
        self.keys: tuple[str, ...] = ()
        self.defaults: dict[str, Any] = {}
        self.item: Type = self
        self.scalar = ""
        self.shape = DEDUCED if schema is None else self._read(schema)

    def _read(self, schema: PatchSchema) -> int:
        shape = schema.shape
        if shape == "struct":
            return LEAF if schema.map_type == "atomic" else STRUCT
        if shape == "map":
            if schema.map_type == "atomic":
                return LEAF
            self.item = Type(schema.field(""))
            return MAP
        if shape == "list":
            return self._read_list(schema)
        if shape == "deduced":
            return DEDUCED
        self.scalar = shape
        return LEAF

    def _read_list(self, schema: PatchSchema) -> int:
        items = schema.items()
        if schema.list_type == "set":
            self.item = Type(items)
            return LIST_SET
        if schema.list_type == "map" and schema.list_map_keys:
            self.item = Type(items)
            self.keys = tuple(sorted(schema.list_map_keys))
            if items is not None:
                self.defaults = {key: items.default_of(key) for key in self.keys}
            return LIST_MAP
        return LEAF

    def child(self, name: str) -> Child:
        """The step to a field of a struct, and its type (deduced where the schema does not know the field)."""
        found = self.children.get(name)
        if found is None:
            below = self.schema.field(name) if self.schema is not None else None
            found = (f"f:{name}", DEDUCED_TYPE if below is None else Type(below))
            if below is not None:
                self.children[name] = found
        return found

    def declares(self, name: str) -> bool:
        """Whether this is a struct with such a field."""
        schema = self.schema
        if self.shape != STRUCT or schema is None or schema.shape == "deduced":
            return False
        return schema.field(name) is not None

    def below(self, step: str) -> Type:
        """The type at a step."""
        return self.child(step[2:])[1] if self.shape == STRUCT else self.item


DEDUCED_TYPE: Final = Type(None)


class Composed(Type):
    """A struct of these fields over a type for everything else: a custom resource, whose metadata is known."""

    __slots__ = ()

    def __init__(self, fields: Mapping[str, Type], rest: PatchSchema | None = None) -> None:
        super().__init__(rest)
        self.shape = STRUCT
        self.children = {name: (f"f:{name}", of) for name, of in fields.items()}

    def declares(self, name: str) -> bool:
        return name in self.children or super().declares(name)


def fits(value: Any, of: Type) -> bool:
    """Whether a value has the shape that its type says, all the way down: the functions below take that for granted.
    What is empty fits anywhere."""
    shape = of.shape
    if not value or shape in (LEAF, DEDUCED):
        return True
    if shape == STRUCT:
        return isinstance(value, dict) and all(fits(each, of.child(name)[1]) for name, each in value.items())
    if shape == MAP:
        return isinstance(value, dict) and all(fits(each, of.item) for each in value.values())
    if not isinstance(value, list):
        return False
    if shape == LIST_MAP and not all(isinstance(each, dict) for each in value):
        return False
    return all(fits(each, of.item) for each in value)


def item_step(item: Any, of: Type) -> str:
    """The step to an item of a list of type `of` (LIST_MAP or LIST_SET). Keys that are missing take their default."""
    keys = of.keys
    if not keys:
        return text_step(item) if item.__class__ is str else value_step(item)
    if len(keys) == 1:
        value = item.get(keys[0])
        if value.__class__ is str:
            return name_step(keys[0], value)
    found = {}
    for key in keys:
        value = item.get(key)
        if value is None:
            value = of.defaults.get(key)
        if value is not None:
            found[key] = value
    return key_step(found)


def items_by_step(values: Sequence[Any], of: Type) -> dict[str, Any]:
    """The items of a list by their steps; a step that occurs again holds `Repeated`."""
    found: dict[str, Any] = {}
    for value in values:
        step = item_step(value, of)
        if step not in found:
            found[step] = value
        elif found[step].__class__ is Repeated:
            found[step].append(value)
        else:
            found[step] = Repeated((found[step], value))
    return found


def everything(value: Any, of: Type) -> FieldSet:
    """The node of a value that was not there before: itself and all below it."""
    shape = of.shape
    if shape == LEAF or not value or value.__class__ is Repeated:
        return EMPTY
    node: dict[str, Any] = {ITSELF: EMPTY}
    if shape == STRUCT:
        children = of.children
        for name in sorted(value):
            step, below = children.get(name) or of.child(name)
            node[step] = EMPTY if below.shape == LEAF else everything(value[name], below)
        return node
    if shape in (MAP, DEDUCED):
        if shape == DEDUCED and not isinstance(value, dict):
            return EMPTY
        item = of.item
        for name in sorted(value):
            node[f"f:{name}"] = EMPTY if item.shape == LEAF else everything(value[name], item)
        return node
    for step, each in items_by_step(value, of).items():
        node[step] = everything(each, of.item)
    return in_order(node) if len(node) > 2 else node


def compare(old: Any, new: Any, of: Type) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the paths that `new` adds or changes, the paths that it lacks) of two values that are no leaves."""
    touched: dict[str, Any] = {}
    removed: dict[str, Any] = {}
    shape = of.shape
    if shape == STRUCT:
        children = of.children
        for name in sorted(new):
            value = new[name]
            if name in old and (before := old[name]) == value:
                continue
            step, below = children.get(name) or of.child(name)
            if name not in old:
                touched[step] = EMPTY if below.shape == LEAF else everything(value, below)
            else:
                _differ(before, value, step, below, touched, removed)
        for name in old:
            if name not in new:
                step, below = of.child(name)
                removed[step] = everything(old[name], below)
        return touched, removed
    item = of.item
    olds, news = _by_step(old, of), _by_step(new, of)
    for step, value in news.items():
        if step not in olds:
            touched[step] = everything(value, item)
        elif (before := olds[step]) != value:
            _differ(before, value, step, item, touched, removed)
    for step in olds:
        if step not in news:
            removed[step] = everything(olds[step], item)
    return in_order(touched) if len(touched) > 1 else touched, removed


def _by_step(value: Any, of: Type) -> dict[str, Any]:
    if of.shape in (MAP, DEDUCED):
        return {f"f:{name}": each for name, each in value.items()}
    return items_by_step(value, of)


def _differ(
    before: Any, value: Any, step: str, of: Type, touched: dict[str, Any], removed: dict[str, Any]
) -> None:
    if (
        of.shape == LEAF
        or (not before and not value)
        or Repeated in (before.__class__, value.__class__)
        or (of.shape == DEDUCED and not (_mergeable(before) and _mergeable(value)))
    ):
        touched[step] = EMPTY
        return
    added, gone = compare(before or {}, value or {}, of)
    if added:
        touched[step] = added
    if gone:
        removed[step] = gone


def _mergeable(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def applied(value: Any, of: Type) -> dict[str, Any]:
    """The paths below a value of an applied configuration: its leaves, its list items, its empty and its free maps.

    Structs that hold something are not in the set themselves: they belong to nobody.
    """
    node: dict[str, Any] = {}
    shape = of.shape
    if shape in (STRUCT, MAP, DEDUCED):
        for name in sorted(value):
            step, below = of.child(name) if shape == STRUCT else (f"f:{name}", of.item)
            each = value[name]
            if below.shape == LEAF or each is None or (below.shape == DEDUCED and not isinstance(each, dict)):
                node[step] = EMPTY
            elif inner := applied(each, below):
                node[step] = inner if of.declares(name) else {ITSELF: EMPTY, **inner}
            elif isinstance(each, dict) or not of.declares(name):
                node[step] = EMPTY
        return node
    for step, each in items_by_step(value, of).items():
        inside = applied(each, of.item) if of.item.shape != LEAF and isinstance(each, dict) else EMPTY
        node[step] = {ITSELF: EMPTY, **inside} if inside else EMPTY
    return in_order(node)


def with_fields(fields: FieldSet, of: Type) -> FieldSet:
    """The set, and in it every declared field of a struct that has something below it in the set."""
    out: dict[str, Any] = {}
    for step, node in fields.items():
        if node:
            below = with_fields(node, of.below(step))
            if ITSELF not in below and step[0] == "f" and of.declares(step[2:]):
                below = {ITSELF: EMPTY, **below}
            out[step] = below
        else:
            out[step] = node
    return out


def remove(value: Any, fields: FieldSet, of: Type) -> Any:
    """The value without what lies at the paths; None where nothing is left of it."""
    shape = of.shape
    if not value or (shape == DEDUCED and not isinstance(value, dict)):
        return value
    if shape == LEAF:
        return None
    if shape in (STRUCT, MAP, DEDUCED):
        kept = {}
        for name, each in value.items():
            node = fields.get(f"f:{name}")
            if node is None:
                kept[name] = each
            elif node and ITSELF not in node:
                kept[name] = remove(each, node, of.child(name)[1] if shape == STRUCT else of.item)
        return kept or None
    items = []
    for each in value:
        node = fields.get(item_step(each, of))
        if node is None:
            items.append(each)
        elif node and ITSELF not in node:
            items.append(remove(each, node, of.item))
    return items or None

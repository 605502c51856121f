"""What differs between two structs, as Go programs print it: the documented form of `go-cmp`'s `Diff`.

`Type`s say how a JSON tree lies in a Go program: the fields of structs in their order, what is a pointer, what is empty.
Lines that go begin with `- `, lines that come with `+ `, all others with two spaces; of what is the same two fields are
shown on either side of a change, the rest is counted. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

CONTEXT = 2
"""Unchanged fields that are shown before and after a change."""
SHOWN_SAME, SHOWN_OTHER = 4, 16
"""How many parts are shown of a value that is the same, and of one that is not."""
LONGEST = 100
"""Characters of a value that comes or goes on one line."""
Kind = Literal["scalar", "list", "map", "struct"]


@dataclass(frozen=True, slots=True)
class Type:
    """`name` is that of the Go type (`core.PodSpec`, `string`); `fields` are Go name, JSON name and type. An embedded
    struct has no JSON name of its own: its fields lie beside those of its owner. `show` prints a scalar that is a
    struct to the program; `key_prefix` stands before the keys of a map that have a method to print them."""

    name: str
    kind: Kind = "scalar"
    pointer: bool = False
    zero: Any = None
    fields: tuple[tuple[str, str, Type], ...] = ()
    item: Type | None = None
    show: Callable[[Any], str] | None = None
    key_prefix: str = ""

    @property
    def spelled(self) -> str:
        if self.item is not None and self.kind == "list":
            return f"[]{self.item.spelled}"
        return self.name


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a struct, list or map: the old value against the new one, either of which may be missing."""

    key: str
    type: Type
    old: Any
    new: Any
    here: tuple[bool, bool] = (True, True)

    @property
    def same(self) -> bool:
        return all(self.here) and is_same(self.type, self.old, self.new)


@dataclass(frozen=True, slots=True)
class Line:
    """A record as it is printed: `sign` is "-", "+" or " "; `value` one line, or several with their own signs."""

    sign: str
    key: str
    value: str | tuple[str, tuple[Line, ...], str]
    comma: bool = True


def struct_difference(type_: Type, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The text; "" where nothing differs."""
    if is_same(type_, old, new):
        return ""
    lines = tuple(_changed_lines("field", list(_fields(type_, old, new))))
    return "".join(f"{text}\n" for text in _printed(Line(" ", "", (f"{type_.name}{{", lines, "}"), False), 0))


def is_same(type_: Type, old: Any, new: Any) -> bool:
    """Whether two values mean the same: what is left out is empty."""
    return bool(_canonical(type_, old) == _canonical(type_, new))


def _canonical(type_: Type, value: Any) -> Any:
    """The value without what is empty, so that equal ones are equal trees."""
    if type_.kind == "scalar":
        return value if type_.pointer else _or_zero(type_, value)
    if value is None and (type_.pointer or type_.kind != "struct"):
        return None
    if type_.kind == "struct":
        fields = {name: _canonical(of, _at(value, key)) for name, key, of in type_.fields}
        return {name: each for name, each in fields.items() if each is not None}
    assert type_.item is not None
    if type_.kind == "map":
        return {key: _canonical(type_.item, each) for key, each in value.items()} or None
    return [_canonical(type_.item, each) for each in value] or None


def _at(tree: Any, key: str) -> Any:
    """A field of a struct; the owner itself for an embedded one."""
    return (tree or {}).get(key) if key else tree


# ---- taking values apart


def _fields(type_: Type, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Record]:
    for name, key, of in type_.fields:
        yield Record(name, of, _at(old, key), _at(new, key))


def _entries(type_: Type, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Record]:
    assert type_.item is not None
    for key in sorted({*old, *new}):
        yield Record(
            f"{type_.key_prefix}{_quoted(key)}",
            type_.item,
            old.get(key),
            new.get(key),
            (key in old, key in new),
        )


def _elements(type_: Type, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Record]:
    """Elements side by side; where some come or go, what is alike stays together."""
    item = type_.item
    assert item is not None
    before, after = (
        [json.dumps(_canonical(item, each), sort_keys=True) for each in side] for side in (old, new)
    )
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Record("", item, old[at], old[at]) for at in range(a, b))
            continue
        pairs = min(b - a, d - c) if item.kind == "struct" else 0
        yield from (Record("", item, old[a + n], new[c + n]) for n in range(pairs))
        yield from (Record("", item, old[at], None, (True, False)) for at in range(a + pairs, b))
        yield from (Record("", item, None, new[at], (False, True)) for at in range(c + pairs, d))


def _parts(record: Record) -> tuple[str, list[Record]]:
    """What a value consists of, and what a part is called."""
    type_, old, new = record.type, record.old, record.new
    if type_.kind == "struct":
        return "field", list(_fields(type_, old or {}, new or {}))
    if type_.kind == "map":
        return "entry", list(_entries(type_, old or {}, new or {}))
    return "element", list(_elements(type_, old or (), new or ()))


# ---- lines


def _changed_lines(part: str, records: Sequence[Record]) -> Iterator[Line]:
    """Changed parts with what stands around them."""
    at = 0
    while at < len(records):
        end = at
        while end < len(records) and records[end].same:
            end += 1
        same = records[at:end]
        before = min(CONTEXT, len(same)) if at else 0
        after = min(CONTEXT, len(same) - before) if end < len(records) else 0
        if len(same) - before - after == 1:
            after += 1
        yield from (Line(" ", each.key, _same_text(each.type, each.old)) for each in same[:before])
        if hidden := len(same) - before - after:
            yield Line(" ", "", f"... // {hidden} identical {_plural(part, hidden)}", comma=False)
        yield from (
            Line(" ", each.key, _same_text(each.type, each.old)) for each in same[len(same) - after :]
        )
        at = end
        while at < len(records) and not records[at].same:
            yield from _change(records[at], part)
            at += 1


def _change(record: Record, part: str) -> Iterator[Line]:
    type_ = record.type
    one_sided = not all(record.here) or record.old is None or record.new is None
    if type_.kind == "scalar" or (
        one_sided and (type_.kind != "struct" or type_.pointer or not all(record.here))
    ):
        typed = part == "field"
        for sign, value, here in (("-", record.old, record.here[0]), ("+", record.new, record.here[1])):
            if here:
                yield Line(sign, record.key, _other_text(type_, value, typed=typed, sign=sign))
        return
    name, parts = _parts(record)
    head = f"{'&' if type_.pointer else ''}{type_.spelled if part == 'field' else ''}{{"
    yield Line(" ", record.key, (head, tuple(_changed_lines(name, parts)), "}"))


def _same_text(type_: Type, value: Any) -> str:
    """A value that is the same in both: in short, without types."""
    return _short(type_, value, SHOWN_SAME)


def _short(type_: Type, value: Any, most: int) -> str:
    if type_.kind == "scalar":
        return _scalar(type_, value)
    if type_.pointer and value is None:
        return "nil"
    if type_.kind in ("list", "map") and value is None:
        return "nil"
    texts: list[str] = []
    for record in _parts(Record("", type_, value, value))[1]:
        if type_.kind == "struct" and _is_zero(record.type, record.old):
            continue
        if len(texts) == most:
            texts.append("...")
            break
        text = _short(record.type, record.old, most)
        texts.append(f"{record.key}: {text}" if record.key else text)
    return f"{'&' if type_.pointer else ''}{{{', '.join(texts)}}}"


def _other_text(
    type_: Type, value: Any, *, typed: bool, sign: str
) -> str | tuple[str, tuple[Line, ...], str]:
    """A value that comes or goes: on one line where it is short."""
    text = _short(type_, value, SHOWN_OTHER)
    name = type_.spelled if typed and type_.kind != "scalar" else ""
    if type_.kind == "scalar" or text == "nil":
        return text
    star = "&" if type_.pointer else ""
    if len(text) <= LONGEST:
        return f"{star}{name}{text.removeprefix('&')}"
    inner = _parts(Record("", type_, value, value))[1]
    lines = tuple(
        Line(sign, each.key, _other_text(each.type, each.old, typed=type_.kind == "struct", sign=sign))
        for each in inner
        if type_.kind != "struct" or not _is_zero(each.type, each.old)
    )
    return f"{star}{name}{{", lines, "}"


def _scalar(type_: Type, value: Any) -> str:
    show = type_.show or _plain
    if type_.pointer:
        return "nil" if value is None else f"&{show(value)}"
    return show(_or_zero(type_, value))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _or_zero(type_: Type, value: Any) -> Any:
    return type_.zero if value is None else value


def _is_zero(type_: Type, value: Any) -> bool:
    if type_.pointer or type_.kind in ("list", "map"):
        return value is None
    if type_.kind == "struct":
        return all(_is_zero(record.type, record.old) for record in _fields(type_, value or {}, {}))
    return bool(_or_zero(type_, value) == type_.zero)


def _plural(part: str, count: int) -> str:
    return part if count == 1 else "entries" if part == "entry" else f"{part}s"


# ---- text


def _printed(line: Line, depth: int) -> Iterator[str]:
    """A line and what is below it, keys of neighbours on one line each aligned."""
    before = f"{line.sign} {chr(9) * depth}"
    key = f"{line.key}: " if line.key else ""
    if isinstance(line.value, str):
        yield f"{before}{key}{line.value}{',' if line.comma else ''}"
        return
    head, inner, tail = line.value
    yield f"{before}{key}{head}"
    for each, width in zip(inner, _widths(inner), strict=True):
        if width and isinstance(each.value, str):
            spaces = " " * (width - len(each.key))
            yield f"{each.sign} {chr(9) * (depth + 1)}{each.key}: {spaces}{each.value},"
        else:
            yield from _printed(each, depth + 1)
    yield f"{before}{tail}{',' if line.comma else ''}"


def _widths(lines: Sequence[Line]) -> list[int]:
    """For each line the length of the longest key of those that stand together with it; 0 where it stands alone."""
    widths = [0] * len(lines)
    start = 0
    for at in range(len(lines) + 1):
        if at == len(lines) or not lines[at].key or not isinstance(lines[at].value, str):
            width = max((len(line.key) for line in lines[start:at]), default=0)
            widths[start:at] = [width] * (at - start)
            start = at + 1
    return widths

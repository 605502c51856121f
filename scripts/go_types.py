"""Read the struct types that a Go executable carries for reflection: field names, tags, pointer or value.

The OpenAPI documents do not tell whether a field is a pointer or is left out when empty; the JSON tags of the Go types
do, and the kubectl executable links every API type. Only what `distil_schema.py` needs is read: for each named struct
of `k8s.io/…`, its fields in order. Layout of the records: `internal/abi/type.go` of the Go distribution (little-endian,
64 bit, statically linked ELF).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    1: "bool", 2: "int", 3: "int8", 4: "int16", 5: "int32", 6: "int64", 7: "uint", 8: "uint8", 9: "uint16",
    10: "uint32", 11: "uint64", 13: "float32", 14: "float64", 17: "array", 18: "chan", 19: "func",
    20: "interface", 21: "map", 22: "ptr", 23: "slice", 24: "string", 25: "struct",
}  # fmt: skip
HAS_UNCOMMON, EXTRA_STAR = 1, 2
STRUCT_SIZE = 80


@dataclass(frozen=True, slots=True)
class GoField:
    json_name: str
    """"" for an embedded struct whose fields are inlined."""
    options: tuple[str, ...]
    """`omitempty`, `omitzero`."""
    kind: str
    """The kind of its type: `ptr`, `struct`, `slice`, `map`, `string`, …"""
    type_name: str
    """As Go prints it: `*v1.PodSpec`, `[]string`."""
    protobuf: int
    """The protobuf field number; 0 where there is none."""


class GoTypes:
    """The type records of one executable."""

    def __init__(self, executable: Path) -> None:
        self._data = executable.read_bytes()
        sections = self._sections()
        self._base, self._offset, self._size = sections[".rodata"]
        _, self._links, self._links_size = sections[".typelink"]

    def structs(self) -> dict[str, tuple[GoField, ...]]:
        """Every named struct of the packages below `k8s.io/`: `k8s.io/api/core/v1.Pod` -> its tagged fields."""
        found: dict[str, tuple[GoField, ...]] = {}
        for (link,) in struct.iter_unpack("<i", self._data[self._links : self._links + self._links_size]):
            pointer = self._base + link
            if self._kind(pointer) != "ptr":
                continue
            address = self._word(pointer + 48)
            if self._kind(address) != "struct":
                continue
            package = self._package(address)
            if package.startswith("k8s.io/"):
                found[f"{package}.{self._type_name(address).split('.')[-1]}"] = tuple(self._fields(address))
        return found

    def _fields(self, address: int) -> list[GoField]:
        first, count = self._word(address + 56), self._word(address + 64)
        fields = []
        for index in range(count):
            record = first + 24 * index
            _, tag = self._name(self._word(record))
            tags = dict(part.split(":", 1) for part in tag.split(" ") if ":" in part)
            if "json" not in tags:
                continue
            json_name, *options = tags["json"].strip('"').split(",")
            number = next((p for p in tags.get("protobuf", "").strip('"').split(",") if p.isdigit()), "0")
            of = self._word(record + 8)
            fields.append(
                GoField(json_name, tuple(options), self._kind(of), self._type_name(of), int(number))
            )
        return fields

    def _sections(self) -> dict[str, tuple[int, int, int]]:
        """Section name -> (address, offset in the file, size)."""
        data = self._data
        (table,) = struct.unpack_from("<Q", data, 0x28)
        count, names_index = struct.unpack_from("<HH", data, 0x3C)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * index) for index in range(count)]
        names = headers[names_index][4]
        result = {}
        for header in headers:
            start = names + header[0]
            result[data[start : data.index(b"\0", start)].decode()] = (header[3], header[4], header[5])
        return result

    def _at(self, address: int) -> int:
        if not self._base <= address < self._base + self._size:
            raise ValueError(f"{address:#x} is not in .rodata")
        return address - self._base + self._offset

    def _word(self, address: int) -> int:
        return int(struct.unpack_from("<Q", self._data, self._at(address))[0])

    def _kind(self, address: int) -> str:
        return KINDS.get(self._data[self._at(address) + 23] & 31, "")

    def _type_name(self, address: int) -> str:
        at = self._at(address)
        (offset,) = struct.unpack_from("<i", self._data, at + 40)
        text, _ = self._name(self._base + offset)
        return text[1:] if self._data[at + 20] & EXTRA_STAR else text

    def _package(self, address: int) -> str:
        """The import path of a named struct (kept in the record that follows its fields)."""
        at = self._at(address)
        if not self._data[at + 20] & HAS_UNCOMMON:
            return ""
        (offset,) = struct.unpack_from("<i", self._data, at + STRUCT_SIZE)
        return self._name(self._base + offset)[0] if offset else ""

    def _name(self, address: int) -> tuple[str, str]:
        """A (name, tag) record: a byte of flags, then each text with its length before it."""
        at = self._at(address)
        text, after = self._text(at + 1)
        tag = self._text(after)[0] if self._data[at] & 2 else ""
        return text, tag

    def _text(self, at: int) -> tuple[str, int]:
        length = shift = 0
        while True:
            byte = self._data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return self._data[at : at + length].decode(), at + length

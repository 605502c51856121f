"""Google's protobuf messages for the API types, built from the Go types that kubectl links: a judge of our encoder
that shares nothing with it but the names.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from go_types import GoTypes  # noqa: E402

TYPE = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": TYPE.TYPE_STRING,
    "bool": TYPE.TYPE_BOOL,
    "int32": TYPE.TYPE_INT32,
    "int64": TYPE.TYPE_INT64,
    "uint32": TYPE.TYPE_UINT32,
    "float64": TYPE.TYPE_DOUBLE,
    "uint8": TYPE.TYPE_UINT32,
}
META = "k8s.io/apimachinery/pkg/apis/meta/v1"
QUANTITY = "k8s.io/apimachinery/pkg/api/resource.Quantity"
INT_OR_STRING = "k8s.io/apimachinery/pkg/util/intstr.IntOrString"
TIMES = (f"{META}.Time", f"{META}.MicroTime")
RAW = ("k8s.io/apimachinery/pkg/runtime.RawExtension", f"{META}.FieldsV1")


class Field:
    """A tagged field: its number, JSON name ("" inlined), and the address of its Go type."""

    def __init__(self, number: int, name: str, address: int) -> None:
        self.number, self.name, self.address = number, name, address


class Messages(GoTypes):
    """Every struct with protobuf tags below `k8s.io/api` and `k8s.io/apimachinery`, as message classes."""

    def __init__(self, executable: Path) -> None:
        super().__init__(executable)
        self._addresses: dict[str, int] = {}
        self.structs()
        file = descriptor_pb2.FileDescriptorProto(name="go.proto", package="go", syntax="proto2")
        self._file = file
        self._message("Timestamp", (1, "seconds", TYPE.TYPE_INT64), (2, "nanos", TYPE.TYPE_INT32))
        self._message("QuantityText", (1, "string", TYPE.TYPE_STRING))
        self._message("Items", (1, "items", TYPE.TYPE_STRING), repeated=True)
        self.inlined: dict[str, set[str]] = {}
        for name, address in self._addresses.items():
            self._declare(name, address)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._pool = pool

    def message_class(self, name: str) -> type[Message] | None:
        """By OpenAPI name, such as `io.k8s.api.core.v1.Pod`; None where kubectl does not link the type."""
        *package, last = name.removeprefix("io.k8s.").split(".")
        go_name = f"k8s.io/{'/'.join(package)}.{last}"
        if go_name not in self._addresses:
            return None
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"go.{mangled(go_name)}"))

    def _fields(self, address: int) -> list[Any]:
        package = self._package(address)
        if package.startswith(("k8s.io/api/", "k8s.io/apimachinery/")):
            self._addresses[f"{package}.{self._type_name(address).split('.')[-1]}"] = address
        return []

    def _tagged(self, address: int) -> list[Field]:
        first, count = self._word(address + 56), self._word(address + 64)
        found = []
        for index in range(count):
            record = first + 24 * index
            go_name, tag = self._name(self._word(record))
            protobuf = re.search(r'protobuf:"\w+,(\d+)', tag)
            in_json = re.search(r'json:"([^,"]*)', tag)
            if protobuf:
                name = in_json.group(1) if in_json else go_name
                found.append(
                    Field(int(protobuf.group(1)), go_name if name == "-" else name, self._word(record + 8))
                )
        return found

    def _message(self, name: str, *fields: tuple[int, str, int], repeated: bool = False) -> None:
        label = TYPE.LABEL_REPEATED if repeated else TYPE.LABEL_OPTIONAL
        made = self._file.message_type.add(name=name)
        for number, field, kind in fields:
            made.field.add(name=field, number=number, type=kind, label=label)  # type: ignore[arg-type]

    def _declare(self, name: str, address: int) -> None:
        made = self._file.message_type.add(name=mangled(name))
        for field in self._tagged(address):
            label = field.name or f"inlined_{field.number}"
            self._type(made, made.field.add(name=label, number=field.number, json_name=label), field.address)

    def _type(self, owner: Any, field: Any, address: int) -> None:
        field.label = TYPE.LABEL_OPTIONAL
        kind = self._kind(address)
        while kind == "ptr":
            address = self._word(address + 48)
            kind = self._kind(address)
        if kind == "slice" and self._type_name(address).endswith(".Verbs"):
            field.type, field.type_name = TYPE.TYPE_MESSAGE, ".go.Items"
        elif kind == "slice":
            element = self._word(address + 48)
            if self._kind(element) == "uint8":
                field.type = TYPE.TYPE_BYTES
                return
            self._type(owner, field, element)
            field.label = TYPE.LABEL_REPEATED
        elif kind == "map":
            entry = owner.nested_type.add(name=f"{field.name.title().replace('_', '')}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=TYPE.TYPE_STRING, label=TYPE.LABEL_OPTIONAL)
            value, element = entry.field.add(name="value", number=2), self._word(address + 56)
            if self._kind(element) == "slice" and self._kind(self._word(element + 48)) == "string":
                value.type, value.type_name, value.label = (
                    TYPE.TYPE_MESSAGE,
                    ".go.Items",
                    TYPE.LABEL_OPTIONAL,
                )
            else:
                self._type(entry, value, element)
            field.type, field.label = TYPE.TYPE_MESSAGE, TYPE.LABEL_REPEATED
            field.type_name = f".go.{owner.name}.{entry.name}"
        elif kind == "struct":
            field.type, field.type_name = TYPE.TYPE_MESSAGE, f".go.{self._struct(address)}"
        else:
            field.type = SCALARS[kind]

    def _struct(self, address: int) -> str:
        name = f"{self._package(address)}.{self._type_name(address).split('.')[-1]}"
        if name in TIMES:
            return "Timestamp"
        return "QuantityText" if name == QUANTITY else mangled(name)


def mangled(go_name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", go_name)


@cache
def messages() -> Messages:
    return Messages(Path(sys.executable).parent / "kubectl")


def fill(message: Message, tree: dict[str, Any]) -> None:
    """Sets what the JSON tree says, as Go would after reading it."""
    used = set()
    for field in message.DESCRIPTOR.fields:
        if field.name.startswith("inlined_"):
            inner = getattr(message, field.name)
            fill(inner, tree)
            if inner.ByteSize():
                getattr(message, field.name).SetInParent()
            else:
                message.ClearField(field.name)
        elif field.name in tree:
            used.add(field.name)
            _set(message, field, tree[field.name])


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if is_map:
        entries = getattr(message, field.name)
        of = field.message_type.fields_by_name["value"]
        for key, one in value.items():
            if of.message_type is None:
                entries[key] = base64.b64decode(one) if of.type == FieldDescriptor.TYPE_BYTES else one
            else:
                _set_message(entries[key], one)
    elif field.is_repeated:
        items = getattr(message, field.name)
        for one in value:
            if field.message_type is None:
                items.append(one)
            else:
                _set_message(items.add(), one)
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _set_message(inner, value)
    else:
        plain = base64.b64decode(value) if field.type == FieldDescriptor.TYPE_BYTES else value
        setattr(message, field.name, plain)


def _set_message(message: Any, value: Any) -> None:
    name = message.DESCRIPTOR.name
    if name == "Timestamp":
        moment = datetime.fromisoformat(value)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        message.seconds = since.days * 86400 + since.seconds
        if since.microseconds:
            message.nanos = since.microseconds * 1000
    elif name == "QuantityText":
        message.string = value
    elif name == "Items":
        message.items.extend(value)
    elif name == mangled(INT_OR_STRING):
        if isinstance(value, str):
            message.Type, message.StrVal = 1, value
        else:
            message.Type, message.IntVal = 0, value
    elif name in {mangled(raw) for raw in RAW}:
        message.Raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    else:
        fill(message, value)

"""The protobuf descriptors of OpenAPI documents that kubectl carries, as they were compiled into it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

KUBECTL = Path(sys.executable).parent / "kubectl"
STARTS = {
    "v2": b"\n\x19openapiv2/OpenAPIv2.proto\x12\nopenapi.v2",
    "v3": b"\n\x19openapiv3/OpenAPIv3.proto\x12\nopenapi.v3",
}
END = b"b\x06proto3"


@cache
def pool(version: str) -> descriptor_pool.DescriptorPool:
    """The messages of `openapi.v2` or `openapi.v3`."""
    data = KUBECTL.read_bytes()
    start = data.index(STARTS[version])
    file = descriptor_pb2.FileDescriptorProto.FromString(data[start : data.index(END, start) + len(END)])
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    made = descriptor_pool.DescriptorPool()
    made.Add(any_file)
    made.Add(file)
    return made


def document_type(version: str) -> type[Message]:
    """`openapi.v3.Document`."""
    found: type[Message] = message_factory.GetMessageClass(
        pool(version).FindMessageTypeByName(f"openapi.{version}.Document")
    )
    return found

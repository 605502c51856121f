"""Request bodies: bytes to trees, and what is wrong with them in upstream's words."""

from __future__ import annotations

from typing import Any

import orjson

from pybernetes.api.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from pybernetes.lang import yamlload
from pybernetes.lang.gojson import go_json_error

MAX_BODY = 3 * 1024 * 1024
JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
OBJECT_TYPES = (JSON, YAML, PROTOBUF)

YAML_PREFIX = "error converting YAML to JSON: "
"""How upstream begins what is wrong with YAML, except of whole objects."""


def check_size(data: bytes) -> None:
    """Raises RequestEntityTooLarge over upstream's limit."""
    if len(data) > MAX_BODY:
        raise RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY}")


def media_type(content_type: str) -> str:
    """`application/json; charset=utf-8` -> `application/json`; nothing said is JSON."""
    return content_type.partition(";")[0].strip().lower() or JSON


def unsupported(accepted: tuple[str, ...]) -> UnsupportedMediaType:
    types = ", ".join(accepted)
    return UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {types}"
    )


def decode(
    data: bytes, content_type: str, prefix: str = "couldn't get version/kind; json parse error: "
) -> Any:
    """The tree of a JSON or YAML body. Raises BadRequest, RequestEntityTooLarge, UnsupportedMediaType."""
    check_size(data)
    media = media_type(content_type)
    if media == JSON:
        tree = decode_json(data, prefix)
    elif media in (YAML, "application/apply-patch+yaml"):
        tree = decode_yaml(data, "")
    elif media == PROTOBUF:
        tree = decode_protobuf(data)
    else:
        raise unsupported(OBJECT_TYPES)
    return tree


def decode_json(data: bytes, prefix: str = "") -> Any:
    """The value of a JSON text. Raises BadRequest with Go's description of the error."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{prefix}{go_json_error(data, str(error))}") from error


def decode_yaml(data: bytes, prefix: str = YAML_PREFIX) -> Any:
    """The value of a YAML text. Raises BadRequest."""
    try:
        return yamlload.load(data)
    except yamlload.YamlError as error:
        raise BadRequest(prefix + str(error).removeprefix(YAML_PREFIX)) from error


def decode_protobuf(data: bytes) -> Any:
    """The tree of a body in Kubernetes' protobuf. Raises BadRequest."""
    from . import protobuf  # its table is read only where such a body comes

    try:
        return protobuf.decode(data)
    except protobuf.ProtobufError as error:
        raise BadRequest(str(error)) from error


def check_depth(tree: Any) -> bytes:
    """The tree as compact JSON. Raises BadRequest where it nests too deep to be stored."""
    try:
        return orjson.dumps(tree)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise BadRequest(f"exceeded max depth: {error}") from error

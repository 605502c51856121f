"""Request bodies: bytes to trees, and what is wrong with them in upstream's words."""

from __future__ import annotations

import json
from typing import Any

import orjson

from pybernetes.api.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from pybernetes.lang import yamlload

MAX_BODY = 3 * 1024 * 1024
JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
OBJECT_TYPES = (JSON, YAML, PROTOBUF)

YAML_PREFIX = "error converting YAML to JSON: "
"""How upstream begins what is wrong with YAML, except of whole objects."""

_OPENERS = {"{": "object key:value pair", "[": "array element"}


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


def go_json_error(data: bytes, fallback: str) -> str:
    """How Go's encoding/json words the first error of a text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8 in JSON text"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _in_go_words(text, error)
    except RecursionError:
        return "exceeded max depth"
    return fallback


def _in_go_words(text: str, error: json.JSONDecodeError) -> str:
    at, message = error.pos, error.msg
    if at >= len(text) or message.startswith("Unterminated"):
        return "unexpected end of JSON input"
    char = json.dumps(text[at], ensure_ascii=False)[1:-1]
    char = f"'{char}'" if char != "'" else "'\\''"
    if message.startswith(("Expecting property name", "Illegal trailing comma")):
        return f"invalid character {char} looking for beginning of object key string"
    if message.startswith("Expecting ':'"):
        return f"invalid character {char} after object key"
    if message.startswith("Expecting ','"):
        return f"invalid character {char} after {_enclosing(text[:at])}"
    if message.startswith("Extra data"):
        return f"invalid character {char} after top-level value"
    if message.startswith("Invalid control"):
        return f"invalid character {char} in string literal"
    if "escape" in message:
        return f"invalid character {char} in string escape code"
    return f"invalid character {char} looking for beginning of value"


def _enclosing(text: str) -> str:
    """What the end of `text` is inside of."""
    stack: list[str] = []
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            stack.append(char)
        elif char in "}]" and stack:
            stack.pop()
    return _OPENERS[stack[-1]] if stack else "top-level value"

"""Which files a ConfigMap, a Secret or the downward API becomes. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from pybernetes.api.meta import Obj
from pybernetes.kubelet import podspec
from pybernetes.kubelet.env import SourceKind
from pybernetes.kubelet.fieldref import FieldError, NodeFacts, field_value, resource_value
from pybernetes.kubelet.host import FileProjection

from .plugin import MountError

Payload = dict[str, FileProjection]
DEFAULT_MODE = 0o644


def object_payload(kind: SourceKind, obj: Obj | None, source: Obj, name: str, default_mode: int) -> Payload:
    """The keys of an object, all or those of `items`. `obj` is None where the API has none.

    Raises MountError where it or a key is missing and not optional.
    """
    optional = bool(source.get("optional"))
    if obj is None:
        if optional:
            return {}
        raise MountError(f'{kind} "{name}" not found')
    data = object_bytes(kind, obj)
    items = source.get("items")
    if not items:
        return {key: FileProjection(value, default_mode) for key, value in data.items()}
    payload: Payload = {}
    for item in items:
        if item["key"] in data:
            mode = item.get("mode")
            payload[item["path"]] = FileProjection(data[item["key"]], default_mode if mode is None else mode)
        elif not optional:
            word = "config" if kind == "configmap" else "secret"
            raise MountError(f"references non-existent {word} key: {item['key']}")
    return payload


def object_bytes(kind: SourceKind, obj: Obj) -> Mapping[str, bytes]:
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    text = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    return text | {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}


def downward_payload(pod: Obj, items: list[Obj], node: NodeFacts, default_mode: int) -> Payload:
    """Raises MountError for a field or container that does not exist."""
    payload: Payload = {}
    for item in items:
        mode = item.get("mode")
        try:
            if ref := item.get("fieldRef"):
                text = field_value(pod, ref["fieldPath"], node)
            else:
                ref = item["resourceFieldRef"]
                container = podspec.container_named(pod, ref.get("containerName", ""))
                if container is None:
                    raise MountError(f"container {ref.get('containerName', '')} not found")
                text = resource_value(container, ref["resource"], str(ref.get("divisor") or ""), node)
        except FieldError as error:
            raise MountError(str(error)) from error
        payload[item["path"]] = FileProjection(text.encode(), default_mode if mode is None else mode)
    return payload

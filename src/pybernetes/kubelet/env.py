"""A container's environment: services, `envFrom`, `env` with its sources and `$(VAR)`."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pybernetes.api.meta import Obj, name_of, namespace_of

from . import podspec
from .expansion import expand
from .fieldref import FieldError, NodeFacts, field_value, resource_value

SourceKind = Literal["configmap", "secret"]
Lookup = Callable[[SourceKind, str], Obj | None]
"""(kind, name) -> the object in the pod's namespace, or None where there is none."""


class ConfigError(Exception):
    """The container cannot be configured from what is there: CreateContainerConfigError with this text."""


@dataclass(frozen=True, slots=True)
class EnvContext:
    """What an environment is made from besides the container."""

    pod: Obj
    node: NodeFacts
    lookup: Lookup
    services: Mapping[str, str]
    pod_ips: tuple[str, ...] = ()


def references(container: Obj) -> set[tuple[SourceKind, str]]:
    """The objects that `environment` will look up."""
    found: set[tuple[SourceKind, str]] = set()
    for source in container.get("envFrom") or ():
        for field, kind in _SOURCES:
            if ref := source.get(f"{field}Ref"):
                found.add((kind, ref.get("name", "")))
    for variable in container.get("env") or ():
        for field, kind in _SOURCES:
            if ref := (variable.get("valueFrom") or {}).get(f"{field}KeyRef"):
                found.add((kind, ref.get("name", "")))
    return found


_SOURCES: tuple[tuple[str, SourceKind], ...] = (("configMap", "configmap"), ("secret", "secret"))


def environment(container: Obj, context: EnvContext) -> dict[str, str]:
    """Variables in order; a later one wins. Service variables never replace what the container sets.

    Raises ConfigError where a required object or key is missing.
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        values |= _env_from(source, context)
    known = {**context.services, **values}
    for variable in container.get("env") or ():
        name = variable["name"]
        if source := variable.get("valueFrom"):
            value = _value_from(source, container, context)
            if value is None:
                continue
        else:
            value = expand(variable.get("value", ""), known)
        values.pop(name, None)
        values[name] = known[name] = value
    return {**values, **{k: v for k, v in context.services.items() if k not in values}}


def _env_from(source: Obj, context: EnvContext) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind in _SOURCES:
        ref = source.get(f"{field}Ref")
        if ref is None:
            continue
        obj = context.lookup(kind, ref.get("name", ""))
        if obj is None:
            if ref.get("optional"):
                return {}
            raise ConfigError(f'{kind} "{ref.get("name", "")}" not found')
        return {prefix + key: value for key, value in _text_of(kind, obj).items()}
    return {}


def _text_of(kind: SourceKind, obj: Obj) -> dict[str, str]:
    if kind == "configmap":
        return dict(obj.get("data") or {})
    return {key: _decode(value) for key, value in (obj.get("data") or {}).items()}


def _decode(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "surrogateescape")


def _value_from(source: Obj, container: Obj, context: EnvContext) -> str | None:
    """None for an optional key that is not there: the variable is left out."""
    pod = context.pod
    try:
        if ref := source.get("fieldRef"):
            return field_value(pod, ref["fieldPath"], context.node, context.pod_ips)
        if ref := source.get("resourceFieldRef"):
            named = ref.get("containerName")
            of = podspec.container_named(pod, named) if named else container
            if of is None:
                raise ConfigError(f"container {named} not found")
            return resource_value(of, ref["resource"], str(ref.get("divisor") or ""), context.node)
    except FieldError as error:
        raise ConfigError(str(error)) from error
    for field, kind in _SOURCES:
        if ref := source.get(f"{field}KeyRef"):
            return _key(kind, ref, context)
    raise ConfigError("unsupported env valueFrom source")


def _key(kind: SourceKind, ref: Obj, context: EnvContext) -> str | None:
    name, key = ref.get("name", ""), ref["key"]
    obj = context.lookup(kind, name)
    if obj is None:
        if ref.get("optional"):
            return None
        raise ConfigError(f'{kind} "{name}" not found')
    data = _text_of(kind, obj)
    if key not in data:
        if ref.get("optional"):
            return None
        title = "ConfigMap" if kind == "configmap" else "Secret"
        raise ConfigError(f"couldn't find key {key} in {title} {namespace_of(context.pod)}/{name}")
    return data[key]


# --- services ---------------------------------------------------------------------------------------------------

_NOT_A_LETTER = re.compile(r"[^A-Z0-9_]")


def service_variables(services: Iterable[Obj], namespace: str, *, links: bool) -> dict[str, str]:
    """`REDIS_SERVICE_HOST` and Docker-style `REDIS_PORT_…` of every service with a cluster address in the pod's
    namespace (`enableServiceLinks`), and always of `kubernetes` in `default`."""
    chosen: dict[str, Obj] = {}
    for service in services:
        name, home = name_of(service), namespace_of(service)
        address = service["spec"].get("clusterIP")
        if not address or address == "None":
            continue
        if home == namespace and links:
            chosen[name] = service
        elif home == "default" and name == "kubernetes":
            chosen.setdefault(name, service)
    values: dict[str, str] = {}
    for service in sorted(chosen.values(), key=name_of):
        values |= _variables_of(service)
    return values


def _variables_of(service: Obj) -> dict[str, str]:
    prefix = _NOT_A_LETTER.sub("_", name_of(service).upper())
    host = service["spec"]["clusterIP"]
    ports = service["spec"].get("ports") or ()
    values = {f"{prefix}_SERVICE_HOST": host}
    if ports:
        values[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
    for port in ports:
        if port.get("name"):
            suffix = _NOT_A_LETTER.sub("_", port["name"].upper())
            values[f"{prefix}_SERVICE_PORT_{suffix}"] = str(port["port"])
    joined = f"[{host}]" if ":" in host else host
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol") or "TCP", port["port"]
        url = f"{protocol.lower()}://{joined}:{number}"
        if index == 0:
            values[f"{prefix}_PORT"] = url
        base = f"{prefix}_PORT_{number}_{protocol}"
        values[base] = url
        values[f"{base}_PROTO"] = protocol.lower()
        values[f"{base}_PORT"] = str(number)
        values[f"{base}_ADDR"] = host
    return values

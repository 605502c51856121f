"""What a request is about, read from its method and path alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
"""What may follow `/namespaces/{name}/` without being a resource of that namespace."""

ABOUT_MANY = frozenset({"list", "watch", "deletecollection"})
"""Verbs whose `name` is only what a field selector asks for."""

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(slots=True)
class RequestInfo:
    """Upstream's RequestInfo. For anything but a resource only `verb` (the lower-case method) and `path` count."""

    verb: str
    path: str = ""
    is_resource: bool = True
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    rest: str = ""
    """What follows a `proxy` subresource."""


def request_info(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """`/api/v1/namespaces/a/pods/b/log` and GET -> verb get, resource pods, subresource log, name b, namespace a."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, tail = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, tail = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(method.lower(), path, is_resource=False)
    info = RequestInfo(_VERBS.get(method, ""), path, group=group, version=version)
    if tail[0] == "namespaces" and len(tail) >= 2:
        info.namespace = tail[1]
        if len(tail) > 2 and tail[2] not in NAMESPACE_SUBRESOURCES:
            tail = tail[2:]
    info.resource = tail[0]
    info.name = tail[1] if len(tail) > 1 else ""
    info.subresource = tail[2] if len(tail) > 2 else ""
    info.rest = "/".join(tail[3:])
    _settle_verb(info, query)
    return info


def _settle_verb(info: RequestInfo, query: Mapping[str, str]) -> None:
    """Tells get from list and watch, and delete from deletecollection."""
    if info.verb == "get" and not info.name:
        info.verb = "watch" if query.get("watch", "false") not in ("0", "false", "False") else "list"
        info.name = name_in_selector(query)
    elif info.verb == "delete" and not info.name:
        info.verb = "deletecollection"


def name_in_selector(query: Mapping[str, str]) -> str:
    """The one name that a list or watch asks for by field selector: authorizers see it as the request's name."""
    selector = query.get("fieldSelector", "")
    for term in selector.split(","):
        field, _, value = term.partition("=")
        if field == "metadata.name" and value:
            return value.removeprefix("=")
    return ""

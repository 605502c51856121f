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
    count, at = len(parts), 2
    if parts[0] == "api" and count >= 3:
        group = ""
    elif parts[0] == "apis" and count >= 4:
        group, at = parts[1], 3
    else:
        return RequestInfo(method.lower(), path, is_resource=False)
    version, namespace = parts[at - 1], ""
    if parts[at] == "namespaces" and count > at + 1:
        namespace = parts[at + 1]
        if count > at + 2 and parts[at + 2] not in NAMESPACE_SUBRESOURCES:
            at += 2
    verb, name = _VERBS.get(method, ""), parts[at + 1] if count > at + 1 else ""
    if not name:
        verb, name = _about_many(verb, query)
    subresource = parts[at + 2] if count > at + 2 else ""
    rest = "/".join(parts[at + 3 :]) if count > at + 3 else ""
    return RequestInfo(verb, path, True, group, version, namespace, parts[at], subresource, name, rest)


def _about_many(verb: str, query: Mapping[str, str]) -> tuple[str, str]:
    """Verb and name where the path names no object: get becomes list or watch, delete deletecollection."""
    if verb == "get":
        watches = query.get("watch", "false") not in ("0", "false", "False")
        return "watch" if watches else "list", name_in_selector(query)
    return "deletecollection" if verb == "delete" else verb, ""


def name_in_selector(query: Mapping[str, str]) -> str:
    """The one name that a list or watch asks for by field selector: authorizers see it as the request's name."""
    selector = query.get("fieldSelector", "")
    for term in selector.split(","):
        field, _, value = term.partition("=")
        if field == "metadata.name" and value:
            return value.removeprefix("=")
    return ""

"""Which FlowSchema a request matches, and to which flow of it the request belongs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj

from ..requestinfo import RequestInfo
from ..user import SERVICE_ACCOUNT_PREFIX, User

ANY = "*"
DEFAULT_PRECEDENCE = 1000


@dataclass(frozen=True, slots=True)
class Schema:
    """A FlowSchema, read."""

    name: str
    uid: str
    level: str
    precedence: int
    distinguisher: str
    """"ByUser", "ByNamespace" or ""."""
    rules: tuple[Obj, ...]

    def matches(self, user: User, info: RequestInfo) -> bool:
        """Whether any of the rules has both a subject and a resource (or path) of the request."""
        return any(_rule_matches(rule, user, info) for rule in self.rules)

    def flow_of(self, user: User, info: RequestInfo) -> str:
        """What tells the request's flow from the others of the schema."""
        if self.distinguisher == "ByUser":
            return user.name
        return info.namespace if self.distinguisher == "ByNamespace" else ""


def schema_of(tree: Obj) -> Schema:
    """Reads a FlowSchema."""
    spec, metadata = tree.get("spec") or {}, tree["metadata"]
    return Schema(
        metadata["name"],
        metadata.get("uid", ""),
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        int(spec.get("matchingPrecedence") or DEFAULT_PRECEDENCE),
        (spec.get("distinguisherMethod") or {}).get("type", ""),
        tuple(spec.get("rules") or ()),
    )


def in_order(schemas: Iterable[Schema]) -> list[Schema]:
    """As they are tried: the lowest precedence first, then by name."""
    return sorted(schemas, key=lambda schema: (schema.precedence, schema.name))


def _rule_matches(rule: Obj, user: User, info: RequestInfo) -> bool:
    if not any(_subject_matches(subject, user) for subject in rule.get("subjects") or ()):
        return False
    if info.is_resource:
        return any(_resource_matches(each, info) for each in rule.get("resourceRules") or ())
    return any(_path_matches(each, info) for each in rule.get("nonResourceRules") or ())


def _subject_matches(subject: Obj, user: User) -> bool:
    match subject.get("kind"):
        case "User":
            name = (subject.get("user") or {}).get("name")
            return name in (ANY, user.name)
        case "Group":
            name = (subject.get("group") or {}).get("name")
            return name == ANY or name in user.groups
        case "ServiceAccount":
            account: Any = subject.get("serviceAccount") or {}
            start = f"{SERVICE_ACCOUNT_PREFIX}{account.get('namespace', '')}:"
            return user.name.startswith(start) and account.get("name") in (ANY, user.name[len(start) :])
    return False


def _resource_matches(rule: Obj, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _contains(rule.get("verbs"), info.verb)
        and _contains(rule.get("apiGroups"), info.group)
        and _contains(rule.get("resources"), resource)
    ):
        return False
    if not info.namespace:
        return bool(rule.get("clusterScope"))
    return _contains(rule.get("namespaces"), info.namespace)


def _path_matches(rule: Obj, info: RequestInfo) -> bool:
    if not _contains(rule.get("verbs"), info.verb):
        return False
    for url in rule.get("nonResourceURLs") or ():
        # As upstream matches, "/healthz" also means what is below it.
        if url in (ANY, info.path) or info.path.startswith(url.removesuffix("*").removesuffix("/") + "/"):
            return True
    return False


def _contains(given: Collection[str] | None, value: str) -> bool:
    return given is not None and (value in given or ANY in given)

"""Asking the authorizer: `authorizer.group('apps').resource('deployments').check('get').allowed()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import CelError
from ..overloads import Overload, method
from ..types import BOOL, STRING, Field, Type, opaque


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: `path` of one, or the names of a resource. `user` is empty for who makes the request."""

    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    CEL_TYPE: ClassVar[str] = "kubernetes.authorization.Decision"
    allowed: bool
    reason: str = ""
    error: str = ""


Ask = Callable[[Query], Decision]


@dataclass(frozen=True, slots=True)
class Authorizer:
    """`ask` answers for the user of the request, or for `query.user`; `request` is what the request itself is about."""

    CEL_TYPE: ClassVar[str] = "kubernetes.authorization.Authorizer"
    ask: Ask
    user: str = ""
    request: Query | None = None

    def __getitem__(self, name: str) -> ResourceCheck:
        """`authorizer.requestResource`."""
        if name != "requestResource" or self.request is None:
            raise KeyError(name)
        return ResourceCheck(self.ask, self.request)


@dataclass(frozen=True, slots=True)
class PathCheck:
    CEL_TYPE: ClassVar[str] = "kubernetes.authorization.PathCheck"
    ask: Ask
    query: Query


@dataclass(frozen=True, slots=True)
class GroupCheck:
    CEL_TYPE: ClassVar[str] = "kubernetes.authorization.GroupCheck"
    ask: Ask
    query: Query


@dataclass(frozen=True, slots=True)
class ResourceCheck:
    CEL_TYPE: ClassVar[str] = "kubernetes.authorization.ResourceCheck"
    ask: Ask
    query: Query


def _path(authorizer: Authorizer, path: str) -> PathCheck:
    if not path:
        raise CelError("path must not be empty")
    return PathCheck(authorizer.ask, Query(path=path, user=authorizer.user))


def _account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    return replace(authorizer, user=f"system:serviceaccount:{namespace}:{name}")


def _group(authorizer: Authorizer, group: str) -> GroupCheck:
    return GroupCheck(authorizer.ask, Query(group=group, user=authorizer.user))


def _resource(check: GroupCheck, resource: str) -> ResourceCheck:
    return ResourceCheck(check.ask, replace(check.query, resource=resource))


def _with(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    def run(check: ResourceCheck, value: str) -> ResourceCheck:
        return ResourceCheck(check.ask, replace(check.query, **{field: value}))

    return run


def _check(check: PathCheck | ResourceCheck, verb: str) -> Decision:
    return check.ask(replace(check.query, verb=verb))


PATH_CHECK = opaque("kubernetes.authorization.PathCheck", PathCheck)
GROUP_CHECK = opaque("kubernetes.authorization.GroupCheck", GroupCheck)
RESOURCE_CHECK = opaque("kubernetes.authorization.ResourceCheck", ResourceCheck)
DECISION = opaque("kubernetes.authorization.Decision", Decision)
AUTHORIZER = Type(
    "kubernetes.authorization.Authorizer",
    fields={"requestResource": Field(RESOURCE_CHECK, "requestResource")}.get,
    classes=(Authorizer,),
)
TYPES = (AUTHORIZER, PATH_CHECK, GROUP_CHECK, RESOURCE_CHECK, DECISION)
_CHECK_COST = 350_000
"""What upstream counts for asking."""
OVERLOADS: tuple[Overload, ...] = (
    method("path", AUTHORIZER, STRING, to=PATH_CHECK, run=_path),
    method("serviceAccount", AUTHORIZER, STRING, STRING, to=AUTHORIZER, run=_account),
    method("group", AUTHORIZER, STRING, to=GROUP_CHECK, run=_group),
    method("resource", GROUP_CHECK, STRING, to=RESOURCE_CHECK, run=_resource),
    *(
        method(name, RESOURCE_CHECK, STRING, to=RESOURCE_CHECK, run=_with(field))
        for name, field in (
            ("subresource", "subresource"),
            ("namespace", "namespace"),
            ("name", "name"),
            ("fieldSelector", "field_selector"),
            ("labelSelector", "label_selector"),
        )
    ),
    *(
        Overload("check", (kind, STRING), DECISION, _check, member=True, cost=_CHECK_COST)
        for kind in (PATH_CHECK, RESOURCE_CHECK)
    ),
    method("allowed", DECISION, to=BOOL, run=lambda decision: decision.allowed),
    method("reason", DECISION, to=STRING, run=lambda decision: decision.reason),
    method("errored", DECISION, to=BOOL, run=lambda decision: bool(decision.error)),
    method("error", DECISION, to=STRING, run=lambda decision: decision.error),
)

"""The values that admission expressions see. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import NAMESPACE
from pybernetes.api.meta import Obj

from ...attributes import Attributes
from ...user import AUTHENTICATED, service_account_user, split_service_account
from ..plugin import Admission
from ..webhooks.review import converted, request_of
from .matching import name_of

if TYPE_CHECKING:
    from pybernetes.lang.cel.library.authz import Authorizer
    from pybernetes.lang.cel.program import Budget, Program


def values_of(admission: Admission, kind: Kind) -> dict[str, Any]:
    """What the names stand for, with the objects in the version of `kind`; `params` and `variables` come later."""
    request = request_of(admission, kind)
    del request["object"], request["oldObject"]
    return {
        "object": converted(admission.new, admission.kind, kind, admission.subresource),
        "oldObject": converted(admission.old, admission.kind, kind, admission.subresource),
        "request": request,
        "namespaceObject": _namespace(admission),
        "authorizer": _authorizer(admission),
    }


def _namespace(admission: Admission) -> Obj | None:
    """The object's namespace; None for one of the cluster, and for a namespace itself."""
    if not admission.namespace or admission.kind is NAMESPACE:
        return None
    tree = admission.find(NAMESPACE, admission.namespace)
    if tree is None:
        return None
    from pybernetes.lang.cel.library.times import timestamp

    metadata: dict[str, Any] = {
        key: value for key, value in tree["metadata"].items() if key != "managedFields"
    }
    for field in ("creationTimestamp", "deletionTimestamp"):
        if metadata.get(field):
            metadata[field] = timestamp(metadata[field])
    return {**tree, "metadata": metadata}


def _authorizer(admission: Admission) -> Authorizer:
    from pybernetes.lang.cel.library.authz import Authorizer, Decision, Query

    def ask(query: Query) -> Decision:
        decision = admission.ctx.services.authorizer.authorize(_attributes(admission, query))
        return Decision(decision.allowed, decision.reason)

    kind = admission.kind
    own = Query(
        group=kind.group,
        resource=kind.plural,
        subresource=admission.subresource,
        namespace=admission.namespace,
        name=name_of(admission),
    )
    return Authorizer(ask, request=own)


def _attributes(admission: Admission, query: Any) -> Attributes:
    user = admission.user
    if query.user and (parts := split_service_account(query.user)) is not None:
        user = service_account_user(*parts).with_group(AUTHENTICATED)
    if query.path:
        return Attributes(user, query.verb, path=query.path, is_resource=False)
    return Attributes(
        user,
        query.verb,
        query.group,
        "*",
        query.resource,
        query.subresource,
        query.namespace,
        query.name,
        field_selector=query.field_selector,
    )


class Variables(Mapping[str, Any]):
    """A policy's variables, each evaluated when it is first asked for."""

    def __init__(self, programs: Mapping[str, Program], values: dict[str, Any], budget: Budget) -> None:
        self._programs = programs
        self._values = values
        self._budget = budget
        self._known: dict[str, Any] = {}
        values["variables"] = self

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            from pybernetes.lang.cel.errors import CelError

            program = self._programs[name]
            try:
                self._known[name] = program.evaluate(self._values, self._budget)
            except CelError as error:
                raise CelError(f'composited variable "{name}" fails to evaluate: {error}') from error
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._programs)

    def __len__(self) -> int:
        return len(self._programs)

    def __contains__(self, name: object) -> bool:
        return name in self._programs

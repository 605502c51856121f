"""NamespaceLifecycle: nothing is created in a namespace that is not there or is going, and some are never deleted."""

from __future__ import annotations

from pybernetes.api.errors import Cause, Forbidden, NotFound
from pybernetes.api.kinds import NAMESPACE

from .plugin import Admission, Plugin, Scope

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


def _in_namespace(admission: Admission) -> bool:
    return admission.operation == "CREATE" and admission.kind.namespaced and bool(admission.namespace)


def _unseen(admission: Admission) -> bool:
    if not _in_namespace(admission) or admission.kind.plural == "localsubjectaccessreviews":
        return False
    return admission.cache(NAMESPACE).get("", admission.namespace) is None


def _admit(admission: Admission) -> bool:
    if admission.operation == "DELETE":
        if admission.kind is NAMESPACE and admission.name in IMMORTAL:
            raise admission.forbidden("this namespace may not be deleted")
        return False
    if not _in_namespace(admission):
        return False
    if admission.kind.plural == "localsubjectaccessreviews":
        return False  # asking what one may do there is free, whether there is such a namespace or not
    name = admission.namespace
    version = admission.cache(NAMESPACE).get("", name)
    if version is None:
        raise NotFound(f'namespaces "{name}" not found', kind="namespaces", name=name)
    namespace = version.tree()
    if "deletionTimestamp" not in namespace["metadata"]:
        return False
    error: Forbidden = admission.forbidden(
        f"unable to create new content in namespace {name} because it is being terminated"
    )
    error.causes = (
        Cause("NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace"),
    )
    raise error


NAMESPACE_LIFECYCLE = Plugin(
    "NamespaceLifecycle",
    mutate=_admit,
    unseen=_unseen,
    mutates=Scope((), ("CREATE", "DELETE")),
)

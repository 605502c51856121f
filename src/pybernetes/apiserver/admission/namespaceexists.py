"""NamespaceExists: nothing is written in a namespace that is not there (off unless enabled; NamespaceLifecycle says the
same of creations)."""

from __future__ import annotations

from pybernetes.api.errors import NotFound
from pybernetes.api.kinds import NAMESPACE

from .plugin import Admission, Plugin


def _missing(admission: Admission) -> bool:
    if admission.kind is NAMESPACE or not admission.kind.namespaced or not admission.namespace:
        return False
    return admission.cache(NAMESPACE).get("", admission.namespace) is None


def _validate(admission: Admission) -> None:
    if _missing(admission):
        name = admission.namespace
        raise NotFound(f'namespaces "{name}" not found', kind="namespaces", name=name)


NAMESPACE_EXISTS = Plugin("NamespaceExists", validate=_validate, unseen=_missing, default=False)

"""NamespaceAutoProvision: a namespace that something is created in is made on the way (off unless enabled)."""

from __future__ import annotations

from pybernetes.api.errors import AlreadyExists, ApiError
from pybernetes.api.kind import new_object
from pybernetes.api.kinds import NAMESPACE
from pybernetes.lang import timestamps

from .plugin import Admission, Plugin
from .questions import Question, answer


def _mutate(admission: Admission) -> bool:
    if admission.operation != "CREATE" or not admission.kind.namespaced or not admission.namespace:
        return False
    name, ctx = admission.namespace, admission.ctx
    if admission.cache(NAMESPACE).get("", name) is not None or ctx.dry_run:
        return False

    async def ask() -> ApiError | None:
        services = ctx.services
        tree = new_object(NAMESPACE, name)
        tree["metadata"] |= {
            "uid": services.env.uid(),
            "creationTimestamp": timestamps.rfc3339(services.env.now()),
        }
        NAMESPACE.default(tree)
        NAMESPACE.prepare_create(tree)
        try:
            await services.storage.create(admission.cache(NAMESPACE), NAMESPACE, "", name, tree)
        except AlreadyExists:
            return None
        except ApiError as error:
            return error
        return None

    failed = answer(ctx, Question(("NamespaceAutoProvision", name), ask, drawn=False))
    if failed is not None:
        raise failed
    return False


NAMESPACE_AUTO_PROVISION = Plugin("NamespaceAutoProvision", mutate=_mutate, default=False)

"""DefaultIngressClass: an Ingress that names no class gets the default one, if there is one."""

from __future__ import annotations

from .defaultstorageclass import newest_default
from .plugin import Admission, Plugin, Scope

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


def _mutate(admission: Admission) -> bool:
    if not admission.writes("networking.k8s.io", "ingresses", "CREATE"):
        return False
    ingress = admission.object
    spec = ingress.setdefault("spec", {})
    if spec.get("ingressClassName") is not None:
        return False
    if CLASS_ANNOTATION in (ingress["metadata"].get("annotations") or {}):
        return False
    classes = admission.found_cache("networking.k8s.io", "v1", "ingressclasses")
    if classes is None:
        return False
    found = newest_default((version.tree() for version in classes.in_namespace("")), (DEFAULT_ANNOTATION,))
    if found is None:
        return False
    spec["ingressClassName"] = found["metadata"]["name"]
    return True


DEFAULT_INGRESS_CLASS = Plugin(
    "DefaultIngressClass", mutate=_mutate, mutates=Scope(("ingresses.networking.k8s.io",), ("CREATE",), ("",))
)

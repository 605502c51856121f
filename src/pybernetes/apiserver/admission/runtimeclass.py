"""RuntimeClass: a pod that names a runtime class gets that class's overhead, node selector and tolerations."""

from __future__ import annotations

from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import quantity

from .plugin import NEW_PODS, Admission, Plugin


def _is_new_pod(admission: Admission) -> bool:
    return admission.writes("", "pods", "CREATE")


def _name(pod: Obj) -> str:
    return (pod.get("spec") or {}).get("runtimeClassName") or ""


def _class(admission: Admission) -> Obj | None:
    """The pod's class, None where it names none. Raises Forbidden where there is no such class."""
    name = _name(admission.object)
    if not name:
        return None
    found = _look_up(admission, name)
    if found is None:
        raise admission.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
    return found


def _look_up(admission: Admission, name: str) -> Obj | None:
    classes = admission.found_cache("node.k8s.io", "v1", "runtimeclasses")
    version = None if classes is None else classes.get("", name)
    return None if version is None else version.tree()


def _unseen(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    name = _name(admission.object)
    return bool(name) and _look_up(admission, name) is None


def _mutate(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    found = _class(admission)
    if found is None:
        return False
    spec = admission.object["spec"]
    overhead = (found.get("overhead") or {}).get("podFixed") or {}
    if overhead:
        if spec.get("overhead") and not _same(spec["overhead"], overhead):
            raise admission.forbidden(
                "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            )
        spec["overhead"] = dict(overhead)
    _place(admission, spec, found.get("scheduling") or {})
    return True


def _place(admission: Admission, spec: MutableObj, scheduling: Obj) -> None:
    """Adds where the class's pods may run; a node selector that contradicts the pod's is refused."""
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            raise admission.forbidden(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = "
                f"{selector[key]}"
            )
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    tolerations = list(spec.get("tolerations") or ())
    more = [dict(t) for t in scheduling.get("tolerations") or () if t not in tolerations]
    if more:
        spec["tolerations"] = [*tolerations, *more]


def _validate(admission: Admission) -> None:
    if not _is_new_pod(admission):
        return
    found = _class(admission)
    given = admission.object["spec"].get("overhead") or {}
    overhead = ((found or {}).get("overhead") or {}).get("podFixed") or {}
    if overhead and not _same(given, overhead):
        raise admission.forbidden(
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        )
    if given and not overhead:
        raise admission.forbidden(
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        )


def _same(a: Obj, b: Obj) -> bool:
    return a.keys() == b.keys() and all(quantity.parse(a[k]).nano == quantity.parse(b[k]).nano for k in a)


RUNTIME_CLASS = Plugin(
    "RuntimeClass",
    mutate=_mutate,
    validate=_validate,
    unseen=_unseen,
    mutates=NEW_PODS,
    validates=NEW_PODS,
    templated=True,
)

"""ExtendedResourceToleration: a pod that asks for an extended resource tolerates the taint of the same name, so that
nodes with rare devices can be kept for those who use them (off unless enabled)."""

from __future__ import annotations

from .plugin import Admission, Plugin


def extended(name: str) -> bool:
    """`example.com/gpu`: a name with a domain that is not of kubernetes.io."""
    domain, slash, _ = name.partition("/")
    return bool(slash) and domain != "kubernetes.io" and not domain.endswith(".kubernetes.io")


def _mutate(admission: Admission) -> bool:
    if not admission.writes("", "pods", "CREATE", "UPDATE"):
        return False
    spec = admission.object["spec"]
    wanted: set[str] = set()
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        wanted |= {
            name for name in (container.get("resources") or {}).get("requests") or {} if extended(name)
        }
    tolerations = spec.get("tolerations") or []
    more = [{"key": name, "operator": "Exists"} for name in sorted(wanted)]
    more = [
        t
        for t in more
        if not any(t.items() <= there.items() and not there.get("effect") for there in tolerations)
    ]
    if more:
        spec["tolerations"] = [*tolerations, *more]
    return bool(more)


EXTENDED_RESOURCE_TOLERATION = Plugin("ExtendedResourceToleration", mutate=_mutate, default=False)

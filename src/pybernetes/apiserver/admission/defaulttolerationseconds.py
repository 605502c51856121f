"""DefaultTolerationSeconds: pods stay five minutes on a node that is not ready or not reachable, unless they say."""

from __future__ import annotations

from pybernetes.api.kinds import POD

from .plugin import NEW_PODS, Admission, Plugin

SECONDS = 300
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def _mutate(admission: Admission) -> bool:
    if admission.kind is not POD or admission.operation == "DELETE" or admission.subresource:
        return False
    spec = admission.object["spec"]
    tolerations = spec.get("tolerations") or []
    missing = [
        {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
        for taint in TAINTS
        if not any(
            toleration.get("key", "") in ("", taint) and toleration.get("effect", "") in ("", "NoExecute")
            for toleration in tolerations
        )
    ]
    if not missing or admission.operation != "CREATE":
        return False
    spec["tolerations"] = [*tolerations, *missing]
    return True


DEFAULT_TOLERATION_SECONDS = Plugin(
    "DefaultTolerationSeconds", mutate=_mutate, mutates=NEW_PODS, defaulted=True, templated=True
)

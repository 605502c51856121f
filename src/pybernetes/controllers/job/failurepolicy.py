"""podFailurePolicy: what the failure of a pod means for its Job. The first rule that matches decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pybernetes.api.meta import Obj, name_of, namespace_of

COUNT, FAIL_JOB, FAIL_INDEX, IGNORE = "Count", "FailJob", "FailIndex", "Ignore"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`message` is upstream's sentence for the condition of a Job that fails by it."""

    action: str
    message: str = ""


def judge(job: Obj, pod: Obj) -> Verdict:
    """What the policy says to a failed pod; Count where no rule matches."""
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        found = _by_exit_code(rule, pod) or _by_condition(rule, pod)
        if found:
            return Verdict(rule["action"], f"{found} matching {rule['action']} rule at index {number}")
    return Verdict(COUNT)


def _by_exit_code(rule: Obj, pod: Obj) -> str:
    wanted = rule.get("onExitCodes")
    if wanted is None:
        return ""
    for name, code in _exit_codes(pod):
        if wanted.get("containerName") not in (None, name):
            continue
        # A container that succeeded does not make its pod fail, whatever the operator says of 0.
        if code != 0 and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {name} for pod {namespace_of(pod)}/{name_of(pod)} failed with exit code {code}"
    return ""


def _exit_codes(pod: Obj) -> Iterator[tuple[str, int]]:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for container in status.get(field) or ():
            terminated = (container.get("state") or {}).get("terminated")
            if terminated is not None:
                yield container["name"], terminated.get("exitCode", 0)


def _by_condition(rule: Obj, pod: Obj) -> str:
    for pattern in rule.get("onPodConditions") or ():
        for condition in (pod.get("status") or {}).get("conditions") or ():
            same = condition["type"] == pattern["type"]
            if same and condition["status"] == (pattern.get("status") or "True"):
                return f"Pod {namespace_of(pod)}/{name_of(pod)} has condition {pattern['type']}"
    return ""

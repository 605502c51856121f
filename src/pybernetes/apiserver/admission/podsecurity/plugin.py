"""PodSecurity: pods are held against the Pod Security Standards that their namespace's labels ask for.

A pod that breaks the enforced level is refused. What breaks the level of `warn` is told the client, for templates of pods
too; what breaks that of `audit` is noted in the audit annotations.
"""

from __future__ import annotations

from pybernetes.api.errors import InternalError, Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import NAMESPACE, POD
from pybernetes.api.meta import Obj

from ..plugin import Admission, Plugin
from .checks import evaluate
from .levels import LevelVersion, Policy, policy_of

TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "podtemplates"): ("template",),
    ("", "replicationcontrollers"): ("spec", "template"),
    ("apps", "daemonsets"): ("spec", "template"),
    ("apps", "deployments"): ("spec", "template"),
    ("apps", "replicasets"): ("spec", "template"),
    ("apps", "statefulsets"): ("spec", "template"),
    ("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "jobs"): ("spec", "template"),
}
"""Where the template of pods is, by group and resource."""
MOST_PODS = 3000
"""Pods that are looked at when a namespace's level rises."""
PASSED = ("status", "binding", "eviction", "exec", "attach", "log", "portforward", "proxy")
"""Subresources of pods that change nothing that is checked."""


def _validate(admission: Admission) -> None:
    if admission.new is None:
        return
    kind = admission.kind
    if kind is POD:
        if admission.subresource not in PASSED:
            _judge_pod(admission)
    elif kind is NAMESPACE:
        if not admission.subresource:
            _judge_namespace(admission)
    elif not admission.subresource and (path := TEMPLATES.get((kind.group, kind.plural))) is not None:
        _judge_template(admission, path)


def _policy(admission: Admission) -> tuple[Policy, str]:
    """The policy of the object's namespace, and what is wrong with its labels."""
    cache, name = admission.cache(NAMESPACE), admission.namespace
    namespace = cache.get("", name)
    if namespace is None:
        raise InternalError(f"failed to lookup namespace {name!r}")

    def read() -> tuple[Policy, str]:
        errors = FieldErrors()
        policy = policy_of(namespace.labels, errors)
        return policy, "; ".join(errors)

    return cache.derived(("pod security", name), read)


def _judge_pod(admission: Admission) -> None:
    policy, problem = _policy(admission)
    if policy.privileged and not problem:
        return
    pod, old = admission.object, admission.old
    if admission.operation == "UPDATE" and old is not None and not _significant(pod, old):
        return
    _judge(admission, policy, problem, pod["metadata"], pod["spec"], enforce=True)


def _judge_template(admission: Admission, path: tuple[str, ...]) -> None:
    policy, problem = _policy(admission)
    if policy.warn.level == policy.audit.level == "privileged" and not problem:
        return
    template: Obj = admission.object
    for step in path:
        template = template.get(step) or {}
    if template:
        metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
        _judge(admission, policy, problem, metadata, spec, enforce=False)


def _judge(
    admission: Admission, policy: Policy, problem: str, metadata: Obj, spec: Obj, *, enforce: bool
) -> None:
    notes = admission.ctx.annotations
    if problem:
        notes["pod-security.kubernetes.io/error"] = f"Failed to parse policy: {problem}"
    if audited := violation(policy.audit, metadata, spec):
        notes["pod-security.kubernetes.io/audit-violations"] = f"would violate {audited}"
    if enforce:
        notes["pod-security.kubernetes.io/enforce-policy"] = str(policy.enforce)
        if violated := violation(policy.enforce, metadata, spec):
            raise admission.forbidden(f"violates {violated}")
    if warned := violation(policy.warn, metadata, spec):
        admission.ctx.warn(f"would violate {warned}")


def violation(at: LevelVersion, metadata: Obj, spec: Obj) -> str:
    """`PodSecurity "restricted:latest": privileged (…), …`; "" for a pod that passes."""
    found = evaluate(at, metadata, spec)
    return f'PodSecurity "{at}": {", ".join(str(finding) for finding in found)}' if found else ""


def _significant(new: Obj, old: Obj) -> bool:
    """Whether an update changes what is checked: an image, a container, a profile in the annotations."""
    if _profiles(new) != _profiles(old):
        return True
    for field in ("containers", "initContainers"):
        if _images(new, field) != _images(old, field):
            return True
    before = dict(_images(old, "ephemeralContainers"))
    return any(before.get(name, "") != image for name, image in _images(new, "ephemeralContainers"))


def _images(pod: Obj, field: str) -> list[tuple[str, str]]:
    return [(c.get("name", ""), c.get("image", "")) for c in pod["spec"].get(field) or ()]


def _profiles(pod: Obj) -> dict[str, str]:
    annotations = pod["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if "seccomp.security.alpha" in key}


# ---- namespaces


def _judge_namespace(admission: Admission) -> None:
    """Labels must be valid where they are new; pods that a new level would refuse are warned about."""
    new, old = admission.object, admission.old
    errors, old_errors = FieldErrors(), FieldErrors()
    policy = policy_of(new["metadata"].get("labels") or {}, errors)
    before = policy_of((old or {"metadata": {}})["metadata"].get("labels") or {}, old_errors)
    if errors and list(errors) != list(old_errors):
        lines = list(errors)
        name = new["metadata"]["name"]
        text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
        raise Invalid(
            f'Namespace "{name}" is invalid: {text}', kind="Namespace", name=name, causes=errors.causes
        )
    enforce, was = policy.enforce, before.enforce
    relaxed = enforce.minor == was.minor and enforce.rank <= was.rank
    if old is None or enforce == was or enforce.level == "privileged" or relaxed:
        return
    for warning in _warnings(admission, new["metadata"]["name"], enforce):
        admission.ctx.warn(warning)


def _warnings(admission: Admission, namespace: str, enforce: LevelVersion) -> list[str]:
    pods = admission.cache(POD).in_namespace(namespace)
    found: dict[str, list[str]] = {}
    for version in pods[:MOST_PODS]:
        pod = version.tree()
        if findings := evaluate(enforce, pod["metadata"], pod["spec"]):
            found.setdefault(", ".join(finding.reason for finding in findings), []).append(version.name)
    warnings: list[str] = []
    if len(pods) > MOST_PODS:
        warnings.append(
            f"new PodSecurity enforce level only checked against the first {MOST_PODS} of {len(pods)} existing pods"
        )
    if found:
        warnings.append(
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{enforce}"'
        )
    return warnings + sorted(f"{_whose(names)}: {reasons}" for reasons, names in found.items())


def _whose(names: list[str]) -> str:
    others = len(names) - 1
    if not others:
        return names[0]
    return f"{min(names)} (and {others} other {'pod' if others == 1 else 'pods'})"


POD_SECURITY = Plugin("PodSecurity", validate=_validate)

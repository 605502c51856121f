"""How the pods of a group are scheduled, as PodGroups say it and the templates of Workloads."""

from __future__ import annotations

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

POLICIES = ("basic", "gang")


def validate_policy(policy: Obj, errors: FieldErrors) -> None:
    """Exactly one policy; a gang needs at least one pod."""
    given = [f"`{name}`" for name in POLICIES if policy.get(name) is not None]
    if not given:
        errors.invalid("", "must specify one of: `basic`, `gang`")
    elif len(given) > 1:
        problem = "exactly one of `basic`, `gang` is required, but multiple fields are set"
        errors.invalid(f"{{{', '.join(given)}}}", problem)
    elif policy.get("gang") is not None:
        least, at = policy["gang"].get("minCount") or 0, errors.at("gang")
        if not least:
            at.required("minCount")
        elif least < 0:
            at.invalid(least, "must be greater than or equal to 1", "minCount")


def validate_group(spec: Obj, errors: FieldErrors) -> None:
    """What a PodGroup and a template of one have in common."""
    validate_policy(spec.get("schedulingPolicy") or {}, errors.at("schedulingPolicy"))
    modes = [
        f"`{name}`" for name in ("single", "all") if (spec.get("disruptionMode") or {}).get(name) is not None
    ]
    if spec.get("disruptionMode") is not None and len(modes) != 1:
        errors.at("disruptionMode").invalid("", "must specify one of: `single`, `all`")


def validate_label(value: str, errors: FieldErrors, field: str) -> None:
    if not value:
        errors.required(field)
        return
    for problem in names.dns1123_label(value):
        errors.invalid(value, problem, field)


def validate_subdomain(value: str, errors: FieldErrors, field: str) -> None:
    if not value:
        errors.required(field)
        return
    for problem in names.dns1123_subdomain(value):
        errors.invalid(value, problem, field)

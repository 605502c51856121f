"""Parameters of admission policies: who writes a policy or a binding must be able to read what it takes them from, as
its expressions can tell what they see.

Upstream checks this where the four kinds are validated, not in a plugin that can be turned off: what is well-formed
otherwise is refused as invalid. So it comes first of what validates objects here.
"""

from __future__ import annotations

from pybernetes.api.errors import Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import (
    MUTATINGADMISSIONPOLICY,
    MUTATINGADMISSIONPOLICYBINDING,
    VALIDATINGADMISSIONPOLICY,
    VALIDATINGADMISSIONPOLICYBINDING,
)
from pybernetes.api.meta import Obj
from pybernetes.lang.goprint import go_value

from ..attributes import Attributes
from ..user import MASTERS, User
from .plugin import Admission, Plugin, Scope

POLICIES = (VALIDATINGADMISSIONPOLICY, MUTATINGADMISSIONPOLICY)
BINDINGS = (VALIDATINGADMISSIONPOLICYBINDING, MUTATINGADMISSIONPOLICYBINDING)
ANYTHING = ("*", "*", "*")
"""Group, version and resource to ask about where it is not known what will be read."""


def _check(admission: Admission) -> None:
    if admission.kind in POLICIES:
        field, why = "paramKind", _of_policy(admission)
    else:
        field, why = "paramRef", _of_binding(admission)
    if why:
        errors = FieldErrors().at("spec")
        errors.forbidden(why, field)
        kind, name = admission.kind, str(admission.object["metadata"].get("name", ""))
        raise Invalid(
            f'{kind.kind}.{kind.group} "{name}" is invalid: {"; ".join(errors)}',
            group=kind.group,
            kind=kind.kind,
            name=name,
            causes=errors.causes,
        )


def _of_policy(admission: Admission) -> str:
    kind = (admission.object.get("spec") or {}).get("paramKind")
    before = ((admission.old or {}).get("spec") or {}).get("paramKind")
    if kind is None or kind == before or MASTERS in admission.user.groups:
        return ""
    group, version, resource = _resource(admission, kind) or (*_group_version(kind), "*")
    asked = Attributes(admission.user, "get", group, version, resource, "", "*", "*")
    if admission.ctx.services.authorizer.authorize(asked).allowed:
        return ""
    return (
        f'user {shown(admission.user)} must have "get" permission on all objects of the referenced paramKind '
        f"(kind={kind.get('kind', '')}, apiVersion={kind.get('apiVersion', '')})"
    )


def _of_binding(admission: Admission) -> str:
    spec, before = admission.object.get("spec") or {}, (admission.old or {}).get("spec") or {}
    ref = spec.get("paramRef")
    same = all(spec.get(field) == before.get(field) for field in ("paramRef", "policyName"))
    if ref is None or same or MASTERS in admission.user.groups:
        return ""
    validates = admission.kind is VALIDATINGADMISSIONPOLICYBINDING
    policy_kind = VALIDATINGADMISSIONPOLICY if validates else MUTATINGADMISSIONPOLICY
    name = str(spec.get("policyName") or "")
    policy = admission.find(policy_kind, name)
    kind = ((policy or {}).get("spec") or {}).get("paramKind")
    found = None if kind is None else _resource(admission, kind)
    group, version, resource = found or (ANYTHING if kind is None else (*_group_version(kind), "*"))
    verb = "get" if ref.get("name") else "list"
    place = ref.get("namespace") or ""
    asked = Attributes(admission.user, verb, group, version, resource, "", place, ref.get("name") or "")
    if admission.ctx.services.authorizer.authorize(asked).allowed:
        return ""
    user = shown(admission.user)
    everything = (
        f'to determine minimum required permissions and user {user} does not have "{verb}" permission for all groups, '
        "versions and resources"
    )
    if policy is None:
        return f"unable to get policy {name} {everything}"
    if kind is not None and found is None:
        return f"unable to resolve paramKind {_shown_kind(kind)} {everything}"
    if not validates:  # upstream has the two words in the wrong places
        user, verb = verb, user
    return f'user {user} does not have "{verb}" permission on the object referenced by paramRef'


def _resource(admission: Admission, param: Obj) -> tuple[str, str, str] | None:
    """The resource of a `paramKind`; None where no such kind is served."""
    wanted = (*_group_version(param), param.get("kind") or "")
    found: Kind | None = next(
        (
            kind
            for kind in admission.ctx.services.registry.kinds
            if (kind.group, kind.version, kind.kind) == wanted
        ),
        None,
    )
    return None if found is None else (found.group, found.version, found.plural)


def _group_version(param: Obj) -> tuple[str, str]:
    group, _, version = str(param.get("apiVersion") or "").rpartition("/")
    return group, version


def shown(user: User) -> str:
    """An identity as Go prints it."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return f"&{{{user.name} {user.uid} {go_value(list(user.groups))} {go_value(extra)}}}"


def _shown_kind(param: Obj) -> str:
    return f"&{{{param.get('apiVersion', '')} {param.get('kind', '')}}}"


POLICY_PARAMETERS = Plugin(
    "PolicyParameters",
    validate=_check,
    validates=Scope(
        tuple(kind.group_resource for kind in (*POLICIES, *BINDINGS)), ("CREATE", "UPDATE"), ("",)
    ),
)

"""The 403 of a refused request, in upstream's words (apiserver's responsewriters/errors.go)."""

from __future__ import annotations

from pybernetes.api.errors import Forbidden

from ..attributes import Attributes


def describe(attributes: Attributes) -> str:
    """`User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    user = f'User "{attributes.user.name}"'
    if not attributes.is_resource:
        return f'{user} cannot {attributes.verb} path "{attributes.path}"'
    what = f'{user} cannot {attributes.verb} resource "{attributes.combined_resource}" in API group "{attributes.group}"'
    if attributes.namespace:
        return f'{what} in the namespace "{attributes.namespace}"'
    return f"{what} at the cluster scope"


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    """The error to raise. `reason` is the authorizers' (often empty)."""
    detail = f"{describe(attributes)}: {reason}" if reason else describe(attributes)
    if not attributes.is_resource:
        return Forbidden(f"forbidden: {detail}")
    group, resource, name = attributes.group, attributes.resource, attributes.name
    qualified = f"{resource}.{group}" if group else resource
    subject = f'{qualified} "{name}"' if name else qualified
    return Forbidden(f"{subject} is forbidden: {detail}", group=group, kind=resource, name=name)

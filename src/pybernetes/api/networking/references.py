"""References to objects by kind and name, as ingresses and their classes hold them."""

from __future__ import annotations

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.values import named


def validate_reference(
    reference: Obj, errors: FieldErrors, field: str = "kind", group: str = "apiGroup"
) -> None:
    """The group where given; `field` (the kind or the resource) and the name always. `errors` stands at the reference."""
    value = reference.get(group)
    for message in names.dns1123_subdomain(value) if value is not None else ():
        errors.invalid(value, message, group)
    for needed in (field, "name"):
        named(reference, needed, names.path_segment, errors, required=True)

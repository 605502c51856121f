"""DeviceClasses: named kinds of devices, with what selects and configures them."""

from __future__ import annotations

from pybernetes.lang import names as label_names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from ..podspec.validate_resources import is_extended
from . import names
from .deviceclaim import MOST_CONFIGS, MOST_SELECTORS


def validate(device_class: Obj, errors: FieldErrors) -> None:
    spec, at = device_class.get("spec") or {}, errors.at("spec")
    names.items(spec.get("selectors") or (), MOST_SELECTORS, names.selector, at.at("selectors"))
    names.items(spec.get("config") or (), MOST_CONFIGS, names.opaque, at.at("config"))
    name = spec.get("extendedResourceName")
    if name is not None and (not is_extended(name) or label_names.qualified_name(f"requests.{name}")):
        at.invalid(name, "must be a valid extended resource name", "extendedResourceName")


DEVICECLASS = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="DeviceClass",
    plural="deviceclasses",
    namespaced=False,
    singular="deviceclass",
    schema="io.k8s.api.resource.v1.DeviceClass",
    generation=True,
    validate=validate,
    columns=(NAME, AGE),
)

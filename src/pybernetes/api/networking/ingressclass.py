"""IngressClasses: which controller serves an ingress, and with what parameters."""

from __future__ import annotations

import re

from pybernetes.lang import names

from ..cells import AGE, NAME, at, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..validation.values import immutable
from .references import validate_reference

CONTROLLER_LENGTH = 250
SCOPES = ["Cluster", "Namespace"]
_PATH_PATTERN = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_PATH = re.compile(_PATH_PATTERN)


def default(ingress_class: MutableObj) -> None:
    parameters = dig(ingress_class, "spec", "parameters")
    if parameters is not None and parameters.get("scope") is None:
        parameters["scope"] = "Cluster"


def validate(ingress_class: Obj, errors: FieldErrors) -> None:
    spec, at = ingress_class.get("spec") or {}, errors.at("spec")
    controller = spec.get("controller") or ""
    if not controller:
        at.required("controller")
    else:
        if len(controller.encode()) > CONTROLLER_LENGTH:
            at.too_long(CONTROLLER_LENGTH, "controller")
        _validate_controller(controller, at)
    if spec.get("parameters") is not None:
        _validate_parameters(spec["parameters"], at.at("parameters"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new.get("spec") or {}, old.get("spec") or {}, "controller", errors.at("spec"))
    validate(new, errors)


def _validate_controller(controller: str, at: FieldErrors) -> None:
    """A path below a domain: `example.com/ingress`."""
    domain, _, path = controller.partition("/")
    if not domain or not path:
        at.invalid(controller, 'must be a domain-prefixed path (such as "acme.io/foo")', "controller")
        return
    for message in names.dns1123_subdomain(domain):
        at.invalid(domain, message, "controller")
    if not _PATH.fullmatch(path):
        at.invalid(path, f"Invalid path (regex used for validation is '{_PATH_PATTERN}')", "controller")


def _validate_parameters(parameters: Obj, at: FieldErrors) -> None:
    validate_reference(parameters, at)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        at.required("scope")
    elif scope not in SCOPES:
        at.not_supported(scope, SCOPES, "scope")
    elif scope == "Cluster":
        if namespace is not None:
            at.forbidden("`parameters.scope` is set to 'Cluster'", "namespace")
    elif namespace is None:
        at.required("namespace", "`parameters.scope` is set to 'Namespace'")
    else:
        for message in names.dns1123_label(namespace):
            at.invalid(namespace, message, "namespace")


def _parameters(ingress_class: Obj, _now: float) -> Cell:
    """`kind.group/name`."""
    parameters = dig(ingress_class, "spec", "parameters")
    if parameters is None:
        return "<none>"
    group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") is not None else ""
    return f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"


INGRESSCLASS = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="IngressClass",
    plural="ingressclasses",
    namespaced=False,
    singular="ingressclass",
    schema="io.k8s.api.networking.v1.IngressClass",
    generation=True,
    default=default,
    validate_create=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Controller", at("spec", "controller")), Column("Parameters", _parameters), AGE),
)

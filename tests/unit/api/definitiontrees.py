"""CustomResourceDefinitions for the tables of their rules."""

from __future__ import annotations

import copy
from typing import Any

from pybernetes.api import schema
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD

ROOT = "spec.validation.openAPIV3Schema"


def definition(properties: dict[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    tree = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties or {}, **root}},
                }
            ],
        },
    }
    return copy.deepcopy(tree)


def problems(crd: dict[str, Any]) -> list[str]:
    """What create would say."""
    tree, unknown = schema.check(crd, CRD)
    assert not unknown
    CRD.default(tree)
    CRD.prepare_create(tree)
    errors = FieldErrors()
    CRD.validate(tree, errors)
    CRD.validate_create(tree, errors)
    return list(errors)

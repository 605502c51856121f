"""The two documents: version 2 over everything, version 3 for one group and version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.schema import definition
from pybernetes.api.schema.descriptions import Descriptions

from . import parts
from .paths import Paths
from .schemas import META, Schemas

BEARER_TOKEN = {
    "description": "Bearer Token authentication",
    "type": "apiKey",
    "name": "authorization",
    "in": "header",
}


def document_v3(kinds: Iterable[Kind], git_version: str) -> dict[str, Any]:
    """The document of one group and version: `kinds` are the kinds in it."""
    schemas = Schemas(3, Descriptions())
    served = [kind for kind in kinds if kind.own_schema is not None or definition(kind.schema) is not None]
    paths = Paths(3, schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": git_version},
        "paths": dict(sorted(pair for kind in served for pair in paths.of(kind))),
        "components": {
            "schemas": schemas.all(_roots(served), served),
            "securitySchemes": {"BearerToken": BEARER_TOKEN},
        },
    }


def document_v2(kinds: Iterable[Kind], git_version: str) -> dict[str, Any]:
    """The document over all kinds."""
    schemas = Schemas(2, Descriptions())
    served = [kind for kind in kinds if kind.own_schema is not None or definition(kind.schema) is not None]
    paths = Paths(2, schemas)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": git_version},
        "paths": dict(sorted(pair for kind in served for pair in paths.of(kind))),
        "definitions": schemas.all(_roots(served), served),
        "securityDefinitions": {"BearerToken": BEARER_TOKEN},
        "security": [{"BearerToken": []}],
    }


def _roots(kinds: Iterable[Kind]) -> list[str]:
    """The kinds' own definitions, their lists', and what every operation answers or takes."""
    names = [name for kind in kinds for name in (kind.schema, f"{kind.schema}List", *parts.definitions(kind))]
    return [
        name for name in (*names, f"{META}.Status", f"{META}.DeleteOptions") if definition(name) is not None
    ]

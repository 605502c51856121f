"""The texts of the definitions, read where the `kubernetes-validate` package is installed (the `explain` extra)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import orjson

VERSION = "v1.37.0"


class Text(NamedTuple):
    """What a definition and each of its fields are for."""

    own: str
    fields: dict[str, str]


NO_TEXT = Text("", {})


class Descriptions:
    """The texts, held only as long as this object: they are 1.5 MB, and one OpenAPI document needs them once."""

    def __init__(self) -> None:
        path = _source()
        self._definitions: dict[str, Any] = orjson.loads(path.read_bytes())["$defs"] if path else {}

    def of(self, name: str) -> Text:
        """The texts of one definition; empty where the package is not installed."""
        found = self._definitions.get(name)
        if found is None:
            return NO_TEXT
        properties = found.get("properties") or {}
        return Text(
            found.get("description", ""),
            {field: value["description"] for field, value in properties.items() if "description" in value},
        )


def descriptions(name: str) -> Text:
    """The texts of one definition. Reads the whole file: for more than one, hold a `Descriptions`."""
    return Descriptions().of(name)


def _source() -> Path | None:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "kubernetes-json-schema" / f"{VERSION}-local" / "_definitions.json"
    return path if path.exists() else None

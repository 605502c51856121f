"""Distil what the API server needs of the v1.37 definitions into one compact table that ships in the package.

    python scripts/distil_schema.py            # writes src/pybernetes/api/schema/v1_37.defs

Two sources, both installed by the development extra: the OpenAPI definitions in the `kubernetes-validate` package
(types, required fields, list types, merge keys, kinds) and the Go types inside the `kubectl` executable (what is a
pointer, what is left out when empty, the names of types in error messages). The format is described in
`pybernetes/api/schema/table.py`.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

from go_types import GoField, GoTypes

VERSION = "v1.37.0"
TARGET = Path(__file__).parent.parent / "src/pybernetes/api/schema/v1_37.defs"
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "object",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "object",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "object",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intorstr",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "any",
}
EXTENSIONS = {
    "x-kubernetes-patch-merge-key": "mergeKey",
    "x-kubernetes-patch-strategy": "strategy",
    "x-kubernetes-list-type": "listType",
    "x-kubernetes-list-map-keys": "mapKeys",
    "x-kubernetes-map-type": "mapType",
}
GO_SCALARS = {
    "string": "string", "boolean": "bool", "int32": "int32", "int64": "int64", "double": "float64",
    "quantity": "resource.Quantity", "time": "v1.Time", "microtime": "v1.MicroTime", "intorstr": "intstr.IntOrString",
    "byte": "[]uint8",
}  # fmt: skip


def main() -> None:
    definitions = json.loads((definitions_folder() / "_definitions.json").read_bytes())["$defs"]
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise SystemExit("kubectl is not on the PATH: install the development extra")
    go = GoTypes(Path(kubectl)).structs()
    lines = []
    for name, definition in sorted(definitions.items()):
        fields = go_fields(name, go)
        entry = distil(definition, fields)
        lines.append(f"{name}\t{json.dumps(entry, separators=(',', ':'))}\n")
    TARGET.write_text("".join(lines))
    print(f"{TARGET}: {len(lines)} definitions, {TARGET.stat().st_size} bytes")


def definitions_folder() -> Path:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise SystemExit("the kubernetes-validate package is not installed: install the development extra")
    return Path(spec.origin).parent / "kubernetes-json-schema" / f"{VERSION}-local"


def go_fields(name: str, go: dict[str, tuple[GoField, ...]]) -> dict[str, GoField]:
    """JSON name -> Go field, the fields of embedded structs included; empty where kubectl lacks the type."""
    *package, typename = name.removeprefix("io.k8s.").split(".")
    folder = "k8s.io/" + "/".join(package)
    result: dict[str, GoField] = {}
    for field in go.get(f"{folder}.{typename}", ()):
        if field.json_name:
            result[field.json_name] = field
        elif not field.type_name.endswith(".TypeMeta"):
            result.update(go_fields(f"io.k8s.{'.'.join(package)}.{field.type_name.split('.')[-1]}", go))
    return result


def distil(definition: dict[str, Any], go: dict[str, GoField]) -> dict[str, Any]:
    """One definition: `f` its fields, `r` the required ones, `k` its kinds, `x` other extensions."""
    required = definition.get("required", [])
    entry: dict[str, Any] = {}
    properties = definition.get("properties")
    if properties:
        entry["f"] = {
            name: distil_field(name, schema, name in required, go) for name, schema in properties.items()
        }
    if required:
        entry["r"] = required
    if kinds := definition.get("x-kubernetes-group-version-kind"):
        entry["k"] = [[kind["group"], kind["version"], kind["kind"]] for kind in kinds]
    if map_type := definition.get("x-kubernetes-map-type"):
        entry["m"] = map_type
    if unions := definition.get("x-kubernetes-unions"):
        entry["u"] = unions
    return entry


def distil_field(name: str, schema: dict[str, Any], required: bool, go: dict[str, GoField]) -> Any:
    kind = type_of(schema)
    flag = presence(name, kind, required, go.get(name), bool(go))
    text = f"{kind} {flag}" if flag else kind
    extra = {short: schema[long] for long, short in EXTENSIONS.items() if long in schema}
    if name in go and (go_name := go[name].type_name.lstrip("*")) != go_type(kind):
        extra["go"] = go_name
    return [text, extra] if extra else text


def presence(name: str, kind: str, required: bool, field: GoField | None, known: bool) -> str:
    """How Go writes the field (see `table.py`); guessed from `required` for the few types kubectl lacks."""
    if field is None:
        if known or name in ("apiVersion", "kind"):
            return "v"
        if kind.startswith(("[]", "{}")):
            return "n" if required else ""
        return "r" if required else ("v" if name in ("metadata", "spec", "status") else "")
    nilable = field.kind in ("ptr", "slice", "map", "interface")
    if "omitzero" in field.options:
        return "z"
    if "omitempty" in field.options:
        return "" if nilable else "v"
    return "n" if nilable else "r"


def type_of(schema: dict[str, Any]) -> str:
    """`string`, `int32`, …; `[]T` a list, `{}T` a map, `#name` another definition."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix("#/$defs/")
        return SPECIAL.get(name, f"#{name}")
    types = schema.get("type", "any")
    kind = next(t for t in types if t != "null") if isinstance(types, list) else types
    if kind == "array":
        return f"[]{type_of(schema['items'])}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"{{}}{type_of(values)}" if values else "object"
    if schema.get("format") in ("int32", "int64", "double", "byte"):
        return str(schema["format"])
    return {"integer": "int64", "number": "double"}.get(kind, kind)


def go_type(kind: str) -> str:
    """The Go type that a type of ours usually has."""
    if kind.startswith("[]"):
        return f"[]{go_type(kind[2:])}"
    if kind.startswith("{}"):
        return f"map[string]{go_type(kind[2:])}"
    if kind.startswith("#"):
        return ".".join(kind.split(".")[-2:])
    return GO_SCALARS.get(kind, kind)


if __name__ == "__main__":
    main()

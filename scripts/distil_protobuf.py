"""Distil the protobuf field numbers of the v1.37 API types into one compact table that ships in the package.

    python scripts/distil_protobuf.py          # writes src/pybernetes/apiserver/protobuf/v1_37.fields

The source is the `kubectl` executable of the development extra, which links nearly every API type with its tags (see
`go_types.py`); `protobuf_unlinked.py` has the others. The format is described in `pybernetes/apiserver/protobuf/fields.py`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from go_types import GoField, GoTypes
from protobuf_unlinked import unlinked

ROOT = Path(__file__).parent.parent
DEFINITIONS = ROOT / "src/pybernetes/api/schema/v1_37.defs"
TARGET = ROOT / "src/pybernetes/apiserver/protobuf/v1_37.fields"


def main() -> None:
    kubectl = shutil.which("kubectl", path=Path(sys.executable).parent)  # another on the PATH may be older
    if kubectl is None:
        raise SystemExit("kubectl is not beside this python: install the development extra")
    go = GoTypes(Path(kubectl)).structs()
    others = unlinked()
    lines = []
    for line in DEFINITIONS.read_text().splitlines():
        name = line.partition("\t")[0]
        if numbers := others.get(name) or numbers_of(name, go):
            lines.append(f"{name}\t{json.dumps(numbers, separators=(',', ':'))}\n")
    TARGET.write_text("".join(lines))
    print(f"{TARGET}: {len(lines)} definitions, {TARGET.stat().st_size} bytes")


def numbers_of(name: str, go: dict[str, tuple[GoField, ...]]) -> dict[str, Any]:
    """Field number -> JSON name; of an embedded struct, which JSON inlines, its own numbers instead of a name."""
    *package, typename = name.removeprefix("io.k8s.").split(".")
    folder = "k8s.io/" + "/".join(package)
    numbers: dict[str, Any] = {}
    for field in go.get(f"{folder}.{typename}", ()):
        if not field.protobuf:
            continue
        if field.json_name:
            boxed = field.type_name == "v1.Verbs"  # a named list is a message with the list in it
            numbers[str(field.protobuf)] = f"{field.json_name} list" if boxed else field.json_name
        else:
            embedded = f"io.k8s.{'.'.join(package)}.{field.type_name.split('.')[-1]}"
            numbers[str(field.protobuf)] = numbers_of(embedded, go)
    return numbers


if __name__ == "__main__":
    main()

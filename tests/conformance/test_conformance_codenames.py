"""The table of upstream's conformance tests is whole, and what it names is there."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TABLE = Path(__file__).parent / "codenames.txt"
COUNT = 408
"""Entries in upstream's `test/conformance/testdata/conformance.yaml`."""


def rows() -> dict[str, str]:
    """Where each codename is covered."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split(" => ") for line in lines]
    assert len({codename for codename, _ in pairs}) == len(pairs)
    return dict(pairs)


def scenarios_in(path: Path) -> dict[str, str]:
    """The tests in a file and the first paragraphs of their docstrings."""
    tree = ast.parse(path.read_text())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found[node.name] = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    return found


def test_the_list_is_whole() -> None:
    table = rows()
    assert len(table) == COUNT
    for codename, place in table.items():
        assert codename.startswith("[sig-")
        assert codename.endswith(" [Conformance]")
        assert place in ("open", "real node") or place.startswith(("elsewhere: ", "tests/")), place


def test_every_test_that_the_list_names_is_there() -> None:
    known: dict[str, dict[str, str]] = {}
    for codename, place in rows().items():
        if not place.startswith("tests/"):
            continue
        path, _, name = place.partition("::")
        found = known.get(path) or known.setdefault(path, scenarios_in(ROOT / path))
        assert name in found, place
        if path.startswith("tests/conformance/"):
            assert found[name] == codename, f"{place} says that it is {found[name]!r}"


def test_every_scenario_is_in_the_list() -> None:
    places = set(rows().values())
    for path in sorted(Path(__file__).parent.glob("test_conformance_*.py")):
        if path == Path(__file__):
            continue
        for name, codename in scenarios_in(path).items():
            if codename.endswith("[Conformance]"):
                assert f"tests/conformance/{path.name}::{name}" in places, f"{path.name}::{name}"

"""ControllerRevisions: rules, fixed data, the table row."""

from __future__ import annotations

from pybernetes.api.apps.controllerrevision import CONTROLLERREVISION
from pybernetes.api.fielderrors import FieldErrors

OWNER = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u", "controller": True}


def revision(**fields: object) -> dict:
    return {
        "metadata": {"name": "db-1", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "data": {"spec": {}},
        "revision": 1,
        **fields,
    }


def found(tree: dict, old: dict | None = None) -> list[str]:
    errors = FieldErrors()
    CONTROLLERREVISION.validate(tree, errors)
    if old is not None:
        CONTROLLERREVISION.validate_update(tree, old, errors)
    return list(errors)


def test_rules() -> None:
    assert found(revision()) == []
    assert found(revision(data=None)) == ["data: Required value: data is mandatory"]
    assert found(revision(revision=-1)) == ["revision: Invalid value: -1: must be greater than or equal to 0"]


def test_the_data_stays() -> None:
    assert found(revision(revision=5), revision()) == []
    assert found(revision(data={"x": 1}), revision()) == ['data: Invalid value: {"x":1}: field is immutable']


def test_the_table_row() -> None:
    tree = revision()
    cells = [column.cell(tree, 1_790_000_000.0) for column in CONTROLLERREVISION.columns]
    assert cells == ["db-1", "<none>", 1, "60s"]
    tree["metadata"]["ownerReferences"] = [OWNER]
    assert CONTROLLERREVISION.columns[1].cell(tree, 0.0) == "statefulset.apps/db"

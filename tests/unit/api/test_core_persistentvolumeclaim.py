"""PersistentVolumeClaims: defaults, rules by field, growing, the class of attributes, the table row."""

from __future__ import annotations

import copy

import pytest

from pybernetes.api.core.persistentvolumeclaim import PERSISTENTVOLUMECLAIM
from pybernetes.api.core.pod import POD
from pybernetes.api.fielderrors import FieldErrors

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
FORBIDDEN = "FieldValueForbidden"
UNSUPPORTED = "FieldValueNotSupported"
FIXED = (
    "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims\n"
)
BETA = "volume.beta.kubernetes.io/storage-class"


def claim(size: str | None = "1Gi", phase: str = "Pending", annotations: dict | None = None, **spec) -> dict:
    tree = {
        "metadata": {
            "name": "data",
            "namespace": "default",
            "annotations": annotations or {},
            "creationTimestamp": "2026-09-21T14:12:20Z",
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        "status": {"phase": phase, "capacity": {"storage": "1Gi"}} if phase == "Bound" else {"phase": phase},
    }
    if size is None:
        del tree["spec"]["resources"]
    tree["spec"].update(copy.deepcopy(spec))
    tree["spec"] = {k: v for k, v in tree["spec"].items() if v is not None}
    PERSISTENTVOLUMECLAIM.default(tree)
    return tree


def causes(errors: FieldErrors) -> list[tuple[str, str, str]]:
    return [(each.reason, each.field, each.message) for each in errors.causes]


def test_defaults() -> None:
    tree = {"metadata": {"name": "x"}, "spec": {}}
    PERSISTENTVOLUMECLAIM.default(tree)
    assert tree["spec"] == {"volumeMode": "Filesystem"}
    assert tree["status"] == {"phase": "Pending"}


SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
POPULATOR = {"apiGroup": "example.com", "kind": "Populator", "name": "p"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"dataSource": SNAPSHOT}, {"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}),
        ({"dataSourceRef": POPULATOR}, {"dataSource": POPULATOR, "dataSourceRef": POPULATOR}),
        ({"dataSource": POPULATOR}, {}),
        ({"dataSourceRef": {**SNAPSHOT, "namespace": "other"}}, {}),
    ],
)
def test_data_sources_agree(given: dict, expected: dict) -> None:
    tree = claim(**given)
    tree["status"] = {"phase": "Bound"}
    PERSISTENTVOLUMECLAIM.prepare_create(tree)
    assert tree["status"] == {"phase": "Pending"}
    assert {key: value for key, value in tree["spec"].items() if key.startswith("dataSource")} == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, []),
        (
            {"accessModes": []},
            [(REQUIRED, "spec.accessModes", "Required value: at least 1 access mode is required")],
        ),
        (
            {"accessModes": ["ReadWriteOncePod", "ReadOnlyMany"]},
            [
                (
                    FORBIDDEN,
                    "spec.accessModes",
                    "Forbidden: may not use ReadWriteOncePod with other access modes",
                )
            ],
        ),
        ({"size": None}, [(REQUIRED, "spec.resources[storage]", "Required value")]),
        (
            {"size": "0"},
            [(INVALID, "spec.resources[storage]", 'Invalid value: "0": must be greater than zero')],
        ),
        (
            {"volumeMode": "Raw"},
            [
                (
                    UNSUPPORTED,
                    "spec.volumeMode",
                    'Unsupported value: "Raw": supported values: "Block", "Filesystem"',
                )
            ],
        ),
        ({"storageClassName": ""}, []),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            [
                (
                    REQUIRED,
                    "spec.selector.matchExpressions[0].values",
                    "Required value: must be specified when `operator` is 'In' or 'NotIn'",
                )
            ],
        ),
        (
            {"dataSource": {"kind": "Other", "name": ""}},
            [
                (REQUIRED, "spec.dataSource.name", "Required value"),
                (
                    INVALID,
                    "spec.dataSource",
                    "Invalid value: \"Other\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                ),
            ],
        ),
        (
            {"dataSource": SNAPSHOT, "dataSourceRef": POPULATOR},
            [(INVALID, "spec", "Invalid value: {}: must match dataSourceRef")],
        ),
    ],
)
def test_rules(arguments: dict, expected: list) -> None:
    errors = FieldErrors()
    PERSISTENTVOLUMECLAIM.validate(claim(**arguments), errors)
    assert causes(errors) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"volumeName": "pv"}, []),
        (
            {"volumeName": "pv"},
            {"volumeName": "other"},
            [("spec", FIXED + '- volumeName: "pv"\n+ volumeName: "other"')],
        ),
        (
            {},
            {"size": "2Gi"},
            [
                (
                    "spec",
                    FIXED + '- resources: {"requests": {"storage": "1Gi"}}\n'
                    '+ resources: {"requests": {"storage": "2Gi"}}',
                )
            ],
        ),
        ({"phase": "Bound"}, {"phase": "Bound", "size": "2Gi"}, []),
        ({"phase": "Bound", "size": "3Gi"}, {"phase": "Bound", "size": "2Gi"}, []),
        (
            {"phase": "Bound", "size": "3Gi"},
            {"phase": "Bound", "size": "1Gi"},
            [("spec.resources.requests.storage", "Forbidden: field can not be less than status.capacity")],
        ),
        ({}, {"storageClassName": "fast"}, []),
        ({}, {"storageClassName": ""}, []),
        (
            {"storageClassName": ""},
            {"storageClassName": "fast"},
            [("spec", FIXED + '- storageClassName: ""\n+ storageClassName: "fast"')],
        ),
        ({"annotations": {BETA: "fast"}}, {"storageClassName": "fast"}, []),
        (
            {"annotations": {BETA: "fast"}},
            {"annotations": {BETA: "slow"}},
            [(f"metadata.annotations.{BETA}", 'Invalid value: "slow": field is immutable')],
        ),
        (
            {},
            {"volumeMode": "Block"},
            [
                ("spec", FIXED + '- volumeMode: "Filesystem"\n+ volumeMode: "Block"'),
                ("volumeMode", 'Invalid value: "Block": field is immutable'),
            ],
        ),
        ({"phase": "Bound"}, {"phase": "Bound", "volumeAttributesClassName": "gold"}, []),
        (
            {"phase": "Bound", "volumeAttributesClassName": "gold"},
            {"phase": "Bound", "volumeAttributesClassName": "silver"},
            [],
        ),
        (
            {},
            {"volumeAttributesClassName": "gold"},
            [("spec", f'{FIXED}+ volumeAttributesClassName: "gold"')],
        ),
    ],
)
def test_updates(before: dict, after: dict, expected: list) -> None:
    errors = FieldErrors()
    PERSISTENTVOLUMECLAIM.validate_update(claim(**after), claim(**before), errors)
    assert [(field, message) for _, field, message in causes(errors)] == expected


def test_status_rules() -> None:
    tree = claim(phase="Bound")
    tree["status"].update(
        capacity={"storage": "-1"},
        allocatedResourceStatuses={"storage": "Sideways", "cpu": "NodeResizePending"},
        allocatedResources={"storage": "2Gi", "example.com/x": "-2"},
    )
    errors = FieldErrors()
    PERSISTENTVOLUMECLAIM.validate_status(tree, claim(), errors)
    assert causes(errors) == [
        (INVALID, "status.capacity[storage]", "Invalid value: -1: must be a valid resource quantity"),
        (
            UNSUPPORTED,
            "status.allocatedResourceStatuses",
            'Unsupported value: "storage": supported values: "ControllerResizeInProgress", '
            '"ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"',
        ),
        (
            UNSUPPORTED,
            "status.allocatedResourceStatuses",
            'Unsupported value: "cpu": supported values: "storage"',
        ),
        (
            INVALID,
            "status.allocatedResources[example.com/x]",
            "Invalid value: -2: must be a valid resource quantity",
        ),
    ]


def test_warnings() -> None:
    assert PERSISTENTVOLUMECLAIM.warnings(claim("1500m", annotations={BETA: "x"}), None) == [
        f'metadata.annotations[{BETA}]: deprecated since v1.8; use "storageClassName" attribute instead',
        'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ]


def test_row() -> None:
    names = [column.name for column in PERSISTENTVOLUMECLAIM.columns]
    tree = claim(storageClassName="fast")

    def cells() -> list:
        return [column.cell(tree, 1_790_000_060.0) for column in PERSISTENTVOLUMECLAIM.columns]

    assert names == [
        "Name",
        "Status",
        "Volume",
        "Capacity",
        "Access Modes",
        "StorageClass",
        "VolumeAttributesClass",
        "Age",
        "VolumeMode",
    ]
    assert cells() == ["data", "Pending", "", "", "", "fast", "<unset>", "2m", "Filesystem"]
    tree["spec"]["volumeName"] = "pv"
    tree["status"] = {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}}
    assert cells()[1:5] == ["Bound", "pv", "5Gi", "RWO"]


def test_a_claim_in_a_pod_obeys_the_same_rules() -> None:
    template = {"metadata": {"labels": {"a b": "c"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    pod = {
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}],
        },
    }
    POD.default(pod)
    errors = FieldErrors()
    POD.validate(pod, errors)
    base = "spec.volumes[0].ephemeral.volumeClaimTemplate"
    assert [field for _, field, _ in causes(errors)] == [
        f"{base}.metadata.labels",
        f"{base}.spec.resources[storage]",
    ]


@pytest.mark.parametrize(("wanted", "what"), [(None, "nil"), ("", "empty string")])
def test_a_class_that_is_in_force_is_not_taken_away(wanted: str | None, what: str) -> None:
    old = claim(phase="Bound", volumeAttributesClassName="gold")
    new = claim(phase="Bound", volumeAttributesClassName=wanted)
    errors = FieldErrors()
    PERSISTENTVOLUMECLAIM.validate_update(new, old, errors)
    assert causes(errors) == []
    old["status"]["currentVolumeAttributesClassName"] = "gold"
    PERSISTENTVOLUMECLAIM.validate_update(new, old, errors)
    why = f"update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
    assert causes(errors) == [(FORBIDDEN, "spec.volumeAttributesClassName", f"Forbidden: {why}")]

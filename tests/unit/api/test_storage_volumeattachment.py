"""VolumeAttachments: rules of spec and status, the inline volume, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.volumeattachment import VOLUMEATTACHMENT

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
FORBIDDEN = "FieldValueForbidden"
TOO_LONG = "FieldValueTooLong"
INLINE = {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d.example.com", "volumeHandle": "h"}}
ONE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def attachment(source: dict | None = None, status: dict | None = None, **spec: object) -> dict:
    return {
        "metadata": {"name": "va", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {
            "attacher": "d.example.com",
            "nodeName": "node-1",
            "source": {"persistentVolumeName": "pv"} if source is None else source,
            **spec,
        },
        "status": status or {"attached": False},
    }


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (attachment(), []),
        (attachment(attacher=""), [(REQUIRED, "spec.attacher", "Required value")]),
        (attachment(nodeName="A_"), [(INVALID, "spec.nodeName", None)]),
        (attachment({}), [(REQUIRED, "spec.source", f"Required value: {ONE}")]),
        (
            attachment({"persistentVolumeName": "pv", "inlineVolumeSpec": INLINE}),
            [(FORBIDDEN, "spec.source", f"Forbidden: {ONE}")],
        ),
        (
            attachment({"persistentVolumeName": ""}),
            [
                (
                    REQUIRED,
                    "spec.source.persistentVolumeName",
                    "Required value: must specify non empty persistentVolumeName",
                )
            ],
        ),
        (attachment({"inlineVolumeSpec": INLINE}), []),
        (
            attachment(
                {
                    "inlineVolumeSpec": {
                        "accessModes": ["ReadWriteOnce"],
                        "nfs": {"server": "s", "path": "/"},
                        "claimRef": {},
                        "capacity": {"storage": "1"},
                        "persistentVolumeReclaimPolicy": "Delete",
                        "nodeAffinity": {},
                        "storageClassName": "x",
                        "volumeMode": "Block",
                    }
                }
            ),
            [
                (FORBIDDEN, "spec.source.inlineVolumeSpec.claimRef", None),
                (FORBIDDEN, "spec.source.inlineVolumeSpec.capacity", None),
                (
                    REQUIRED,
                    "spec.source.inlineVolumeSpec.csi",
                    "Required value: has to be specified in the context of inline volumes",
                ),
                (
                    FORBIDDEN,
                    "spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy",
                    "Forbidden: may only be Retain in the context of inline volumes",
                ),
                (FORBIDDEN, "spec.source.inlineVolumeSpec.nodeAffinity", None),
                (
                    FORBIDDEN,
                    "spec.source.inlineVolumeSpec.storageClassName",
                    "Forbidden: may not be specified in the context of inline volumes",
                ),
                (FORBIDDEN, "spec.source.inlineVolumeSpec.volumeMode", None),
            ],
        ),
        (
            attachment(
                status={
                    "attached": False,
                    "attachError": {"message": "x" * 1025, "errorCode": -1},
                    "attachmentMetadata": {"a": "x" * 262144},
                }
            ),
            [
                (
                    TOO_LONG,
                    "status.attachmentMetadata",
                    "Too long: may not be more than 262144 bytes",
                ),
                (
                    TOO_LONG,
                    "status.attachError.message",
                    "Too long: may not be more than 262144 bytes",
                ),
                (
                    INVALID,
                    "status.attachError.errorCode",
                    "Invalid value: -1: must be between 0 and 2147483647, inclusive",
                ),
            ],
        ),
    ],
)
def test_rules(tree: dict, expected: list) -> None:
    errors = FieldErrors()
    VOLUMEATTACHMENT.validate(tree, errors)
    assert [(each.reason, each.field) for each in errors.causes] == [each[:2] for each in expected]
    for cause, (_, _, wanted) in zip(errors.causes, expected, strict=True):
        assert wanted is None or cause.message == wanted


def test_new_ones_name_a_driver_and_a_volume() -> None:
    errors = FieldErrors()
    VOLUMEATTACHMENT.validate_create(attachment({"persistentVolumeName": "P_"}, attacher="a/b"), errors)
    assert [each.field for each in errors.causes] == ["spec.attacher", "spec.source.persistentVolumeName"]


def test_spec_never_changes() -> None:
    errors = FieldErrors()
    VOLUMEATTACHMENT.validate_update(attachment(nodeName="node-2"), attachment(), errors)
    (cause,) = errors.causes
    assert (cause.field, cause.message.endswith("field is immutable")) == ("spec", True)


def test_status_of_new_ones_is_the_servers() -> None:
    tree = attachment(status={"attached": True})
    VOLUMEATTACHMENT.prepare_create(tree)
    assert tree["status"] == {"attached": False}


def test_row() -> None:
    columns = VOLUMEATTACHMENT.columns
    tree = attachment(status={"attached": True})
    assert [(column.name, column.cell(tree, 1_790_000_060.0)) for column in columns] == [
        ("Name", "va"),
        ("Attacher", "d.example.com"),
        ("PV", "pv"),
        ("Node", "node-1"),
        ("Attached", True),
        ("Age", "2m"),
    ]

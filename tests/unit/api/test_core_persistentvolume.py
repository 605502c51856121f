"""PersistentVolumes: defaults, rules by field, what may change, the table row."""

from __future__ import annotations

import copy

import pytest

from pybernetes.api.cells import dig
from pybernetes.api.core.persistentvolume import PERSISTENTVOLUME
from pybernetes.api.fielderrors import FieldErrors

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
FORBIDDEN = "FieldValueForbidden"
UNSUPPORTED = "FieldValueNotSupported"
NFS = {"server": "10.0.0.1", "path": "/export"}
AFFINITY = {
    "required": {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": "failure-domain.beta.kubernetes.io/zone", "operator": "In", "values": ["a"]}
                ]
            }
        ]
    }
}


def volume(**spec: object) -> dict:
    tree = {
        "metadata": {"name": "pv", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": dict(NFS)},
    }
    tree["spec"].update(copy.deepcopy(spec))
    tree["spec"] = {k: v for k, v in tree["spec"].items() if v is not None}
    PERSISTENTVOLUME.default(tree)
    return tree


def faults(tree: dict) -> list[tuple[str, str, str]]:
    errors = FieldErrors()
    PERSISTENTVOLUME.validate(tree, errors)
    return [(each.reason, each.field, each.message) for each in errors.causes]


def test_defaults() -> None:
    tree = volume(nfs=None, iscsi={"targetPortal": "1.2.3.4:3260", "iqn": "iqn.2016-04.test.com:x", "lun": 0})
    assert tree["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert tree["spec"]["volumeMode"] == "Filesystem"
    assert tree["spec"]["iscsi"]["iscsiInterface"] == "default"
    assert tree["status"] == {"phase": "Pending"}
    assert faults(tree) == []
    assert volume(nfs=None, hostPath={"path": "/data"})["spec"]["hostPath"]["type"] == ""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"accessModes": None}, [(REQUIRED, "spec.accessModes", "Required value")]),
        (
            {"accessModes": ["RWO"]},
            [
                (
                    UNSUPPORTED,
                    "spec.accessModes",
                    'Unsupported value: "RWO": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", '
                    '"ReadWriteOncePod"',
                )
            ],
        ),
        (
            {"accessModes": ["ReadWriteOncePod", "ReadWriteMany"]},
            [
                (
                    FORBIDDEN,
                    "spec.accessModes",
                    "Forbidden: may not use ReadWriteOncePod with other access modes",
                )
            ],
        ),
        (
            {"capacity": {"storage": "0"}},
            [(INVALID, "spec.capacity[storage]", 'Invalid value: "0": must be greater than zero')],
        ),
        (
            {"capacity": {"storage": "-1"}},
            [
                (INVALID, "spec.capacity[storage]", "Invalid value: -1: must be a valid resource quantity"),
                (INVALID, "spec.capacity[storage]", 'Invalid value: "-1": must be greater than zero'),
            ],
        ),
        (
            {"capacity": {"storage": "1", "cpu": "1"}},
            [
                (
                    UNSUPPORTED,
                    "spec.capacity",
                    'Unsupported value: {"storage":"1","cpu":"1"}: supported values: "storage"',
                )
            ],
        ),
        (
            {"persistentVolumeReclaimPolicy": "Keep"},
            [
                (
                    UNSUPPORTED,
                    "spec.persistentVolumeReclaimPolicy",
                    'Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain"',
                )
            ],
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
        ({"nfs": None}, [(REQUIRED, "spec", "Required value: must specify a volume type")]),
        (
            {"cephfs": {"monitors": ["a"]}},
            [(FORBIDDEN, "spec.cephFS", "Forbidden: may not specify more than 1 volume type")],
        ),
        (
            {"nfs": None, "local": {"path": "/mnt/../x"}},
            [
                (INVALID, "spec.local.path", "Invalid value: \"/mnt/../x\": must not contain '..'"),
                (REQUIRED, "spec.nodeAffinity", "Required value: Local volume requires node affinity"),
            ],
        ),
        ({"nfs": None, "local": {"path": "/mnt"}, "nodeAffinity": AFFINITY}, []),
        (
            {"nodeAffinity": {}},
            [
                (
                    REQUIRED,
                    "spec.nodeAffinity.required",
                    "Required value: must specify required node constraints",
                )
            ],
        ),
        (
            {"nfs": None, "hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
            [
                (
                    FORBIDDEN,
                    "spec.persistentVolumeReclaimPolicy",
                    "Forbidden: may not be 'recycle' for a hostPath mount of '/'",
                )
            ],
        ),
        (
            {"volumeAttributesClassName": ""},
            [
                (
                    REQUIRED,
                    "spec.volumeAttributesClassName",
                    "Required value: an empty string is disallowed",
                ),
                (
                    REQUIRED,
                    "spec.csi",
                    "Required value: has to be specified when using volumeAttributesClassName",
                ),
            ],
        ),
        (
            {"nfs": None, "csi": {"driver": "", "nodePublishSecretRef": {"name": "s"}}},
            [
                (REQUIRED, "spec.csi.driver", "Required value"),
                (INVALID, "spec.csi.driver", None),
                (REQUIRED, "spec.csi.volumeHandle", "Required value"),
                (REQUIRED, "spec.csi.nodePublishSecretRef.namespace", "Required value"),
            ],
        ),
        (
            {"nfs": None, "gcePersistentDisk": {"partition": 256}},
            [
                (REQUIRED, "spec.persistentDisk.pdName", "Required value"),
                (
                    INVALID,
                    "spec.persistentDisk.partition",
                    "Invalid value: 256: must be between 1 and 255, inclusive",
                ),
            ],
        ),
        (
            {"nfs": None, "iscsi": {"targetPortal": "p", "iqn": "x", "lun": 300, "chapAuthSession": True}},
            [
                (
                    INVALID,
                    "spec.iscsi.iqn",
                    'Invalid value: "x": must be valid format',
                ),
                (INVALID, "spec.iscsi.lun", "Invalid value: 300: must be between 0 and 255, inclusive"),
                (REQUIRED, "spec.iscsi.secretRef", "Required value"),
            ],
        ),
        (
            {"nfs": None, "fc": {"targetWWNs": ["50060e801049cfd1"]}},
            [(REQUIRED, "spec.fc.lun", "Required value: lun is required if targetWWNs is specified")],
        ),
        (
            {"nfs": None, "flexVolume": {"driver": "d", "options": {"a.k8s.io/x": "1"}}},
            [
                (
                    INVALID,
                    "spec.flexVolume.options[a.k8s.io/x]",
                    'Invalid value: "a.k8s.io/x": kubernetes.io and k8s.io namespaces are reserved',
                )
            ],
        ),
        (
            {"nfs": None, "azureDisk": {"diskName": "d", "diskURI": "http://x", "kind": "Managed"}},
            [
                (
                    UNSUPPORTED,
                    "spec.azureDisk.diskURI",
                    'Unsupported value: "http://x": supported values: "/subscriptions/{sub-id}/resourcegroups/'
                    '{group-name}/providers/microsoft.compute/disks/{disk-id}"',
                )
            ],
        ),
        (
            {"nfs": None, "flocker": {"datasetName": "a", "datasetUUID": "b"}},
            [
                (
                    INVALID,
                    "spec.flocker",
                    'Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
                )
            ],
        ),
        (
            {"nfs": None, "quobyte": {"registry": "host", "volume": "v"}},
            [
                (
                    INVALID,
                    "spec.quobyte.registry",
                    'Invalid value: "host": must be a host:port pair or multiple pairs separated by commas',
                )
            ],
        ),
        (
            {"nfs": None, "cinder": {"volumeID": "v", "secretRef": {}}},
            [
                (REQUIRED, "spec.cinder.secretRef.name", "Required value"),
                (REQUIRED, "spec.cinder.secretRef.namespace", "Required value"),
            ],
        ),
        (
            {"nfs": None, "glusterfs": {"endpoints": "e", "path": "p", "endpointsNamespace": ""}},
            [
                (
                    INVALID,
                    "spec.glusterfs.endpointsNamespace",
                    'Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name',
                )
            ],
        ),
        (
            {"nfs": None, "azureFile": {"secretName": "s", "secretNamespace": ""}},
            [
                (REQUIRED, "spec.azureFile.shareName", "Required value"),
                (REQUIRED, "spec.azureFile.secretNamespace", "Required value"),
            ],
        ),
        (
            {"nfs": None, "storageos": {"volumeName": "A", "secretRef": {"name": "x"}}},
            [
                (INVALID, "spec.storageos.volumeName", None),
                (REQUIRED, "spec.storageos.secretRef.namespace", "Required value"),
            ],
        ),
    ],
)
def test_rules(spec: dict, expected: list) -> None:
    found = faults(volume(**spec))
    assert [(reason, field) for reason, field, _ in found] == [
        (reason, field) for reason, field, _ in expected
    ]
    for (_, _, message), (_, _, wanted) in zip(found, expected, strict=True):
        assert wanted is None or message == wanted


CSI = {"driver": "d.example.com", "volumeHandle": "h"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"persistentVolumeReclaimPolicy": "Delete", "claimRef": {"name": "c", "namespace": "d"}}, []),
        (
            {},
            {"nfs": {**NFS, "path": "/other"}},
            [
                (
                    "spec.persistentvolumesource",
                    "Forbidden: spec.persistentvolumesource is immutable after creation\n"
                    '- nfs: {"path": "/export", "server": "10.0.0.1"}\n'
                    '+ nfs: {"path": "/other", "server": "10.0.0.1"}',
                )
            ],
        ),
        ({}, {"volumeMode": "Block"}, [("volumeMode", 'Invalid value: "Block": field is immutable')]),
        ({}, {"nodeAffinity": AFFINITY}, []),
        (
            {"nodeAffinity": AFFINITY},
            {},
            [
                (
                    "nodeAffinity",
                    'Invalid value: "null": field is immutable, except for updating from beta label to GA',
                )
            ],
        ),
        (
            {"nfs": None, "csi": CSI},
            {
                "nfs": None,
                "csi": {**CSI, "controllerExpandSecretRef": {"name": "s", "namespace": "n"}},
                "volumeAttributesClassName": "gold",
            },
            [],
        ),
        (
            {"nfs": None, "csi": CSI, "volumeAttributesClassName": "gold"},
            {"nfs": None, "csi": CSI},
            [
                (
                    "spec.volumeAttributesClassName",
                    "Forbidden: update from non-nil value to nil is forbidden",
                )
            ],
        ),
    ],
)
def test_updates(before: dict, after: dict, expected: list) -> None:
    errors = FieldErrors()
    PERSISTENTVOLUME.validate_update(volume(**after), volume(**before), errors)
    assert [(each.field, each.message) for each in errors.causes] == expected


def test_labels_of_nodes_may_take_their_new_names() -> None:
    before, after = volume(nodeAffinity=AFFINITY), volume(nodeAffinity=AFFINITY)
    term = after["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]
    term["matchExpressions"][0]["key"] = "topology.kubernetes.io/zone"
    errors = FieldErrors()
    PERSISTENTVOLUME.validate_update(after, before, errors)
    assert not errors
    term["matchExpressions"][0]["values"] = ["b"]
    PERSISTENTVOLUME.validate_update(after, before, errors)
    assert [each.field for each in errors.causes] == ["nodeAffinity"]


def test_phase_changes_are_dated() -> None:
    tree = volume()
    PERSISTENTVOLUME.prepare_create(tree)
    assert tree["status"] == {"phase": "Pending", "lastPhaseTransitionTime": "2026-09-21T14:12:20Z"}
    same = {"status": {"phase": "Pending"}}
    PERSISTENTVOLUME.prepare_status(same, tree, 1_790_000_000.0)
    assert same["status"]["lastPhaseTransitionTime"] == "2026-09-21T14:12:20Z"
    bound = {"status": {"phase": "Bound", "lastPhaseTransitionTime": "2026-09-21T14:12:20Z"}}
    PERSISTENTVOLUME.prepare_status(bound, tree, 1_790_000_000.0)
    assert bound["status"]["lastPhaseTransitionTime"] == "2026-09-21T14:13:20Z"
    told = {"status": {"phase": "Bound", "lastPhaseTransitionTime": "2026-09-21T15:00:00Z"}}
    PERSISTENTVOLUME.prepare_status(told, tree, 1_790_000_000.0)
    assert told["status"]["lastPhaseTransitionTime"] == "2026-09-21T15:00:00Z"


def test_warnings() -> None:
    tree = volume(
        nfs=None,
        rbd={"monitors": ["m"], "image": "i"},
        persistentVolumeReclaimPolicy="Recycle",
        nodeAffinity=AFFINITY,
    )
    tree["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "x"}
    assert PERSISTENTVOLUME.warnings(tree, None) == [
        "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; "
        'use "storageClassName" attribute instead',
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
        "approach is to use dynamic provisioning.",
        "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: "
        "failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; "
        'use "topology.kubernetes.io/zone" instead',
        "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
    ]
    assert PERSISTENTVOLUME.warnings(volume(), None) == []


def test_row() -> None:
    tree = volume(
        accessModes=["ReadWriteMany", "ReadWriteOnce", "ReadWriteMany"],
        claimRef={"namespace": "default", "name": "data"},
        storageClassName="fast",
    )
    tree["status"]["phase"] = "Bound"
    names = [column.name for column in PERSISTENTVOLUME.columns]
    cells = [column.cell(tree, 1_790_000_060.0) for column in PERSISTENTVOLUME.columns]
    assert list(zip(names, cells, strict=True)) == [
        ("Name", "pv"),
        ("Capacity", "1Gi"),
        ("Access Modes", "RWO,RWX"),
        ("Reclaim Policy", "Retain"),
        ("Status", "Bound"),
        ("Claim", "default/data"),
        ("StorageClass", "fast"),
        ("VolumeAttributesClass", "<unset>"),
        ("Reason", ""),
        ("Age", "2m"),
        ("VolumeMode", "Filesystem"),
    ]
    assert PERSISTENTVOLUME.columns[-1].priority == 1
    tree["metadata"]["deletionTimestamp"] = "2026-09-21T14:13:20Z"
    assert PERSISTENTVOLUME.columns[4].cell(tree, 0.0) == "Terminating"
    assert dig(tree, "status", "phase") == "Bound"

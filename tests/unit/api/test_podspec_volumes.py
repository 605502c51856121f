"""What is refused in volumes, in upstream's words and order."""

from __future__ import annotations

from typing import Any

import pytest
from kindrules import new_errors
from podtrees import beginnings, with_account

from pybernetes.api.kinds import POD

Tree = dict[str, Any]


def vol(**source: Any) -> Tree:
    return with_account(volumes=[{"name": "v", **source}])


CASES: list[tuple[str, Tree, list[str]]] = [
    (
        "hostPath",
        vol(hostPath={"path": "../a", "type": "Odd"}),
        [
            "spec.volumes[0].hostPath.path: Invalid value: \"../a\": must not contain '..'",
            'spec.volumes[0].hostPath.type: Unsupported value: "Odd": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",  …',
        ],
    ),
    (
        "emptyDir",
        vol(emptyDir={"sizeLimit": "-1"}),
        ["spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"],
    ),
    (
        "secret",
        vol(
            secret={
                "defaultMode": 1000,
                "items": [{"key": "k", "path": "/a"}, {"key": "k", "path": "..b", "mode": -1}],
            }
        ),
        [
            "spec.volumes[0].secret.secretName: Required value",
            "spec.volumes[0].secret.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
            'spec.volumes[0].secret.items[0].path: Invalid value: "/a": must be a relative path',
            "spec.volumes[0].secret.items[1].path: Invalid value: \"..b\": must not start with '..'",
            "spec.volumes[0].secret.items[1].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive",
        ],
    ),
    (
        "nfs",
        vol(nfs={"server": "", "path": "a"}),
        [
            "spec.volumes[0].nfs.server: Required value",
            'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path',
        ],
    ),
    (
        "iscsi",
        vol(
            iscsi={
                "targetPortal": "",
                "iqn": "iqn.2001-04.com.example:x",
                "lun": 256,
                "chapAuthSession": True,
            }
        ),
        [
            "spec.volumes[0].iscsi.targetPortal: Required value",
            "spec.volumes[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            "spec.volumes[0].iscsi.secretRef: Required value",
        ],
    ),
    (
        "rbd",
        vol(rbd={"monitors": [], "image": ""}),
        ["spec.volumes[0].rbd.monitors: Required value", "spec.volumes[0].rbd.image: Required value"],
    ),
    (
        "fc",
        vol(fc={}),
        [
            "spec.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"
        ],
    ),
    (
        "flex",
        vol(flexVolume={"driver": "", "options": {"kubernetes.io/x": "y"}}),
        [
            "spec.volumes[0].flexVolume.driver: Required value",
            'spec.volumes[0].flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": kubernetes.io and k8s.io namespaces are reserved',
        ],
    ),
    (
        "azureDisk",
        vol(azureDisk={"diskName": "", "diskURI": "x", "cachingMode": "Odd", "kind": "Odd"}),
        [
            "spec.volumes[0].azureDisk.diskName: Required value",
            'spec.volumes[0].azureDisk.cachingMode: Unsupported value: "Odd": supported values: "None", "ReadOnly", "ReadWrite"',
            'spec.volumes[0].azureDisk.kind: Unsupported value: "Odd": supported values: "Dedicated", "Managed", "Shared"',
            'spec.volumes[0].azureDisk.diskURI: Unsupported value: "x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name …',
        ],
    ),
    (
        "csi",
        vol(csi={"driver": "Bad_Name", "nodePublishSecretRef": {"name": ""}}),
        [
            "spec.volumes[0].csi.driver: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character …",
            "spec.volumes[0].csi.nodePublishSecretRef.name: Required value",
        ],
    ),
    (
        "projected",
        vol(
            projected={
                "sources": [
                    {"secret": {"name": ""}, "configMap": {"name": "a"}},
                    {
                        "downwardAPI": {
                            "items": [
                                {"path": "", "fieldRef": {"fieldPath": "spec.nodeName", "apiVersion": "v1"}}
                            ]
                        }
                    },
                    {"clusterTrustBundle": {"path": "a"}},
                ]
            }
        ),
        [
            "spec.volumes[0].projected.sources[0].secret.name: Required value",
            "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
            "spec.volumes[0].projected.sources[1].downwardAPI.path: Required value",
            'spec.volumes[0].projected.sources[1].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "me …',
            "spec.volumes[0].projected.sources[2].clusterTrustBundle: Required value: either name or signerName must be specified",
        ],
    ),
    (
        "image",
        vol(image={"reference": "", "pullPolicy": "Odd"}),
        [
            "spec.volumes[0].image.reference: Required value",
            'spec.volumes[0].image.pullPolicy: Unsupported value: "Odd": supported values: "Always", "IfNotPresent", "Never"',
        ],
    ),
    (
        "scaleIO",
        vol(scaleIO={"gateway": "", "system": "", "volumeName": ""}),
        [
            "spec.volumes[0].scaleIO.gateway: Required value",
            "spec.volumes[0].scaleIO.system: Required value",
            "spec.volumes[0].scaleIO.volumeName: Required value",
        ],
    ),
]


@pytest.mark.parametrize(("tree", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rules(tree: Tree, expected: list[str]) -> None:
    assert beginnings(tree, expected) == expected


def test_a_token_is_an_accounts() -> None:
    sources = [{"serviceAccountToken": {"path": "t"}}]
    tree = vol(projected={"sources": sources})
    assert new_errors(POD, tree) == []
    del tree["spec"]["serviceAccountName"]
    ((_, field, message),) = new_errors(POD, tree)
    assert field == "spec.volumes[0].projected.sources[0].serviceAccountToken"
    assert message == "Forbidden: must not be specified when serviceAccountName is not set"

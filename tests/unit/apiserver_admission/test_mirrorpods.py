"""What a pod needs from the API, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.apiserver.admission.mirrorpods import first_reference, has_secrets, has_tokens

CONTAINER = {"name": "c"}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


def projected(**source: Any) -> dict[str, Any]:
    return volume(projected={"sources": [source]})


SPECS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    (volume(emptyDir={}), ""),
    (volume(hostPath={"path": "/x"}), ""),
    (projected(downwardAPI={"items": []}), ""),
    ({"serviceAccountName": "robot", "imagePullSecrets": [{"name": "s"}]}, "serviceaccounts"),
    ({"imagePullSecrets": [{"name": "s"}]}, "secrets"),
    ({"containers": [{**CONTAINER, "envFrom": [{"secretRef": {"name": "s"}}]}]}, "secrets"),
    (volume(secret={"secretName": "s"}), "secrets"),
    (volume(azureFile={"secretName": "s", "shareName": "x"}), "secrets"),
    (volume(rbd={"secretRef": {"name": "s"}}), "secrets"),
    (volume(rbd={"image": "x"}), ""),
    (projected(secret={"name": "s"}), "secrets"),
    (
        {
            "containers": [
                {**CONTAINER, "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c"}}}]}
            ]
        },
        "configmaps",
    ),
    (volume(configMap={"name": "c"}), "configmaps"),
    ({"resourceClaims": [{"name": "r"}], **volume(csi={"driver": "d"})}, "resourceclaims"),
    (volume(csi={"driver": "d"}), "csidrivers (via CSI volumes)"),
    (volume(csi={"driver": "d", "nodePublishSecretRef": {"name": "s"}}), "secrets"),
    (volume(persistentVolumeClaim={"claimName": "c"}), "persistentvolumeclaims"),
    (volume(ephemeral={"volumeClaimTemplate": {}}), "persistentvolumeclaims (via ephemeral volumes)"),
    (projected(serviceAccountToken={"path": "t"}), "serviceaccounts (via projected volumes)"),
    (projected(clusterTrustBundle={"path": "t"}), "clustertrustbundles"),
    (projected(podCertificate={"keyType": "ED25519"}), "podcertificates"),
]


@pytest.mark.parametrize(("spec", "word"), SPECS)
def test_the_first_reference(spec: dict[str, Any], word: str) -> None:
    assert first_reference(spec) == word
    assert has_secrets({**spec, "serviceAccountName": ""}) == (
        word == "secrets" or "imagePullSecrets" in spec
    )
    assert has_tokens(spec) == ("projected volumes" in word)

"""lightkube: typed models over httpx."""

from __future__ import annotations

import pytest
from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.types import PatchType

from tests.pyberup import PyberUp, eventually

pytestmark = pytest.mark.peer


@pytest.fixture
def lightkube(hollow: PyberUp) -> Client:
    return Client(config=KubeConfig.from_file(hollow.state / "kubeconfig"), field_manager="lightkube")


def test_crud_and_patches(lightkube: Client, namespace: str) -> None:
    metadata = ObjectMeta(name="m", namespace=namespace, labels={"a": "b"})
    made = lightkube.create(ConfigMap(metadata=metadata, data={"k": "1"}))
    assert made.metadata is not None
    assert made.metadata.resourceVersion
    patched = lightkube.patch(ConfigMap, "m", {"data": {"k": "2"}}, namespace=namespace)
    assert patched.data == {"k": "2"}
    json_patch = [{"op": "add", "path": "/data/j", "value": "3"}]
    patched = lightkube.patch(ConfigMap, "m", json_patch, namespace=namespace, patch_type=PatchType.JSON)
    assert patched.data == {"k": "2", "j": "3"}
    assert [
        item.metadata.name for item in lightkube.list(ConfigMap, namespace=namespace, labels={"a": "b"})
    ] == ["m"]
    lightkube.delete(ConfigMap, "m", namespace=namespace)
    with pytest.raises(ApiError) as gone:
        lightkube.get(ConfigMap, "m", namespace=namespace)
    assert (gone.value.status.code, gone.value.status.reason) == (404, "NotFound")


def test_server_side_apply_keeps_what_others_own(lightkube: Client, namespace: str) -> None:
    def wanted(**data: str) -> ConfigMap:
        return ConfigMap(metadata=ObjectMeta(name="shared", namespace=namespace), data=data)

    lightkube.apply(wanted(a="1", b="1"), field_manager="one")
    lightkube.apply(wanted(c="1"), field_manager="two")
    with pytest.raises(ApiError) as conflict:
        lightkube.apply(wanted(a="2"), field_manager="two")
    assert conflict.value.status.code == 409
    assert 'conflict with "one": .data.a' in conflict.value.status.message
    forced = lightkube.apply(wanted(a="2"), field_manager="two", force=True)
    assert forced.data == {"a": "2", "b": "1"}, "c is no longer applied by two"


def test_a_deployment_is_waited_for_and_watched(lightkube: Client, namespace: str) -> None:
    labels = {"app": "w"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "w", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "nginx"}]},
            },
        },
    }
    lightkube.create(Deployment.from_dict(body))
    done = lightkube.wait(Deployment, "w", for_conditions=["Available"], namespace=namespace)
    assert done.status is not None
    pods = list(lightkube.list(Pod, namespace=namespace, labels=labels))
    assert len(pods) == 2
    scale = lightkube.get(Deployment.Scale, "w", namespace=namespace)
    assert scale.spec.replicas == 2
    scale.spec.replicas = 0
    lightkube.replace(scale, "w", namespace=namespace)
    eventually("no pods", lambda: not list(lightkube.list(Pod, namespace=namespace, labels=labels)))

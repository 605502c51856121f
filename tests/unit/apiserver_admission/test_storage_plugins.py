"""DefaultStorageClass, StorageObjectInUseProtection, PersistentVolumeClaimResize and DefaultIngressClass."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid
from pybernetes.apiserver.admission.defaultstorageclass import DEFAULT_ANNOTATIONS, newest_default

from .conftest import Client

DEFAULT = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}


def claim(size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}


def class_tree(name: str, at: str, value: str = "true") -> dict[str, Any]:
    annotations = {DEFAULT_ANNOTATIONS[0]: value}
    return {"metadata": {"name": name, "creationTimestamp": at, "annotations": annotations}}


CLASSES = [
    ([], None),
    ([class_tree("a", "2020", "false")], None),
    ([class_tree("a", "2020"), class_tree("b", "2021")], "b"),
    ([class_tree("b", "2020"), class_tree("a", "2020")], "a"),
]


@pytest.mark.parametrize(("classes", "expected"), CLASSES)
def test_the_newest_default_counts(classes: Any, expected: str | None) -> None:
    found = newest_default(classes, DEFAULT_ANNOTATIONS)
    assert (found["metadata"]["name"] if found else None) == expected


def test_claims_get_a_class_and_a_finalizer(run) -> None:
    async def scenario(client: Client) -> None:
        made = await client.create(kinds.PERSISTENTVOLUMECLAIM, "before", spec=claim())
        assert "storageClassName" not in made["spec"]
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        await client.create(kinds.STORAGECLASS, "standard", metadata=DEFAULT, provisioner="x")
        made = await client.create(kinds.PERSISTENTVOLUMECLAIM, "a", spec=claim())
        assert made["spec"]["storageClassName"] == "standard"
        made = await client.create(kinds.PERSISTENTVOLUMECLAIM, "b", spec=claim(storageClassName=""))
        assert made["spec"]["storageClassName"] == ""

    run(scenario)


def test_claims_grow_where_their_class_lets_them(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.STORAGECLASS, "fixed", provisioner="x")
        await client.create(kinds.STORAGECLASS, "growing", provisioner="x", allowVolumeExpansion=True)
        bigger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        bound = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
        for name in ("fixed", "growing"):
            spec = claim(storageClassName=name, volumeName="v")
            await client.create(kinds.PERSISTENTVOLUMECLAIM, name, spec=spec)
            with pytest.raises(Invalid):  # validation speaks first where it is not bound
                await client.patch(kinds.PERSISTENTVOLUMECLAIM, name, bigger)
            await client.patch(kinds.PERSISTENTVOLUMECLAIM, name, bound, "status")
        with pytest.raises(Forbidden) as caught:
            await client.patch(kinds.PERSISTENTVOLUMECLAIM, "fixed", bigger)
        assert "only dynamically provisioned pvc can be resized" in caught.value.message
        made = await client.patch(kinds.PERSISTENTVOLUMECLAIM, "growing", bigger)
        assert made["spec"]["resources"]["requests"] == {"storage": "2Gi"}

    run(scenario)


def test_ingresses_get_a_class(run) -> None:
    async def scenario(client: Client) -> None:
        backend = {"service": {"name": "s", "port": {"number": 80}}}
        annotations = {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}
        spec = {"controller": "example.com/x"}
        await client.create(kinds.INGRESSCLASS, "nginx", metadata=annotations, spec=spec)
        made = await client.create(kinds.INGRESS, "i", spec={"defaultBackend": backend})
        assert made["spec"]["ingressClassName"] == "nginx"
        old = {"annotations": {"kubernetes.io/ingress.class": "other"}}
        made = await client.create(kinds.INGRESS, "j", metadata=old, spec={"defaultBackend": backend})
        assert "ingressClassName" not in made["spec"]

    run(scenario)

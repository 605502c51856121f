"""Clusters that begin with what `kubectl get -o yaml` printed, and what is told of files that cannot be loaded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes import Cluster
from pybernetes.cluster.dumps import BadDump
from pybernetes.cluster.snapshot import load

WIDGETS = """
apiVersion: v1
kind: List
items:
- apiVersion: example.com/v1
  kind: Widget
  metadata:
    name: w1
    namespace: shop
    uid: 11111111-1111-4111-8111-111111111111
    resourceVersion: "77"
    ownerReferences: [{apiVersion: example.com/v1, kind: Widget, name: big, uid: of-another-cluster}]
  spec: {size: 3}
- apiVersion: example.com/v1
  kind: Widget
  metadata: {name: big, namespace: shop}
  spec: {size: 9}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: lonely
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: elsewhere, uid: x}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""


def test_custom_kinds_owners_and_namespaces_of_a_dump(tmp_path: Path) -> None:
    (tmp_path / "dump.yaml").write_text(WIDGETS)

    async def main() -> None:
        async with Cluster.load(tmp_path / "dump.yaml", nodes=1, time="virtual") as c:
            w1 = await c.get("widget/w1", namespace="shop")
            big = await c.get("widget/big", namespace="shop")
            assert w1["metadata"]["uid"].startswith("11111111")
            assert w1["metadata"]["ownerReferences"][0]["uid"] == big["metadata"]["uid"]
            assert (await c.get("namespace/shop"))["status"]["phase"] == "Active"
            await c.advance("10m")  # the garbage collector has looked at everything
            await c.get("configmap/lonely", namespace="shop")
            await c.delete("widget/big", namespace="shop")
            await c.wait("widget/w1", "deleted", namespace="shop")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n", "f.yaml: document 1: apiVersion is missing"),
        ("apiVersion: v1\nkind: Pod\n", "document 1: Pod: metadata.name is missing"),
        ("- 1\n", "document 1: an object is wanted, not [1]"),
        ("apiVersion: v1\nkind: [\n", "f.yaml: error converting YAML to JSON: yaml: line"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: x.io/v1\nkind: Thing\n"
            "metadata: {name: b}\n",
            'document 2: Thing b: kind: no kind "Thing" in version "x.io/v1": it is not built in',
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, "
            "spec: {replicas: three}}\n",
            "document 1, item 1: Deployment d: ",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\n"
            "metadata: {name: a, namespace: default}\n",
            "document 2: ConfigMap a: the same object is in",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a, ownerReferences: [{kind: X}]}\nspec: {containers: []}\n",
            "metadata.ownerReferences: apiVersion, kind or name is missing",
        ),
        ("", "f.yaml: no object is in it"),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(BadDump) as raised:
        load(tmp_path / "f.yaml")
    assert told in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_a_directory_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadDump, match=r"no \.yaml"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
